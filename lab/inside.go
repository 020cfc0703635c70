package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// NodeDir is where a node finds its own directory: it is the same after a reboot, while the rest of /run is empty. The
// programs of the world lie in it too.
const NodeDir = "/run/lab"

// EchoPort is where every node answers UDP by itself, on each of its addresses and as long as it lives.
const EchoPort = 7

// bootOrder is what the first process of a node is told, as one line of JSON.
type bootOrder struct {
	Name   string `json:"name"`
	Dir    string `json:"dir"` // the node's own directory, as the world's mount namespace has it
	BootID string `json:"boot_id"`
}

// playNode is the first process of a node. It makes the inside of the machine, says so, answers echoes, collects orphans,
// and ends when the world's end of its standard input is closed.
func playNode() error {
	orders := json.NewDecoder(os.Stdin)
	var o bootOrder
	if err := orders.Decode(&o); err != nil {
		return fmt.Errorf("what to be: %w", err)
	}
	if err := unix.Sethostname([]byte(o.Name)); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	if err := nodeMounts(o); err != nil {
		return err
	}
	go collectOrphans()
	echo, err := listenEcho(EchoPort)
	if err != nil {
		return err
	}
	go func() {
		fmt.Fprintln(os.Stderr, "echo:", echo.serve(o.Name))
		os.Exit(1)
	}()
	if _, err := fmt.Println("ready"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// nodeMounts makes the node's own /proc, /sys, /run and /tmp, and a boot id as of another kernel.
func nodeMounts(o bootOrder) error {
	dir, err := unix.Open(o.Dir, unix.O_PATH|unix.O_CLOEXEC, 0) // before /run is covered
	if err != nil {
		return &os.PathError{Op: "open", Path: o.Dir, Err: err}
	}
	defer unix.Close(dir)
	for _, m := range []struct{ kind, on, options string }{
		{"proc", "/proc", ""}, {"tmpfs", "/run", "mode=755"}, {"tmpfs", "/tmp", "mode=1777"},
	} {
		if err := unix.Mount(m.kind, m.on, m.kind, unix.MS_NOSUID|unix.MS_NODEV, m.options); err != nil {
			return fmt.Errorf("%s on %s: %w", m.kind, m.on, err)
		}
	}
	if err := hideCgroups(); err != nil {
		return err
	}
	if err := os.Mkdir(NodeDir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", dir), NodeDir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", NodeDir, err)
	}
	id := filepath.Join(NodeDir, "boot_id")
	if err := os.WriteFile(id, []byte(o.BootID+"\n"), 0o444); err != nil {
		return err
	}
	if err := unix.Mount(id, "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind the boot id: %w", err)
	}
	return nil
}

// hideCgroups gives the node a /sys of its own network and without cgroups: groups that it made would be the host's, and
// would outlive it.
func hideCgroups() error {
	err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if err == nil {
		return nil
	}
	if _, missing := os.Stat("/sys/fs/cgroup"); missing != nil {
		return nil
	}
	if err := unix.Mount("tmpfs", "/sys/fs/cgroup", "tmpfs", unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("hide the cgroups: %w", err)
	}
	return nil
}

// collectOrphans waits for what was left to the node's first process.
func collectOrphans() {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	for range died {
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if pid <= 0 && err != unix.EINTR {
				break
			}
		}
	}
}
