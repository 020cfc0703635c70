package heartbeat

import (
	"math"

	"locum/wire"
)

// dues is when each node, by number, is to be looked at next although nothing comes from it: its silence changes how it stands, a
// message is to be sent again, a question answered. 0 is at once, since something has touched it. Every frame of every peer makes the
// heart ask who is due, so in a large cluster that has to cost no more than a glance at one row of numbers.
type dues [wire.MaxNodes + 1]wire.Instant

// never is later than anything.
const never = wire.Instant(math.MaxInt64)

// touched has a peer looked at by this step, or by the next one.
func (h *Heart) touched(p *peer) { h.due[p.is.Node] = 0 }

// dueNow gives the peers that are due, in order of number. What is done with one may make it due again, and no other.
func (h *Heart) dueNow() func(yield func(wire.Node) bool) {
	return func(yield func(wire.Node) bool) {
		for _, p := range h.row {
			if h.due[p] <= h.now && !yield(p) {
				return
			}
		}
	}
}

// peersAreDue is when the first peer is, 0 if none is. It reckons anew for those that were due.
func (h *Heart) peersAreDue() wire.Instant {
	first := never
	for _, n := range h.row {
		at := h.due[n]
		if at <= h.now {
			var waits bool
			at, waits = h.dueAt(h.byNode[n])
			if h.due[n] = at; waits {
				h.due[n] = 0
			}
		}
		first = min(first, at)
	}
	if first == never {
		return 0
	}
	return max(first, 1)
}

// dueAt is when something of a peer is due by itself, never if nothing is. What waits is to be looked at by whoever looks, but wakes
// nobody: a verdict that has to wait until all paths are drained, or one on a peer that was admitted and sends no beat.
func (h *Heart) dueAt(p *peer) (at wire.Instant, waits bool) {
	at = never
	sooner := func(t wire.Instant) {
		if t != 0 {
			at = min(at, t)
		}
	}
	waits = p.admitted != 0
	if p.alive() {
		state, next := h.detector.Judge(p.is.Node, h.now)
		waits = state != p.is.State
		sooner(next)
	}
	sooner(h.messagesDue(p))
	sooner(h.answerAt(p))
	return at, waits
}
