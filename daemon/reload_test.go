package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAReloadThatCouldNotComeBackIsRefused: what stands in the way of a new heart is found by the old one, which stays.
func TestAReloadThatCouldNotComeBackIsRefused(t *testing.T) {
	own, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		spoil, mend func(n *testNode)
		why         string
	}{
		{"another program that does not run", func(n *testNode) { n.replace("locum", own[:len(own)/2]) }, func(n *testNode) { n.replace("locum", own) }, "/locum"},
		{"no program", func(n *testNode) { n.away("locum") }, func(n *testNode) { n.back("locum") }, "/locum"},
		{"a state directory that cannot be written", func(n *testNode) {
			n.away("state/incarnation")
			if err := os.Mkdir(n.dir+"/state/incarnation", 0o700); err != nil {
				n.t.Fatal(err)
			}
		}, func(n *testNode) {
			if err := os.Remove(n.dir + "/state/incarnation"); err != nil {
				n.t.Fatal(err)
			}
			n.back("state/incarnation")
		}, "/state/incarnation"},
		{"no key", func(n *testNode) { n.away("key") }, func(n *testNode) { n.back("key") }, "/key"},
		{"a file in force that is spoilt", func(n *testNode) {
			n.away("state/locum.conf")
			n.write("state/locum.conf", "cluster", 0o600)
		}, func(n *testNode) { n.back("state/locum.conf") }, "/state/locum.conf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			n.program = n.dir + "/locum"
			n.replace("locum", own)
			n.start()
			n.serving()
			c.spoil(n)
			n.signal(syscall.SIGHUP)
			until(t, "it says why it stays", func() bool {
				return strings.Contains(n.log.String(), "it does not begin anew") && strings.Contains(n.log.String(), c.why)
			})
			n.serving()
			c.mend(n)
			n.signal(syscall.SIGHUP)
			until(t, "it executes itself anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 2 })
			n.serving()
			if got := n.read("calls"); got != "start\n" {
				t.Errorf("the service saw %q", got)
			}
		})
	}
}

// TestAReloadThatWaitsSaysSo: a disk that hangs keeps a new heart away, and nobody else.
func TestAReloadThatWaitsSaysSo(t *testing.T) {
	own, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t)
	n.program = n.dir + "/locum"
	n.replace("locum", own)
	n.start()
	n.serving()
	if err := syscall.Mkfifo(n.dir+"/hang", 0o600); err != nil {
		t.Fatal(err)
	}
	n.away("locum")
	n.replace("locum", fmt.Appendf(nil, "#!/bin/sh\n[ \"$1\" = version ] && exec cat %s/hang\nexec %[1]s/locum.away\n", n.dir))
	n.signal(syscall.SIGHUP)
	until(t, "it says that it waits", func() bool { return strings.Contains(n.log.String(), "one of them hangs") })
	n.serving()
	n.write("hang", "", 0o600) // ends the reading
	until(t, "it executes itself anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 2 })
	n.serving()
}

// TestAReloadExecutesWhatHasItsPlaceNow: who keeps the old program under another name, or changes where a link leads, gets the new one.
func TestAReloadExecutesWhatHasItsPlaceNow(t *testing.T) {
	own, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name           string
		first, another func(n *testNode, program string)
	}{
		{"the old one is moved aside", func(n *testNode, program string) { n.replace("locum", []byte(program)) }, func(n *testNode, program string) {
			n.away("locum")
			n.replace("locum", []byte(program))
		}},
		{"a link leads to another", func(n *testNode, program string) { n.link("locum", "locum.away", program) }, func(n *testNode, program string) {
			n.link("locum", "locum.2", program)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			n.program = n.dir + "/locum"
			c.first(n, string(own))
			n.start()
			n.serving()
			c.another(n, fmt.Sprintf("#!/bin/sh\necho >%s/another\n[ \"$1\" = version ] && exit\nexec %[1]s/locum.away\n", n.dir))
			n.signal(syscall.SIGHUP)
			until(t, "it executes itself anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 2 })
			n.serving()
			if n.read("another") == "" {
				t.Error("the old program was executed")
			}
		})
	}
}

// link makes, or changes, a link to a program of another name.
func (n *testNode) link(name, to, program string) {
	n.t.Helper()
	n.replace(to, []byte(program))
	if err := os.Symlink(to, filepath.Join(n.dir, name+".new")); err != nil {
		n.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(n.dir, name+".new"), filepath.Join(n.dir, name)); err != nil {
		n.t.Fatal(err)
	}
}

// replace has a program take another's place, as mv does.
func (n *testNode) replace(name string, program []byte) {
	n.t.Helper()
	n.write(name+".new", string(program), 0o755)
	if err := os.Rename(filepath.Join(n.dir, name+".new"), filepath.Join(n.dir, name)); err != nil {
		n.t.Fatal(err)
	}
}

func (n *testNode) away(name string) {
	n.t.Helper()
	if err := os.Rename(filepath.Join(n.dir, name), filepath.Join(n.dir, name+".away")); err != nil {
		n.t.Fatal(err)
	}
}

func (n *testNode) back(name string) {
	n.t.Helper()
	if err := os.Rename(filepath.Join(n.dir, name+".away"), filepath.Join(n.dir, name)); err != nil {
		n.t.Fatal(err)
	}
}
