package lab

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Cable joins two pseudo-terminals as a null modem would. It paces the bytes itself, because pseudo-terminals have no rate.
type Cable struct {
	// Ends are its two ends, Devices their names, as nodes open them.
	Ends    [2]*Pty
	Devices [2]string

	baud  int
	mu    sync.Mutex
	wires Soldering
	ended sync.WaitGroup
}

// Soldering is what becomes of the bytes that an end, 0 or 1, sends.
type Soldering struct {
	Cut  [2]bool // the wire on which that end sends is broken
	Loop bool    // each end hears itself and not the other
	// Pass, if set, sees what an end sends and gives what arrives of it; it may change the bytes where they are.
	Pass func(from int, b []byte) []byte
}

// NewCable makes a cable of so many bits a second.
func NewCable(baud int) (*Cable, error) {
	c := &Cable{baud: baud}
	for i := range c.Ends {
		p, err := NewPty()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("a serial cable: %w", err), c.Close())
		}
		c.Ends[i], c.Devices[i] = p, p.Device
	}
	for i := range c.Ends {
		c.ended.Go(func() { c.carry(i) })
	}
	return c, nil
}

// carry moves the bytes that come from one end, ten bits each.
func (c *Cable) carry(from int) {
	b := make([]byte, 32)
	free := time.Now()
	for {
		asked := time.Now()
		n, err := c.Ends[from].Master.Read(b)
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
	for _, p := range c.Ends {
		if p != nil {
			_ = p.Master.Close() // ends what carries
		}
	}
	c.ended.Wait()
	var all []error
	for _, p := range c.Ends {
		if p != nil {
			all = append(all, p.Close())
		}
	}
	return errors.Join(all...)
}
