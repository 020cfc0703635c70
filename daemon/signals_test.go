package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// atItsFile starts a node and waits until it reads its file, which proceed hands to it: all before that moment is over, and
// nothing after it.
func (n *testNode) atItsFile() (proceed func()) {
	n.t.Helper()
	path := n.options.ConfigFile
	text := n.read(filepath.Base(path))
	if err := os.Remove(path); err != nil {
		n.t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.start()
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the reader
	if err != nil {
		n.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil { // whoever reads it after this finds a file
			n.t.Error(err)
		}
		n.write(filepath.Base(path), text, 0o644)
		if _, err := f.WriteString(text); err != nil {
			n.t.Error(err)
		}
		f.Close()
	}
}

func TestAnEndThatIsAskedForDuringTheStartIsAnOrderlyOne(t *testing.T) {
	n := newNode(t)
	proceed := n.atItsFile()
	n.signal(syscall.SIGTERM)
	proceed()
	if code := n.exit(); code != 0 || !strings.Contains(n.log.String(), "has left in order") {
		t.Errorf("exit status %d (%v)", code, n.cmd.ProcessState)
	}
}

func TestAReloadThatIsAskedForDuringTheStartEndsNobody(t *testing.T) {
	n := newNode(t)
	proceed := n.atItsFile()
	n.signal(syscall.SIGHUP)
	proceed()
	until(t, "it executes itself anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 2 })
	n.serving()
}

// A journal that is started anew, or a pipe whose reader was killed, is no reason to end.
func TestAStandardErrorThatNobodyReadsEndsNobody(t *testing.T) {
	n := newNode(t)
	fifo := n.dir + "/stderr"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	n.shell = "exec 2>" + fifo
	n.start()
	n.serving()
	heart, engine := n.cmd.Process.Pid, n.engine()
	reader.Close()
	for range 2 { // the heart says that its engine has ended; the next engine says what it does
		old := n.engine()
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		until(t, "another engine", func() bool { now := n.engine(); return now != 0 && now != old })
		n.serving()
	}
	if standsStill(heart) || n.engine() == engine {
		t.Error("the heart or the engine has ended")
	}
	n.signal(syscall.SIGTERM)
	if code := n.exit(); code != 0 {
		t.Errorf("exit status %d (%v)", code, n.cmd.ProcessState)
	}
}

// A file that takes effect, or a reload, while the node hands its services over must not make it forget that.
func TestAReloadWhileItLeavesDoesNotKeepIt(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	n.write("hang", "", 0o600)
	n.signal(syscall.SIGTERM)
	until(t, "the stop hangs", func() bool { return strings.HasSuffix(n.read("calls"), "stop\n") })
	n.signal(syscall.SIGHUP)
	until(t, "it executes itself anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 2 })
	if err := os.Remove(n.dir + "/hang"); err != nil {
		t.Fatal(err)
	}
	if code := n.exit(); code != 0 || !strings.Contains(n.log.String(), "has left in order") {
		t.Errorf("exit status %d (%v)", code, n.cmd.ProcessState)
	}
}
