package lab

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// Cable joins two pseudo-terminals as a null modem would. It paces the bytes itself, because pseudo-terminals have no rate.
type Cable struct {
	// Ends are its two ends, Devices their names, as nodes open them.
	Ends    [2]*Pty
	Devices [2]string

	baud   int
	mu     sync.Mutex
	wires  Soldering
	closed atomic.Bool
	ended  sync.WaitGroup
}

// lookUp is how often what carries sees whether the cable is closed, in milliseconds.
const lookUp = 50

// Soldering is what becomes of the bytes that an end, 0 or 1, sends.
type Soldering struct {
	Cut  [2]bool // the wire on which that end sends is broken
	Loop bool    // each end hears itself and not the other
	// Pass, if set, sees what an end sends and gives what arrives of it; it may change the bytes where they are.
	Pass func(from int, b []byte) []byte
}

// places is how many threads of this process may run Go code at a time once there are cables. A thread that carries is not to wait for
// a place that is held by another one, which a busy machine has stopped.
const places = 32

// NewCable makes a cable of so many bits a second.
func NewCable(baud int) (*Cable, error) {
	if runtime.GOMAXPROCS(0) < places {
		runtime.GOMAXPROCS(places)
	}
	c := &Cable{baud: baud}
	for i := range c.Ends {
		p, err := NewPty()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("a serial cable: %w", err), c.Close())
		}
		c.Ends[i], c.Devices[i] = p, p.Device
	}
	c.ended.Add(len(c.Ends))
	for i := range c.Ends {
		onOwnThread(func() { c.carry(i) })
	}
	return c, nil
}

// carry moves the bytes that come from one end, ten bits each. A wire does not wait for a busy machine, so the thread asks to run before
// others, and sleeps without the runtime, whose other threads do not.
func (c *Cable) carry(from int) {
	defer c.ended.Done()
	realTime()
	b := make([]byte, 32)
	free := clock(unix.CLOCK_MONOTONIC)
	for fd := c.Ends[from].master; !c.closed.Load(); {
		wake := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(wake, 0); n == 0 && err == nil {
			// The line was idle. One that was not makes up for a sleep that was too long.
			n, _ = unix.Poll(wake, lookUp)
			if free = clock(unix.CLOCK_MONOTONIC); n < 1 {
				continue
			}
		}
		n, err := unix.Read(fd, b)
		if n <= 0 {
			if err != unix.EAGAIN && err != unix.EINTR {
				return
			}
			continue
		}
		free += wire.Instant(time.Duration(n) * 10 * time.Second / time.Duration(c.baud))
		sleepUntil(free)
		c.deliver(from, b[:n])
	}
}

func (c *Cable) deliver(from int, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wires.Cut[from] {
		return
	}
	if c.wires.Pass != nil {
		b = c.wires.Pass(from, b)
	}
	to := 1 - from
	if c.wires.Loop {
		to = from
	}
	c.Ends[to].put(b)
}

// Solder changes the cable. Pass is called in other goroutines, but never during Solder.
func (c *Cable) Solder(do func(*Soldering)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(&c.wires)
}

// Cut breaks or mends the wire on which an end sends.
func (c *Cable) Cut(from int, broken bool) { c.Solder(func(s *Soldering) { s.Cut[from] = broken }) }

// Close pulls it out of both ends.
func (c *Cable) Close() error {
	c.closed.Store(true)
	c.ended.Wait()
	var all []error
	for _, p := range c.Ends {
		if p != nil {
			all = append(all, p.Close())
		}
	}
	return errors.Join(all...)
}
