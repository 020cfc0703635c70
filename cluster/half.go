package cluster

import (
	"slices"

	"locum/wire"
)

// Half is what makes a half of several members unsure of its turn though its leader would not be: one of them knows more of the other half.
type Half struct {
	Doubt    bool `json:"doubt,omitempty"`    // it was in a later common view, or has promised one of another's that did not come, or is being shot at
	Unphased bool `json:"unphased,omitempty"` // it was started anew, and cannot tell when it lost the other half
}

// lostBy is when a member of this node's side lost a node: both sides of a tie reckon from when the last two of them lost each other.
type lostBy struct {
	member wire.Node
	at     wire.Instant
}

// lostHere is whom this node has lost, in a tie.
func (e *Engine) lostHere() (lost wire.Nodes) {
	if v := e.view.Verdict; v.Tie == TieFence || v.Tie == TieDisk {
		for n := range (configured(e.cfg) &^ e.view.Members).All {
			if e.peer(n).lost != 0 {
				lost = lost.With(n)
			}
		}
	}
	return lost
}

// reportedLost takes a member's word on whom it has lost since its promise, or found again.
func (e *Engine) reportedLost(from wire.Node, lost wire.Nodes) {
	for n := range (configured(e.cfg) &^ e.view.Members).All {
		p := e.peer(n)
		known := slices.ContainsFunc(p.lostBy, func(l lostBy) bool { return l.member == from })
		switch {
		case lost.Has(n) && !known:
			p.toldLost(lostBy{from, e.now})
		case !lost.Has(n) && known:
			p.toldLost(lostBy{from, 0})
		}
	}
}

// toldLost takes what a member's promise says of when it lost a node.
func (p *peer) toldLost(l lostBy) {
	p.lostBy = slices.DeleteFunc(slices.Clone(p.lostBy), func(o lostBy) bool { return o.member == l.member })
	if l.at != 0 {
		p.lostBy = append(p.lostBy, l)
	}
}

// lostAtLatest is by when the other half has lost a node whose heart was started anew at an instant, and has not heard it since: where another of this half was lost later,
// what that heart has forgotten makes no difference.
func (e *Engine) lostAtLatest(started wire.Instant) wire.Instant {
	return started + wire.Instant(e.cfg.Beat.Dead)
}

// lostMS is for how long this node and another have lost each other.
func (e *Engine) lostMS(p peer) int64 {
	switch {
	case p.lostBefore != 0:
		return -1 - int64(e.now-p.lostBefore)/1e6
	case p.lost == 0:
		return 0
	}
	return max(int64(e.now-p.lost)/1e6, 1)
}

// halfOf takes from the members' promises what they know of the other half, and when they lost it.
func (e *Engine) halfOf(own *proposal, v View) *Half {
	if v.Verdict.Tie != TieFence && v.Verdict.Tie != TieDisk {
		return nil
	}
	_, targets := e.halvesIn(v)
	h := Half{}
	forgot := wire.Instant(0) // by when those were lost at the latest of which a member, whose heart or engine was started anew, does not know when
	for _, p := range own.promises {
		if p.Life.Node == e.self || !v.Verdict.Voters.Has(p.Life.Node) {
			continue
		}
		h.Doubt = h.Doubt || p.View > e.tie.Common.Epoch || p.Unsure
		for _, s := range p.Silent {
			at := wire.Instant(0)
			if s.LostMS > 0 {
				at = e.now - wire.Instant(s.LostMS)*1e6
				if e.now-own.sent > wire.Instant(e.patience()) { // it may have been given at any time between
					if targets.Has(s.Node) {
						forgot = max(forgot, at)
					}
					at -= e.now - own.sent
				}
			}
			e.peer(s.Node).toldLost(lostBy{p.Life.Node, at})
			switch {
			case !targets.Has(s.Node):
			case s.LostMS < 0:
				forgot = max(forgot, e.now-wire.Instant(-1-s.LostMS)*1e6)
			case s.AgeMS < 0:
				forgot = max(forgot, e.lostAtLatest(e.now-wire.Instant(s.age())*1e6))
			}
		}
	}
	h.Unphased = h.Unphased || forgot > e.lastLost(v)
	if h == (Half{}) {
		return nil
	}
	return &h
}

// leavesHalf reports whether this node promises a view with some of those with whom its half is tied.
func (e *Engine) leavesHalf(members wire.Nodes) bool {
	v := e.view.Verdict
	return e.takesTurns() && e.tie.Since != 0 && !v.Quorate && v.Tie != TieNone && members&^e.view.Members != 0
}

// heedHalves has a view of more than half wait until what a half has fired has hit, which a member of this view was in until now: who is shot at shoots nobody.
func (e *Engine) heedHalves(own *proposal) {
	if e.view.Verdict.Quorate && slices.ContainsFunc(own.promises, func(p Promise) bool { return p.Tied }) {
		e.tie.until = max(e.tie.until, e.after(e.tieDelayOf()))
	}
}

// noteHalf takes over what the members of this half know. That the leader's view has come ends the doubt about what was promised to it.
func (e *Engine) noteHalf(v View) {
	t := &e.tie
	t.Doubts = t.Doubts.Without(v.Leader)
	if v.Half == nil {
		return
	}
	t.Doubt = t.Doubt || v.Half.Doubt
	if v.Half.Unphased && !t.Unphased {
		t.Unphased, t.Since = true, e.now
	}
}
