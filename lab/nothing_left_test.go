package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// makerKey marks a copy of the test program that makes a world and waits to be killed; markKey marks all of its children.
const (
	makerKey     = "LOCUM_LAB_MAKER"
	makerRootKey = "LOCUM_LAB_MAKER_ROOT" // Options.Root
	markKey      = "LOCUM_LAB_MARK"
)

// makeAndWait makes a world, says how far it is, one line a step, and stays.
func makeAndWait() {
	o := Options{Nodes: 2, Root: os.Getenv(makerRootKey)}
	os.Unsetenv(makerKey)
	check := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("begun")
	w, err := New(o)
	check(err)
	fmt.Println("made")
	for _, n := range w.Nodes {
		check(n.Boot())
		fmt.Println("booted")
		_, err := n.Start(nil, "sh", "-c", "trap '' TERM HUP INT; setsid sleep 1000 & wait")
		check(err)
		fmt.Println("started")
	}
	_, err = w.Probe(netip.AddrPortFrom(w.Nodes[0].Addr, EchoPort), time.Millisecond)
	check(err)
	fmt.Println("probing")
	check(w.Nodes[0].Crash())
	fmt.Println("crashed")
	select {}
}

// marked lists the processes of which mark stands in the environment.
func marked(t *testing.T, mark string) (list []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	must(t, err)
	for _, f := range files {
		env, err := os.ReadFile(f) // a process that has just ended is no error
		if err == nil && bytes.Contains(env, []byte(markKey+"="+mark)) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			must(t, err)
			list = append(list, pid)
		}
	}
	return list
}

// host is what a world would leave on the host beside processes: its links, mounts and directories. Other programs' do
// not count; they come and go.
func host(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	links, err := net.Interfaces()
	must(t, err)
	for _, l := range links {
		if l.Name == "switch" || strings.HasPrefix(l.Name, "p-") {
			fmt.Fprintln(&b, "interface", l.Name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	must(t, err)
	for line := range strings.Lines(string(mounts)) {
		words := strings.Fields(line)
		if slices.Contains([]string{"/run", "/tmp", "/sys", NodeDir, "/proc/sys/kernel/random/boot_id"}, words[1]) {
			b.WriteString(line)
		}
	}
	for _, dir := range []string{NodeDir, programDir, nodesDir, "/run/locum", "/var/lib/locum"} {
		if _, err := os.Stat(dir); err == nil {
			fmt.Fprintln(&b, dir)
		}
	}
	return b.String()
}

func TestAKilledWorldLeavesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	for i, step := range []string{"begun", "made", "booted", "started", "booted", "started", "probing", "crashed"} {
		t.Run(fmt.Sprintf("killed at step %d, %s", i, step), func(t *testing.T) {
			before := host(t)
			mark := fmt.Sprintf("%d-%d", os.Getpid(), Now())
			cmd := exec.Command("/proc/self/exe", "-test.run=^$")
			cmd.Env = append(os.Environ(), makerKey+"=1", markKey+"="+mark)
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			t.Cleanup(func() {
				cmd.Process.Kill()
				for _, pid := range marked(t, mark) { // only after a failure
					syscall.Kill(pid, syscall.SIGKILL)
				}
			})
			lines := bufio.NewScanner(out)
			for range i + 1 {
				if !lines.Scan() {
					t.Fatal("it ended early")
				}
			}
			if lines.Text() != step {
				t.Fatalf("it says %q", lines.Text())
			}
			if during := host(t); during != before {
				t.Errorf("the host saw something of it: %s\nbefore: %s", during, before)
			}
			if i >= 2 { // a process that is just being executed shows no environment for a moment
				eventually(t, "its processes are found", func() bool { return len(marked(t, mark)) >= 2 })
			}
			must(t, cmd.Process.Kill())
			_ = cmd.Wait() // killed
			eventually(t, "all of its processes are gone", func() bool { return len(marked(t, mark)) == 0 })
			if after := host(t); after != before {
				t.Errorf("the host has more: %s\nbefore: %s", after, before)
			}
		})
	}
}

// descendants lists the processes below one, by their parents; processes of a container bear no mark.
func descendants(t *testing.T, pid int) (list []int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	must(t, err)
	for _, f := range tasks {
		text, _ := os.ReadFile(f) // a process that has just ended has none
		for _, word := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(word)
			must(t, err)
			list = append(append(list, child), descendants(t, child)...)
		}
	}
	return list
}

// lives reports whether a process runs; one that has ended and waits to be collected does not.
func lives(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return err == nil && !bytes.HasPrefix(rest, []byte("Z")) && !bytes.HasPrefix(rest, []byte("X"))
}

func TestAKilledWorldOfContainersLeavesNoProcess(t *testing.T) {
	long(t)
	root := systemRoot(t)
	for i, step := range []string{"made", "booted", "started", "booted", "started", "probing", "crashed"} {
		if step == "started" {
			continue
		}
		t.Run(fmt.Sprintf("killed at step %d, %s", i, step), func(t *testing.T) {
			before := host(t)
			cmd := exec.Command("/proc/self/exe", "-test.run=^$")
			cmd.Env = append(os.Environ(), makerKey+"=1", makerRootKey+"="+root)
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			said := bufio.NewScanner(out)
			for range i + 2 {
				said.Scan()
			}
			if said.Text() != step {
				t.Errorf("it says %q", said.Text())
			}
			if step == "made" { // while the first container boots
				eventually(t, "its container has begun", func() bool { return len(descendants(t, cmd.Process.Pid)) > 3 })
			}
			all := descendants(t, cmd.Process.Pid)
			must(t, cmd.Process.Kill())
			_ = cmd.Wait() // killed
			eventually(t, "all of its processes are gone", func() bool { return !slices.ContainsFunc(all, lives) })
			if after := host(t); after != before {
				t.Errorf("the host has more: %s\nbefore: %s", after, before)
			}
		})
	}
}
