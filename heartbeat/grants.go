package heartbeat

import (
	"fmt"

	"locum/wire"
)

// grants is under which view this node grants leases to the others, and what may run here.
type grants struct {
	view   *wire.ViewForHeart // never nil; its epoch is 0 before the first
	votes  int                // this node's own in it
	below  wire.Epoch         // nothing is granted under views below it
	joined wire.Epoch         // the newest view of a quorum that this node was in
	// doubt: since that instant this node cannot know that its view still holds, because its lease ran out or it was
	// started anew. It grants nothing until a quorum has echoed a beat that was sent since then. 0 there is none.
	doubt wire.Instant
	// echoed is what quorumEcho gave last, 0 if that may not hold any more.
	echoed wire.Instant
	mayRun bool // a start was permitted, or something is known to run
	idle   bool // the engine's word that nothing runs
	left   bool // the others were told that this node has left, and no view has had it since
}

// granted is the epoch that beats carry: 0 grants nothing.
func (h *Heart) granted() wire.Epoch {
	g := &h.grants
	if g.view.Epoch < g.below || g.doubt != 0 {
		return 0
	}
	return g.view.Epoch
}

func (g *grants) take(v *wire.ViewForHeart, self wire.Node) {
	g.view, g.votes, g.echoed = v, 0, 0
	for _, o := range v.Votes {
		if o.Node == self {
			g.votes = o.Votes
		}
	}
}

// setView takes a view into force. Members obey only the highest epoch, so an older one changes nothing.
func (h *Heart) setView(v wire.ViewForHeart) {
	g := &h.grants
	if v.Epoch == 0 || v.Epoch < g.view.Epoch {
		return
	}
	if v.Epoch != g.view.Epoch {
		for _, p := range h.peers {
			p.echoed = 0
		}
	}
	g.take(&v, h.self)
	if v.Quorate {
		g.joined = v.Epoch
	}
	g.doubt, g.left = 0, false
	h.judgeLease()
	h.persist(true)
	h.beats.urgent = true
}

// cease stops granting under older views before the engine's promise leaves (SAFETY 2).
func (h *Heart) cease(c wire.Ceased) {
	h.grants.below = max(h.grants.below, c.Below)
	h.persist(true)
	h.toEngine(wire.ToEngine{Ceased: &c})
}

// permit answers whether something may run here under an epoch. From its OK on this node counts as running something.
func (h *Heart) permit(p wire.Permit) {
	g := &h.grants
	lease := h.lease.State == wire.LeaseHeld && g.view.Quorate || h.lease.State == wire.LeaseExempt
	p.OK = p.Epoch != 0 && p.Epoch == h.granted() && lease && !h.exiting && !g.left && (h.hasDog() || !h.wantsDog())
	p.Until = 0
	if p.OK {
		p.Until = h.lease.Until - h.leaseTime/2
	}
	if p.OK && (!g.mayRun || g.idle) {
		g.mayRun, g.idle = true, false
		h.persist(true)
		h.beats.urgent = true
	}
	h.toEngine(wire.ToEngine{Permit: &p})
}

func (h *Heart) setIdle(w wire.Idle) {
	g := &h.grants
	if g.idle == w.Idle && g.mayRun == !w.Idle && g.left == w.Left {
		return
	}
	g.idle, g.mayRun, g.left = w.Idle, !w.Idle, w.Left
	h.persist(!w.Idle || w.Left)
	h.beats.urgent = true
}

// echoArrived takes what a peer says that it heard of us. It renews the lease only inside a beat of the same view
// (SAFETY 2); in doubt, it first has to show that our view still holds.
func (h *Heart) echoArrived(p *peer, inside wire.Epoch) {
	sent := h.beats.sentAt(p.echo.Counter)
	g := &h.grants
	if sent == 0 {
		return
	}
	if g.doubt != 0 && sent > g.doubt && (inside == g.view.Epoch || inside == 0) {
		p.fresh = true
		h.endDoubt()
	}
	if inside != 0 && inside == h.granted() && sent > p.echoed {
		p.echoed = sent
		h.lease.echoed = true
	}
}

// doubtView stops granting until a fresh round trip.
func (h *Heart) doubtView() {
	for _, p := range h.peers {
		p.fresh = false
	}
	h.grants.doubt = max(h.now, 1)
}

func (h *Heart) endDoubt() {
	v := h.grants.view
	votes := 0
	for _, o := range v.Votes {
		if p := h.byNode[min(int(o.Node), wire.MaxNodes)]; o.Node == h.self || p != nil && p.fresh {
			votes += o.Votes
		}
	}
	if v.Needed < 1 || votes < v.Needed {
		return
	}
	h.grants.doubt = 0
	h.beats.urgent = true
}

// resumeFrom takes up what the heart before left, if it was of this boot. Whoever comes back within its lease was not
// away (SAFETY 18); whoever comes back after it, while something may run, is reset before anything else (SAFETY 5).
func (h *Heart) resumeFrom(r RunState) {
	if r.Boot != h.boot {
		return
	}
	h.remember(r)
	g := &h.grants
	g.below, g.joined, g.idle, g.mayRun = r.Below, r.Joined, r.Idle && !r.MayRun, r.MayRun
	if r.Left {
		if r.View != nil {
			g.below = max(g.below, r.View.Epoch) // what was promised in that life stays so
		}
		return
	}
	h.lease.Until = min(r.LeaseUntil, h.now+h.leaseTime)
	h.lease.granted = r.Granted
	if r.View != nil {
		g.take(r.View, h.self)
	}
	exempt := g.view.Exempt && g.view.Epoch != 0
	if !exempt && r.MayRun && h.now >= h.lease.Until {
		h.reset(fmt.Sprintf("the heart came back %s after its lease had ended, and something may run here", span{h.lease.Until, h.now}))
	}
	if g.view.Epoch != 0 && !exempt && !h.alone() {
		h.doubtView()
	}
	h.lease.State = h.leaseState()
}
