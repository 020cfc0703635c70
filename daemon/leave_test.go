package daemon

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/console"
)

// leaving has a node leave, as its unit does.
func (n *testNode) leaving(ctx context.Context) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- Leave(ctx, n.cmd.Process.Pid, n.options.Socket) }()
	return ended
}

func ends(t *testing.T, what string, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.Fatalf("not within %s: %s", patience, what)
		return nil
	}
}

// TestALeaveThatIsAskedForWhileTheHeartExecutesItselfAnewIsAnOrderlyOne: the next program rests before it listens.
func TestALeaveThatIsAskedForWhileTheHeartExecutesItselfAnewIsAnOrderlyOne(t *testing.T) {
	n := newNode(t)
	n.env = []string{restVariable + "=" + n.dir}
	n.start()
	n.serving()
	n.write("rest", "", 0o600)
	n.signal(syscall.SIGHUP)
	until(t, "it rests", func() bool { _, err := os.Stat(n.dir + "/rest"); return os.IsNotExist(err) })
	asked := n.leaving(t.Context())
	n.write("on", "", 0o600)
	if err := ends(t, "the word that it has left", asked); err != nil {
		t.Error(err)
	}
	if code := n.exit(); code != 0 || !strings.Contains(n.log.String(), "has left in order") {
		t.Errorf("exit status %d (%v)", code, n.cmd.ProcessState)
	}
	if got := n.read("calls"); got != "start\nstop\n" {
		t.Errorf("the service saw %q", got)
	}
}

// TestALeaveIsAskedForOnceHoweverOften, also across a reload: only a second signal leaves the services as they are.
func TestALeaveIsAskedForOnceHoweverOften(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	n.write("hang", "", 0o600)
	first := n.leaving(t.Context())
	until(t, "the stop hangs", func() bool { return strings.HasSuffix(n.read("calls"), "stop\n") })
	if _, err := n.ask(console.Request{Verb: "leave"}); err != nil {
		t.Error(err)
	}
	n.signal(syscall.SIGHUP)
	until(t, "it executes itself anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 2 })
	second := n.leaving(t.Context())
	if err := os.Remove(n.dir + "/hang"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ends(t, "the first word", first), ends(t, "the second word", second)); err != nil {
		t.Error(err)
	}
	if code := n.exit(); code != 0 || !strings.Contains(n.log.String(), "has left in order") {
		t.Errorf("exit status %d (%v)", code, n.cmd.ProcessState)
	}
}

// TestALeaveOfNobodyEnds: whoever has ended is not asked, and whoever does not understand is not asked again.
func TestALeaveOfNobodyEnds(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := Leave(t.Context(), cmd.Process.Pid, t.TempDir()+"/none"); err != nil {
		t.Errorf("of one that has ended: %v", err)
	}
	old := t.TempDir() + "/old"
	l, err := net.Listen("unix", old)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan struct{}, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			asked <- struct{}{}
			_, _ = bufio.NewReader(conn).ReadString('\n')
			refuse(conn, console.ExitUsage, "no such request")
			conn.Close()
		}
	}()
	if err := Leave(t.Context(), os.Getpid(), old); !isUsage(err) || len(asked) != 1 {
		t.Errorf("of one that does not know the word: %v, asked %d times", err, len(asked))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Leave(ctx, os.Getpid(), t.TempDir()+"/none"); !errors.Is(err, context.Canceled) {
		t.Errorf("when nobody waits any more: %v", err)
	}
}
