package daemon

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// logind stands for logind on a real bus: it hands out one end of a pipe as a lock, and knows from the other when it is dropped.
type logind struct {
	asked chan []string
	free  chan struct{}
}

func (l *logind) Inhibit(what, who, why, mode string) (dbus.UnixFD, *dbus.Error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	fd := dbus.UnixFD(w.Fd()) // before anybody closes it
	l.asked <- []string{what, who, mode}
	go func() {
		defer r.Close()
		_, _ = r.Read(make([]byte, 1)) // ends when nobody has the other end
		l.free <- struct{}{}
	}()
	// The reply takes a copy of its own; ours goes when this process is done with it, which the pipe must not wait for.
	go func() { l.asked <- nil; w.Close() }()
	return fd, nil
}

// newBus starts a bus and makes it the system's for this test.
func newBus(t *testing.T) *dbus.Conn {
	t.Helper()
	path, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("needs dbus-daemon: ", err)
	}
	cmd := exec.Command(path, "--session", "--nofork", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", strings.TrimSpace(address))
	bus, err := dbus.Connect(strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bus.Close() })
	return bus
}

func newLogind(t *testing.T) *logind {
	t.Helper()
	bus := newBus(t)
	l := &logind{asked: make(chan []string), free: make(chan struct{})}
	if err := bus.Export(l, "/org/freedesktop/login1", "org.freedesktop.login1.Manager"); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.RequestName("org.freedesktop.login1", 0); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestANodeKeepsItsMachineAwakeWhileItServes(t *testing.T) {
	l := newLogind(t)
	var locks atomic.Int32 // that are held
	go func() {
		for {
			select {
			case asked := <-l.asked:
				if asked != nil {
					locks.Add(1)
				}
			case <-l.free:
				locks.Add(-1)
			}
		}
	}()
	n := newNode(t)
	n.start()
	n.serving()
	until(t, "a lock is held", func() bool { return locks.Load() == 1 })
	n.signal(unix.SIGHUP) // another heart, another engine, and the service runs on
	until(t, "another engine serves", func() bool { return strings.Count(n.log.String(), "the engine is up") == 2 })
	n.serving()
	until(t, "a lock is held by the new engine", func() bool { return locks.Load() == 1 })
	n.signal(unix.SIGTERM)
	until(t, "the lock is dropped", func() bool { return locks.Load() == 0 })
}

func TestTheMachineDoesNotSleepWhileSomethingRuns(t *testing.T) {
	l := newLogind(t)
	lock := &sleepLock{log: func(level, text string) { t.Error(level, text) }}
	for range 2 {
		lock.want(true)
		if got := strings.Join(<-l.asked, " "); got != "sleep locum block" {
			t.Errorf("asked for %q", got)
		}
		until(t, "the lock is held", func() bool { lock.mu.Lock(); defer lock.mu.Unlock(); return lock.held != nil && !lock.working })
		<-l.asked // our own copy is closed from here on
		lock.want(true)
		select {
		case <-l.free:
			t.Fatal("the lock was dropped while it is wanted")
		default:
		}
		lock.want(false)
		<-l.free
	}
}

func TestWithoutLogindNobodyIsAskedAndNothingIsSaid(t *testing.T) {
	newBus(t)
	lock := &sleepLock{log: func(level, text string) { t.Error(level, text) }}
	lock.want(true)
	until(t, "nothing is left to do", func() bool { lock.mu.Lock(); defer lock.mu.Unlock(); return lock.held != nil && !lock.working })
	lock.want(false)
	until(t, "nothing is left to do", func() bool { lock.mu.Lock(); defer lock.mu.Unlock(); return lock.held == nil && !lock.working })
}
