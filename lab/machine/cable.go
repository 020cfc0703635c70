package machine

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// maxFrame is the longest frame that a cable carries, in bytes.
const maxFrame = 4096

// Cable is an Ethernet segment. Each frame that one end sends is handed to all others, and to who listens. The test is at
// each of its ends: it hears and is heard also when the cable between them is cut.
type Cable struct {
	mu     sync.Mutex
	ends   []*end
	listen []func(frame []byte)
	cut    atomic.Bool
	pad    atomic.Int64
	padded atomic.Int64
}

// end is a machine's interface on the cable.
type end struct {
	conn   *net.UnixConn
	theirs string
}

// NewCable makes a cable with nothing on it.
func NewCable() *Cable { return &Cable{} }

// plug makes the two sockets of a machine's interface, by paths that begin with prefix.
func (c *Cable) plug(prefix string) (ours, theirs string, err error) {
	ours, theirs = prefix+".cable", prefix+".nic"
	if err := os.Remove(ours); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", "", err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: ours, Net: "unixgram"})
	if err != nil {
		return "", "", err
	}
	e := &end{conn, theirs}
	c.mu.Lock()
	c.ends = append(c.ends, e)
	c.mu.Unlock()
	go c.carry(e)
	return ours, theirs, nil
}

func (c *Cable) carry(from *end) {
	buf := make([]byte, maxFrame)
	for {
		n, err := from.conn.Read(buf)
		if err != nil {
			return
		}
		c.hand(c.fill(buf[:n:maxFrame]), from)
	}
}

// hand gives a frame to all ends but the one that it came from. One that takes none, because its machine is off or its
// queue is full, loses it.
func (c *Cable) hand(frame []byte, from *end) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.ends {
		if e != from && !(from != nil && c.cut.Load()) {
			e.take(frame)
		}
	}
	if from != nil {
		for _, heard := range c.listen {
			heard(frame)
		}
	}
}

// take hands a frame to a machine without waiting: one that boots reads nothing, and must not hold the others up.
func (e *end) take(frame []byte) {
	raw, err := e.conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.Sendto(int(fd), frame, unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: e.theirs})
	})
}

// Pad has each frame that is shorter come with so many bytes, as real network cards do with short ones, and a virtual one does not. What
// is added are no zeros, as it need not be.
func (c *Cable) Pad(least int) { c.pad.Store(int64(least)) }

// Padded is how many frames were shorter.
func (c *Cable) Padded() int { return int(c.padded.Load()) }

func (c *Cable) fill(frame []byte) []byte {
	missing := int(c.pad.Load()) - len(frame)
	if missing <= 0 {
		return frame
	}
	c.padded.Add(1)
	return append(frame, bytes.Repeat([]byte{0xa5}, missing)...)
}

// Cut has the cable carry nothing between machines, or mends it.
func (c *Cable) Cut(cut bool) { c.cut.Store(cut) }

// Listen has each frame that a machine sends handed to a function, which must not block or keep it.
func (c *Cable) Listen(heard func(frame []byte)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listen = append(c.listen, heard)
}

// Say sends a frame to all machines on the cable, cut or not.
func (c *Cable) Say(frame []byte) { c.hand(frame, nil) }

// Close unplugs all.
func (c *Cable) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	for _, e := range c.ends {
		err = errors.Join(err, e.conn.Close())
	}
	return err
}

// NullModem joins the serial ports of two machines, the lines crossed.
type NullModem struct {
	mu   sync.Mutex
	ends []net.Conn
	cut  atomic.Bool
}

// NewNullModem makes one with nothing plugged in.
func NewNullModem() *NullModem { return &NullModem{} }

func (n *NullModem) plug(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ends = append(n.ends, c); len(n.ends) == 2 {
		go n.carry(n.ends[0], n.ends[1])
		go n.carry(n.ends[1], n.ends[0])
	}
}

func (n *NullModem) carry(from, to net.Conn) {
	buf := make([]byte, 256)
	for {
		k, err := from.Read(buf)
		if err != nil {
			return
		}
		if n.cut.Load() {
			continue
		}
		if _, err := to.Write(buf[:k]); err != nil && !errors.Is(err, io.ErrShortWrite) {
			return
		}
	}
}

// Cut has the cable carry nothing, or mends it.
func (n *NullModem) Cut(cut bool) { n.cut.Store(cut) }

// Close unplugs both ends.
func (n *NullModem) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var err error
	for _, c := range n.ends {
		err = errors.Join(err, c.Close())
	}
	return err
}
