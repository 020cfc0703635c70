package vip

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// sight is what one look at the kernel has shown.
type sight struct {
	state wire.State
	there bool // the interface exists
}

// lastIndex is the number of the interface on which the address belonged at the last look; 0 if there was none.
type lastIndex struct{ n atomic.Int64 }

func (i *lastIndex) at() int     { return int(i.n.Load()) }
func (i *lastIndex) set(now int) { i.n.Store(int64(now)) }

// look says what is so now. Without an answer from the kernel the state is unknown.
func (v *VIP) look() (sight, error) {
	copies, l, err := v.survey()
	if err != nil && !isLinkError(err) {
		return sight{}, err
	}
	there := err == nil
	return sight{state: judge(copies, l, there), there: there}, nil
}

// judge makes a state of what was seen; there is whether l is an interface at all.
func judge(copies []held, l link, there bool) wire.State {
	if len(copies) == 0 {
		return wire.StateStopped
	}
	for _, h := range copies {
		if there && h.index == l.index && h.usable() && l.up() {
			return wire.StateRunning
		}
	}
	return wire.StateFailed
}

// Watch calls changed with what is so, and again whenever that changes, by whoever's hand: within the time that the
// kernel takes to say so. It also calls it, with the same state, when an interface that was gone is back, because a
// Start that had failed can succeed now. It returns ctx's error when ctx ends, and another when the kernel cannot be
// heard any more; what was last said is unknown then. An address that is watched is announced and defended while it is here, as after
// Start.
func (v *VIP) Watch(ctx context.Context, changed func(wire.State)) error {
	f, err := openFeed(v.concerns)
	if err != nil {
		return v.named(err)
	}
	defer f.close()
	var last sight
	var said string
	for first := true; ; first = false {
		now, err := v.look()
		if err != nil {
			return v.named(err)
		}
		if first || now.state != last.state || now.there && !last.there {
			changed(now.state)
		}
		kept := v.kept(ctx, now.state, !first, &said)
		last = now
		select {
		case <-kept:
		case <-ctx.Done():
			return ctx.Err()
		case _, open := <-f.changes:
			if !open {
				return v.named(errors.Join(f.err, ctx.Err()))
			}
		}
	}
}

// keepAgain is the pause before an address is tried again that could not be kept: nothing about it need change meanwhile.
const keepAgain = time.Second

// kept has the address kept if it is here, and gives what is closed when it is not any more, or when that is to be tried again. said is the
// trouble that was told last, once.
func (v *VIP) kept(ctx context.Context, state wire.State, known bool, said *string) <-chan struct{} {
	if state != wire.StateRunning {
		return nil
	}
	ended, err := v.adopt(ctx, known)
	if err != nil {
		if err.Error() != *said {
			*said = err.Error()
			v.trouble(err)
		}
		again := make(chan struct{})
		time.AfterFunc(keepAgain, func() { close(again) })
		return again
	}
	*said = ""
	return ended
}

// concerns says which of the kernel's messages may change what look shows. Where the line names no interface, any may.
func (v *VIP) concerns(kind uint16, body []byte) bool {
	if v.dev == "" {
		return true
	}
	switch kind {
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		h, err := parseAddress(body)
		return err != nil || h.prefix.Addr() == v.prefix.Addr()
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, err := parseLink(body)
		return err != nil || l.name == v.dev || l.index == v.index.at()
	}
	return false
}
