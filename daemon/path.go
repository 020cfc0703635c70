package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"locum/heartbeat"
	"locum/wire"
)

// pathSeat is one path with its place in the loop.
type pathSeat struct {
	heartbeat.Path
	index    int
	fd       int // as the waiter knows it, -1 none
	mtu      int // as the heart knows it
	failing  bool
	failedAt wire.Instant
	opened   wire.Instant
}

// carrierWithin is how long after the heart's start an interface may be without a carrier before that is said: where locum
// starts with the machine, the ends of a cable are still agreeing on a rate, which takes copper 2 to 4 s.
const carrierWithin = wire.Instant(5 * time.Second)

// settles reports whether an error is likely to end by itself in a moment.
func (p *pathSeat) settles(err error, now wire.Instant) bool {
	return errors.Is(err, heartbeat.ErrNoCarrier) && now < p.opened+carrierWithin
}

// healthyAfter is how long a path that failed must have sent without an error to count as well: of two peers, one may
// be reachable and the other not.
const healthyAfter = wire.Instant(time.Second)

func (h *heart) openPaths() error {
	for i, line := range h.cfg.Paths {
		p, err := paths[line.Type](line, h.self.Number)
		if err != nil {
			return fmt.Errorf("path %s: %w", line.Name, err)
		}
		if guarded, is := p.(interface{ Guard(...wire.Tag) }); is {
			guarded.Guard(h.tags...)
		}
		seat := &pathSeat{Path: p, index: i, fd: -1, mtu: wire.MaxFrame, opened: heartbeat.Now()}
		h.paths = append(h.paths, seat)
		if err := seat.listen(h.w); err != nil {
			return fmt.Errorf("path %s: %w", line.Name, err)
		}
	}
	return nil
}

// listen has the loop woken by the path's descriptor, which may be another one after an error.
func (p *pathSeat) listen(w *waiter) error {
	fd := p.FD()
	if fd == p.fd {
		return nil
	}
	if p.fd >= 0 {
		w.remove(p.fd)
	}
	if p.fd = fd; fd < 0 {
		return nil
	}
	return w.add(fd, unix.EPOLLIN)
}

// drain takes all that waits on any path.
func (h *heart) drain() {
	for _, p := range h.paths {
		err := p.Drain(func(r heartbeat.Received) { h.step(heartbeat.Frame{Path: p.index, Received: r}) })
		if err != nil {
			p.said(h, err)
		}
		if mtu := p.MTU(); mtu != p.mtu {
			p.mtu = mtu
			h.step(heartbeat.PathMTU{Path: p.index, MTU: mtu})
		}
	}
}

// said takes a path's word on a frame. A full buffer is a lost frame, not a lost path.
func (p *pathSeat) said(h *heart, err error) {
	switch {
	case err == nil && !p.failing, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS), p.settles(err, heartbeat.Now()):
		return
	case err == nil:
		if heartbeat.Now()-p.failedAt >= healthyAfter {
			p.failing = false
			h.step(heartbeat.PathUp{Path: p.index})
		}
		return
	}
	p.failedAt = heartbeat.Now()
	if err := p.listen(h.w); err != nil {
		h.once("alarm", err.Error())
	}
	if !p.failing {
		p.failing = true
		if own := h.cfg.Paths[p.index].Addresses[h.self.Number]; own.IsValid() && !isHere(own) {
			err = fmt.Errorf("%w: %s, which the file gives %s, is on none of this machine's interfaces", err, own, h.self.Name)
		}
		h.step(heartbeat.PathDown{Path: p.index, Err: err})
	}
}

// isHere reports whether an interface of this machine has the address; true if that cannot be found out.
func isHere(own netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == own.Unmap()
	})
}

// notes adds what the paths' own ports say of themselves.
func (h *heart) notes(states []wire.PathState) []wire.PathState {
	for i := range states {
		for _, p := range h.paths {
			if noter, ok := p.Path.(interface{ Note() string }); ok && p.Name() == states[i].Path {
				states[i].Note = noter.Note()
			}
		}
	}
	return states
}
