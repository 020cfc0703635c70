package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rootsDir is where the disks of nodes with a systemd lie in the world's mount namespace.
const rootsDir = "/run/roots"

// startSystem is start for a node that is a container with a systemd of its own. Its network is plugged in while it boots.
func (n *Node) startSystem(l *life) (err error) {
	l.groups = ownGroups("locum-lab-" + n.world.id + "-" + n.Name)
	cmd := exec.Command("sh", append([]string{"-c", joinGroups, "sh", n.nspawn()}, l.groups...)...)
	// The container outlives its keeper, but nothing outlives the first process of a PID namespace.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setsid: true, Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	said, err := os.CreateTemp("", "locum-lab-console")
	if err != nil {
		return err
	}
	defer said.Close()
	if err := os.Remove(said.Name()); err != nil { // it needs no name
		return err
	}
	cmd.Stdout, cmd.Stderr = said, said
	word, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	told, err := n.world.launchSystem(n, cmd)
	if err != nil {
		return err
	}
	defer told.Close()
	l.first, l.line = cmd, word
	n.now = l
	go n.collect(l)
	defer func() {
		if err != nil {
			text, _ := io.ReadAll(io.NewSectionReader(said, 0, keepOutput))
			err = errors.Join(err, n.end(), fmt.Errorf("it said: %s", bytes.TrimSpace(text)))
		}
	}()
	if _, err := io.WriteString(word, "go\n"); err != nil {
		return err
	}
	if err := n.plugSystem(l, told); err != nil {
		return err
	}
	return awaitNotice(told, "READY=1")
}

// joinGroups has the shell wait for a word, which does not come if the world died before it could have this process die
// with it; then enter control groups, since two containers in one group would be one another's; then become the program.
const joinGroups = `read word || exit; program=$1; shift; for g; do mkdir -p "$g" && echo 0 >"$g/cgroup.procs" || exit; done
mount -t proc proc /proc && exec $program </dev/null`

// ownGroups are directories of control groups, below this process's own, in each hierarchy that systemd keeps its units in.
func ownGroups(name string) (list []string) {
	text, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		mounts := map[string][]string{"": {"unified", ""}, "name=systemd": {"systemd"}}[part[1]]
		for _, m := range mounts {
			dir := filepath.Join("/sys/fs/cgroup", m, part[2])
			if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
				list = append(list, filepath.Join(dir, name))
				break
			}
		}
	}
	return list
}

// removeOldGroups takes away what worlds have left that were killed: groups with no process in them, a minute after they
// were made, when a container has long begun.
func removeOldGroups() {
	for _, g := range ownGroups("") {
		old, _ := filepath.Glob(filepath.Join(g, "locum-lab-*"))
		for _, dir := range old {
			if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Minute && !inUse(dir) {
				_ = removeGroups([]string{dir})
			}
		}
	}
}

// inUse reports whether a process is in a control group or below it.
func inUse(group string) (used bool) {
	_ = filepath.WalkDir(group, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "cgroup.procs" {
			text, err := os.ReadFile(path)
			used = used || err != nil || len(text) > 0
		}
		return nil
	})
	return used
}

// removeGroups takes away what the container has left, the innermost first. Nothing runs in it.
func removeGroups(groups []string) (err error) {
	for _, g := range groups {
		var all []string
		_ = filepath.WalkDir(g, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, path)
			}
			return nil
		})
		for i := len(all) - 1; i >= 0; i-- {
			err = errors.Join(err, unix.Rmdir(all[i]))
		}
	}
	return err
}

func (n *Node) nspawn() string {
	return strings.Join([]string{"systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --notify-ready=yes",
		"--console=pipe --link-journal=no --capability=CAP_IPC_LOCK,CAP_SYS_RESOURCE --machine=lab-" + n.world.id + "-" + n.Name,
		"--directory=" + n.root(), "--bind=" + n.dir() + ":" + NodeDir}, " ")
}

func (n *Node) root() string { return filepath.Join(rootsDir, n.Name, "root") }

// launchSystem starts a node's container from the world's thread, and gives the socket where it tells how far it is.
func (w *World) launchSystem(n *Node, cmd *exec.Cmd) (told *net.UnixConn, err error) {
	err = w.keeper.do(func() error {
		socket := filepath.Join(rootsDir, n.Name, "notify")
		if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if told, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"}); err != nil {
			return err
		}
		cmd.Env = append(os.Environ(), "LOCUM_LAB="+w.id, "NOTIFY_SOCKET="+socket)
		return cmd.Start()
	})
	if err != nil && told != nil {
		told.Close()
	}
	return told, err
}

// plugSystem waits for the container's process 1 and connects its network.
func (n *Node) plugSystem(l *life, told *net.UnixConn) (err error) {
	if err := awaitNotice(told, "X_NSPAWN_LEADER_PID="); err != nil { // in a PID namespace that is not ours
		return err
	}
	if l.leader, err = onlyChild(l.first.Process.Pid); err != nil {
		return err
	}
	if l.pidfd, err = openPidfd(l.leader); err != nil {
		return err
	}
	return n.connect(l)
}

// onlyChild is the one child of a process.
func onlyChild(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // proc_tid_children(5)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// connect plugs a node that is in its namespaces into the network, and begins to watch it.
func (n *Node) connect(l *life) (err error) {
	if l.space, err = netspaceOf(l.pid()); err != nil {
		return err
	}
	if err := n.world.Observer.watch(n, l.space); err != nil {
		return err
	}
	if err := n.world.Wires.plug(n.Name, n.Number, l.space, netip.PrefixFrom(n.Addr, 24), netip.PrefixFrom(n.Addr6, 64)); err != nil {
		return err
	}
	if n.world.known {
		if err := n.knowOthers(l.space); err != nil {
			return err
		}
	}
	return n.world.Observer.listen(n)
}

// systemPatience is how long a container may take to boot. It takes some 2 s.
const systemPatience = time.Minute

// awaitNotice reads what is told (sd_notify(3)) until a line begins as wanted.
func awaitNotice(told *net.UnixConn, want string) error {
	if err := told.SetReadDeadline(time.Now().Add(systemPatience)); err != nil {
		return err
	}
	for buf := make([]byte, 4096); ; {
		got, err := told.Read(buf)
		if err != nil {
			return fmt.Errorf("the container did not come up, no %s: %w", want, err)
		}
		for line := range strings.SplitSeq(string(buf[:got]), "\n") {
			if strings.HasPrefix(line, want) {
				return nil
			}
		}
	}
}

// layRoot makes a node's disk: what it writes lies over the common root, in memory, and outlives its boots.
func layRoot(root string, n *Node) error {
	dir := filepath.Join(rootsDir, n.Name)
	for _, name := range []string{"root", "upper", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	options := "lowerdir=" + root + ",upperdir=" + dir + "/upper,workdir=" + dir + "/work"
	if err := unix.Mount("overlay", n.root(), "overlay", 0, options); err != nil {
		return fmt.Errorf("the disk of %s: %w", n.Name, err)
	}
	return os.WriteFile(filepath.Join(n.root(), "etc/hostname"), []byte(n.Name+"\n"), 0o644)
}
