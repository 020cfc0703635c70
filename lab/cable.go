package lab

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Cable joins two pseudo-terminals as a null modem would. It paces the bytes itself, because pseudo-terminals have no rate.
type Cable struct {
	// Devices are its two ends, as nodes open them.
	Devices [2]string

	masters [2]*os.File
	kept    [2]int // an open end each, so that a node's death is no hang-up
	baud    int
	mu      sync.Mutex
	cut     [2]bool
	ended   sync.WaitGroup
}

// NewCable makes a cable of so many bits a second.
func NewCable(baud int) (*Cable, error) {
	c := &Cable{baud: baud, kept: [2]int{-1, -1}}
	for i := range c.masters {
		if err := c.plug(i); err != nil {
			return nil, errors.Join(fmt.Errorf("a serial cable: %w", err), c.Close())
		}
	}
	for i := range c.masters {
		c.ended.Go(func() { c.carry(i) })
	}
	return c, nil
}

func (c *Cable) plug(i int) error {
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	c.masters[i] = m
	raw, err := m.SyscallConn()
	if err != nil {
		return err
	}
	number := 0
	if controlled := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || controlled != nil {
		return errors.Join(err, controlled)
	}
	c.Devices[i] = fmt.Sprintf("/dev/pts/%d", number)
	c.kept[i], err = unix.Open(c.Devices[i], unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return makeRaw(c.kept[i])
}

// makeRaw keeps the terminal from echoing before a node has opened it.
func makeRaw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// carry moves the bytes that come from one end, ten bits each.
func (c *Cable) carry(from int) {
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
		free = free.Add(time.Duration(n) * 10 * time.Second / time.Duration(c.baud))
		time.Sleep(time.Until(free))
		c.deliver(from, b[:n])
	}
}

// deliver loses what the other end has no room for, as a port without flow control does.
func (c *Cable) deliver(from int, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut[from] {
		return
	}
	raw, err := c.masters[1-from].SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) { unix.Write(int(fd), b) })
}

// Cut breaks or mends the wire on which an end, 0 or 1, sends.
func (c *Cable) Cut(from int, broken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut[from] = broken
}

// Close pulls it out of both ends.
func (c *Cable) Close() error {
	var all []error
	for i, m := range c.masters {
		if m != nil {
			all = append(all, m.Close())
		}
		if c.kept[i] >= 0 {
			all = append(all, unix.Close(c.kept[i]))
		}
	}
	c.ended.Wait()
	return errors.Join(all...)
}
