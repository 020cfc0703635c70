package serialhb

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// cable joins two ptys as a null modem would, at a pace of its own: ptys have no rate.
type cable struct {
	masters [2]*os.File
	devices [2]string
	kept    [2]int // an open end each
	mu      sync.Mutex
	cut     [2]bool // what comes from this end is lost
	loop    bool    // each end hears itself
	change  func([]byte) []byte
}

func newCable(t *testing.T, baud int) *cable {
	t.Helper()
	c := &cable{}
	for i := range c.masters {
		c.masters[i], c.devices[i], c.kept[i] = newPty(t)
	}
	var ended sync.WaitGroup
	for i := range c.masters {
		ended.Go(func() { c.carry(i, baud) })
	}
	t.Cleanup(func() {
		c.masters[0].Close()
		c.masters[1].Close()
		ended.Wait()
	})
	return c
}

func newPty(t *testing.T) (*os.File, string, int) {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pty: ", err)
	}
	raw, err := m.SyscallConn()
	must(t, err)
	n := 0
	must(t, raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}))
	must(t, err)
	device := fmt.Sprintf("/dev/pts/%d", n)
	// One end stays open, so that the master does not see a hang-up before the path opens its own.
	keep, err := unix.Open(device, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(keep); m.Close() }) // until then the master is not collected either
	must(t, setSpeed(keep, device, 115200, false))
	return m, device, keep
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// carry moves the bytes of one direction, ten bits each.
func (c *cable) carry(from, baud int) {
	b := make([]byte, 32)
	free := time.Now()
	for {
		asked := time.Now()
		n, err := c.masters[from].Read(b)
		if err != nil {
			return
		}
		// A sleep that was too long is made up for, as long as the line was not idle.
		if came := time.Now(); came.Sub(asked) > time.Millisecond {
			free = came
		}
		free = free.Add(LineTime(n, baud))
		time.Sleep(time.Until(free))
		c.deliver(from, b[:n])
	}
}

func (c *cable) deliver(from int, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := 1 - from
	if c.loop {
		to = from
	}
	if c.cut[from] {
		return
	}
	if c.change != nil {
		b = c.change(b)
	}
	raw, err := c.masters[to].SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) { unix.Write(int(fd), b) }) // what there is no room for is lost
}

func (c *cable) set(do func(*cable)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(c)
}

// node opens a path on ports, with a frame of its own cluster tag ready.
func node(t *testing.T, n wire.Node, baud int, ports ...string) *Serial {
	t.Helper()
	s, err := Open(config.Path{Type: "serial", Name: "null", Baud: baud, Ports: map[wire.Node][]string{n: ports}}, n)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// frame is as wire makes them as far as this package looks.
func frame(kind wire.Kind, from wire.Node, counter byte, size int) []byte {
	b := make([]byte, size)
	b[0], b[1], b[2], b[6], b[16] = wire.Version, byte(kind), 'T', byte(from), counter
	return b
}

const patience = 10 * time.Second

// until plays the heart's loop for all paths until it is so.
func until(t *testing.T, what string, so func() bool, paths []*Serial, take func(int, wire.Received), each ...func()) {
	t.Helper()
	poll := make([]unix.PollFd, len(paths))
	for end := time.Now().Add(patience); !so(); {
		for i, p := range paths {
			poll[i] = unix.PollFd{Fd: int32(p.FD()), Events: unix.POLLIN}
		}
		for _, do := range each {
			do()
		}
		unix.Poll(poll, 10)
		for i, p := range paths {
			must(t, p.Drain(func(r wire.Received) { take(i, r) }))
		}
		if time.Now().After(end) {
			var notes string
			for _, p := range paths {
				notes += p.Note() + "\n"
			}
			t.Fatalf("not within %s: %s\n%s", patience, what, notes)
		}
	}
}
