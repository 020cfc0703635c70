package heartbeat

import (
	"fmt"
	"math"

	"locum/wire"
)

// A beat is the same for all, so on a shared path it goes out once. What is sent to all can fail where what is sent to one
// does not: a switch forgets who belongs to a group, a node of an older version does not listen. Such a failure would hit
// every node at once. So a peer of which a beat is missing, or which has missed one as its own beats show, is sent the next
// ones by itself as well.

const (
	// apartBeats is for how many beats a peer of which something was missed is sent them by itself.
	apartBeats = 16
	// apartForGood it is after so many times in a row: what is sent to all does not reach it.
	apartForGood = 3
	// leeway is the share of the pace by which a beat may be late, or an echo behind, before it is missed.
	leeway  = 4
	forever = wire.Instant(math.MaxInt64)
)

// apart is whether beats on a shared path go to a peer by itself as well.
type apart struct {
	until  wire.Instant // 0 never yet, forever until the peer dies or begins a new life
	helped bool         // nothing was missed since then
	times  int          // in a row, each of which helped
}

// spread sends one beat: once over each shared path, over the others once for each peer.
func (h *Heart) spread(frame []byte) {
	for i := range h.paths {
		if h.paths[i].shared && h.paths[i].nodes != 0 {
			h.do(Transmit{Path: i, To: Everybody, Frame: frame})
		}
	}
	for _, p := range h.peers {
		for i := range h.paths {
			if h.paths[i].nodes.Has(p.is.Node) && (!h.paths[i].shared || h.goesApart(p, i)) {
				h.do(Transmit{Path: i, To: p.is.Node, Frame: frame})
			}
		}
	}
}

// goesApart looks, with each beat of ours on a shared path, for what is missing between a peer and this node on it. One beat
// that is missing has to be enough: the next has to be there before either takes the other for dead.
func (h *Heart) goesApart(p *peer, i int) bool {
	a := &p.carriers[i].apart
	if p.admitted == 0 || h.silence(max(p.since, p.admitted)) < 2*h.every {
		return false // it may not have admitted this node yet
	}
	switch {
	case !h.missed(p, i):
		a.helped = true
	case h.now >= a.until:
		h.sendApart(p, i)
	}
	return h.now < a.until
}

// missed reports whether a beat of a peer is overdue on a path, or whether its newest one shows that it lacks one of ours.
func (h *Heart) missed(p *peer, i int) bool {
	heard := h.detector.LastHeard(p.is.Node)
	return h.silence(p.carriers[i].heard) > h.every+h.every/leeway || p.echo.Paths&(1<<i) == 0 ||
		p.echo.Counter < h.beats.before(heard-h.every/leeway)
}

// sendApart has the next beats go to one peer by itself as well, and says so when that turns out to be what it needs.
func (h *Heart) sendApart(p *peer, i int) {
	a := &p.carriers[i].apart
	a.times++
	if !a.helped || h.now-a.until > apartBeats/2*h.every {
		a.times = 1
	}
	a.until, a.helped = h.now+apartBeats*h.every, false
	if a.times < apartForGood {
		return // a beat was lost, or none of any kind gets there
	}
	a.until = forever
	h.do(Alarm{Node: p.is.Node, Text: fmt.Sprintf("path %s: what is sent to all does not reach %s, which is sent each beat by itself from now on; "+
		"a switch that snoops multicast needs a querier", h.paths[i].name, p.name)})
}

// before is the counter of the newest beat that was sent at an instant or before it, 0 if that is not known.
func (b *beats) before(at wire.Instant) uint64 {
	for i := range sentKept {
		if s := &b.sent[(b.newest-i+sentKept)%sentKept]; s.at <= at {
			return s.counter
		}
	}
	return 0
}
