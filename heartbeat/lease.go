package heartbeat

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"locum/wire"
)

// lease is how long this node may run services without hearing from a quorum.
type lease struct {
	wire.Lease
	granted wire.Instant // since when it counts: a quorum has echoed what was sent then
	written wire.Instant // its end as the newest RunState has it
	echoed  bool         // a member has echoed a newer beat since it was reckoned
}

func (s span) String() string { return time.Duration(s.to - s.from).Round(time.Millisecond).String() }

// alone reports whether the view in force needs no vote but this node's own.
func (h *Heart) alone() bool {
	g := &h.grants
	return g.view.Needed >= 1 && g.votes >= g.view.Needed
}

// renewIfEchoed counts the lease from the moment at which this node sent the newest beat that members with enough votes have
// echoed inside the view. Delayed and repeated frames can only shorten it.
func (h *Heart) renewIfEchoed() {
	if h.lease.echoed {
		h.lease.echoed = false
		h.renew()
	}
}

func (h *Heart) renew() {
	if h.grants.view.Quorate && h.granted() != 0 {
		if from := h.disk.limit(h.grants.view.Claim, h.quorumEcho()); from != 0 {
			h.lease.Until, h.lease.granted = max(h.lease.Until, from+h.leaseTime), max(h.lease.granted, from)
		}
	}
}

// quorumEcho is the newest instant since which members with the needed votes, this node included, have all echoed a beat;
// 0 if there is none.
func (h *Heart) quorumEcho() wire.Instant {
	v := h.grants.view
	if v.Needed < 1 {
		return 0
	}
	if h.alone() {
		return h.now
	}
	var echoes [wire.MaxNodes]echoOf
	list, newer := echoes[:0], h.grants.votes
	for _, o := range v.Votes {
		if p := h.byNode[min(int(o.Node), wire.MaxNodes)]; p != nil && p.echoed != 0 {
			list = append(list, echoOf{p.echoed, o.Votes})
			if p.echoed > h.grants.echoed {
				newer += o.Votes
			}
		}
	}
	if h.grants.echoed != 0 && newer < v.Needed {
		return h.grants.echoed // as with most echoes in a large cluster
	}
	slices.SortFunc(list, func(a, b echoOf) int { return cmp.Compare(b.at, a.at) })
	votes := h.grants.votes
	for _, e := range list {
		if votes += e.votes; votes >= v.Needed {
			h.grants.echoed = e.at
			return e.at
		}
	}
	return 0
}

// echoOf is when this node sent the newest beat that a member has echoed inside the view, and how much that counts.
type echoOf struct {
	at    wire.Instant
	votes int
}

// judgeLease says how far the lease has run down. A view that needs only this node's votes renews it by itself, as long
// as it is granted. A node that obeys no lease and then does, as its beats say from that moment on, has a whole one.
func (h *Heart) judgeLease() {
	if h.grants.view.Exempt {
		h.lease.Until = h.now + h.leaseTime
	} else if h.alone() {
		h.renew()
	}
	state := h.leaseState()
	if state == h.lease.State {
		return
	}
	was := h.lease.State
	h.lease.State = state
	if state == wire.LeaseOver {
		h.leaseEnded(was)
	}
	l := h.lease.Lease
	h.toEngine(wire.ToEngine{Lease: &l})
}

func (h *Heart) leaseState() wire.LeaseState {
	switch {
	case h.grants.view.Exempt:
		return wire.LeaseExempt
	case h.now >= h.lease.Until:
		return wire.LeaseOver
	case h.now >= h.lease.Until-h.leaseTime/2:
		return wire.LeaseHalf
	}
	return wire.LeaseHeld
}

// leaseEnded: from here on another may have taken over. What may run here has to end at once, with the machine if need be;
// and this node grants nothing before a quorum has answered it.
func (h *Heart) leaseEnded(was wire.LeaseState) {
	if !h.alone() && h.grants.view.Epoch != 0 {
		h.doubtView()
	}
	h.beats.urgent = true
	if h.grants.mayRun {
		h.reset(fmt.Sprintf("the lease (%s, %s before) ended while something may run here: no quorum has answered for %s",
			h.cfg.Lease, was, span{h.lease.Until - h.leaseTime, h.now}))
	}
}

// reset ends this machine's work. Should it fail, the watchdog, which is not petted any more, does the same.
func (h *Heart) reset(why string) {
	h.dog.resetting = h.wantsDog()
	h.do(Reset{Why: why})
}

// leaseChangesAt is when the lease runs into its next state, 0 if it does not.
func (h *Heart) leaseChangesAt() wire.Instant {
	switch h.lease.State {
	case wire.LeaseHeld:
		return h.lease.Until - h.leaseTime/2
	case wire.LeaseHalf:
		return h.lease.Until
	}
	return 0
}

// writtenShare: the lease's end is written again once it has moved on by this share of the lease. A heart that comes back
// may therefore think its lease shorter by so much, never longer. It has until half of the lease to come back and be answered,
// or its services are stopped: what is not written is taken from that time.
const writtenShare = 16

func (h *Heart) persistIfOld() {
	if h.news || h.lease.State == wire.LeaseHeld && !h.grants.view.Exempt && h.lease.Until-h.lease.written > h.leaseTime/writtenShare {
		h.persist(false)
	}
}

// persist writes what must outlive this heart. With wait, what the step does after it has to wait until it is written.
func (h *Heart) persist(wait bool) {
	g := &h.grants
	s := RunState{Boot: h.boot, Incarnation: h.incarnation, Below: g.below, Joined: g.joined, LeaseUntil: h.lease.Until, Granted: h.lease.granted, MayRun: g.mayRun, Idle: g.idle, Left: g.left}
	if g.view.Epoch != 0 {
		s.View = g.view
	}
	s.Heard = h.heard()
	if h.disk.used {
		s.Met = h.disk.desk.Met()
	}
	h.lease.written, h.news = h.lease.Until, false
	h.do(Persist{State: s, Wait: wait})
}
