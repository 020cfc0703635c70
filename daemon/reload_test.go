package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/cluster"
	"locum/console"
	"locum/heartbeat"
	"locum/wire"
)

// TestAReloadThatCouldNotComeBackIsRefused: what stands in the way of a new heart is found by the old one, which stays.
func TestAReloadThatCouldNotComeBackIsRefused(t *testing.T) {
	own := ownProgram(t)
	for _, c := range []struct {
		name        string
		spoil, mend func(n *testNode)
		why         string
	}{
		{"another program that does not run", func(n *testNode) { n.replace("locum", own[:len(own)/2]) }, func(n *testNode) { n.replace("locum", own) }, "/locum"},
		{"no program", func(n *testNode) { n.away("locum") }, func(n *testNode) { n.back("locum") }, "/locum"},
		{"another version that refuses the file in force", func(n *testNode) {
			n.replace("locum", []byte("#!/bin/sh\n[ \"$1\" = version ] && exit\necho 'locum.conf:4: a node is no word any more'\nexit 1\n"))
		}, func(n *testNode) { n.replace("locum", own) }, "a node is no word any more"},
		{"another version that panics at the file in force", func(n *testNode) { // as Go does it, with the status of a wrong usage
			n.replace("locum", []byte("#!/bin/sh\n[ \"$1\" = version ] && exit\necho 'panic: runtime error: index out of range [3] with length 3'\nexit 2\n"))
		}, func(n *testNode) { n.replace("locum", own) }, "index out of range"},
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
		{"an incarnation that cannot be read", func(n *testNode) {
			n.away("state/incarnation")
			n.write("state/incarnation", strings.Repeat("x", slotCount*slotSize), 0o600)
		}, func(n *testNode) { n.back("state/incarnation") }, "/state/incarnation"},
		{"a machine's identity that cannot be read", func(n *testNode) {
			n.away("state/machine")
			n.write("state/machine", "rubbish", 0o600)
		}, func(n *testNode) { n.back("state/machine") }, "/state/machine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			n.startOf(own)
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

// TestANewFileTakesEffectWithoutAProgram: nobody leads with a file that is in force no more, however long the program is not what it should be.
func TestANewFileTakesEffectWithoutAProgram(t *testing.T) {
	own := ownProgram(t)
	n := newNode(t)
	n.startOf(own)
	n.replace("locum", own[:len(own)/2])
	file := n.read("locum.conf") + "service other nodes=alpha\nresource other script " + n.dir + "/script interval=1s\n"
	if _, err := n.ask(console.Request{Verb: "command", Command: &cluster.Command{Verb: "apply", Text: file, By: "a test"}}); err != nil {
		t.Fatal(err)
	}
	until(t, "it begins anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 2 })
	if !strings.Contains(n.log.String(), "with the program that runs") || !strings.Contains(n.log.String(), n.program) {
		t.Error("it does not say what is wrong with its program")
	}
	if got := n.serving(); len(got.Status.Services) != 2 {
		t.Errorf("it has the services %v", got.Status.Services)
	}
	n.signal(syscall.SIGHUP)
	until(t, "it says why it stays", func() bool { return strings.Contains(n.log.String(), "it does not begin anew") })
	n.replace("locum", own)
	n.signal(syscall.SIGHUP)
	until(t, "it executes itself anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 3 })
	n.serving()
}

// TestAReloadThatWouldBeAnotherNodeIsRefused: a machine that was named anew is found in the file under another number, or not at all.
func TestAReloadThatWouldBeAnotherNodeIsRefused(t *testing.T) {
	n := newNode(t)
	n.write("locum.conf", strings.Replace(n.read("locum.conf"), "node 1 alpha", "node 1 alpha\nnode 2 beta\npath udp lan alpha=192.0.2.1 beta=192.0.2.2\ntiebreak unsafe", 1), 0o644)
	state, err := openStateDir(n.options.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	defer state.close()
	if _, err := state.nextIncarnation(0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, want string }{{"alpha", ""}, {"beta", "another node now, beta"}, {"gamma", `"gamma"`}} {
		o := n.options
		o.Node = c.name
		if _, err := wouldComeUp(o, state, 1, false); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("as %s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestAProgramThatDoesNotEndIsNotWaitedFor, nor whoever has its output after it: else there would be no reload any more.
func TestAProgramThatDoesNotEndIsNotWaitedFor(t *testing.T) {
	n := newNode(t)
	if err := syscall.Mkfifo(n.dir+"/hang", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		within     time.Duration
		runs       bool
	}{
		{"a shell that waits for another", "#!/bin/sh\ncat " + n.dir + "/hang; exit\n", 100 * time.Millisecond, false},
		{"one that does not end to speak", "#!/bin/sh\nexec yes\n", 100 * time.Millisecond, false},
		{"one that leaves another running", "#!/bin/sh\ncat " + n.dir + "/hang &\nexit 0\n", patience, true},
	} {
		n.replace("locum", []byte(c.text))
		ended := make(chan error, 1)
		go func() { ended <- programRuns(n.dir+"/locum", c.within) }()
		select {
		case err := <-ended:
			if (err == nil) != c.runs || err != nil && len(err.Error()) > 2*mostSaid {
				t.Errorf("%s: %.100v", c.name, err)
			}
		case <-time.After(patience):
			t.Errorf("%s is waited for", c.name)
		}
	}
	n.endAll()
}

// TestAProgramThatIsTooOldToBeAskedIsTaken, which says that it does not know the word, and no other for its exit status.
func TestAProgramThatIsTooOldToBeAskedIsTaken(t *testing.T) {
	n := newNode(t)
	for said, taken := range map[string]bool{
		`locum: no command "would-run"; locum help lists them`:  true,
		`locum: no command "would-run" (locum help lists them)`: true,
		`panic: runtime error`:                                  false,
		`locum would-run: unknown flag: --state-dir`:            false,
	} {
		n.replace("locum", []byte("#!/bin/sh\necho '"+said+"' >&2\nexit 2\n"))
		if err := programWouldRun(n.dir+"/locum", n.options, patience); (err == nil) != taken {
			t.Errorf("%s: %v", said, err)
		}
	}
}

// TestAReloadInBetweenEndsNoOther: a new file that waits to take effect is tried again, also when an operator has told the heart to reload just when it was.
func TestAReloadInBetweenEndsNoOther(t *testing.T) {
	h := &heart{o: newNode(t).options, state: &stateDir{path: t.TempDir()}, said: map[string]bool{}, log: quiet}
	var err error
	if h.w, err = newWaiter(); err != nil {
		t.Fatal(err)
	}
	defer h.w.close()
	h.beginAnew(0)
	h.beginAnew(time.Millisecond) // its pause was over just then
	end := time.Now().Add(patience)
	for tries := 0; tries < 3; {
		if time.Now().After(end) {
			t.Fatalf("it was tried %d times", tries)
		}
		was := h.trying
		for _, do := range h.w.posted() {
			do()
		}
		if was && !h.trying {
			tries++
		}
		if err := h.w.wait(heartbeat.Now(), heartbeat.Now()+wire.Instant(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAReloadThatWaitsSaysSo: a disk that hangs keeps a new heart away, and nobody else.
func TestAReloadThatWaitsSaysSo(t *testing.T) {
	own := ownProgram(t)
	n := newNode(t)
	n.startOf(own)
	if err := syscall.Mkfifo(n.dir+"/hang", 0o600); err != nil {
		t.Fatal(err)
	}
	n.away("locum")
	n.replace("locum", fmt.Appendf(nil, "#!/bin/sh\n[ \"$1\" = version ] && exec cat %s/hang\nexec %[1]s/locum.away \"$@\"\n", n.dir))
	n.signal(syscall.SIGHUP)
	until(t, "it says that it waits", func() bool { return strings.Contains(n.log.String(), "one of them hangs") })
	n.serving()
	n.write("hang", "", 0o600) // ends the reading
	until(t, "it executes itself anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 2 })
	n.serving()
}

// TestAReloadExecutesWhatHasItsPlaceNow: who keeps the old program under another name, or changes where a link leads, gets the new one.
func TestAReloadExecutesWhatHasItsPlaceNow(t *testing.T) {
	own := ownProgram(t)
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
			c.another(n, fmt.Sprintf("#!/bin/sh\necho >%s/another\n[ \"$1\" = version ] && exit\nexec %[1]s/locum.away \"$@\"\n", n.dir))
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
