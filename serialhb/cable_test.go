package serialhb

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/lab"
	"locum/wire"
)

func newCable(t *testing.T, baud int) *lab.Cable {
	t.Helper()
	c, err := lab.NewCable(baud)
	if err != nil {
		t.Skip("no pty: ", err)
	}
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// newPort is a port that nothing is plugged into.
func newPort(t *testing.T) (device string) {
	t.Helper()
	p, err := lab.NewPty()
	if err != nil {
		t.Skip("no pty: ", err)
	}
	t.Cleanup(func() { must(t, p.Close()) })
	return p.Device
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
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
