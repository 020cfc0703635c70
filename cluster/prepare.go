package cluster

import (
	"slices"
	"time"

	"locum/config"
	"locum/wire"
)

// A planned move prepares the target first: before the service stops where it runs, the target opens what a start needs
// and asks its heart for the permit, so that between the stop and the start only the order itself lies.

// prepareWithin is how long a planned move waits for its target to be prepared. It goes on without that, only slower.
const prepareWithin = 300 * time.Millisecond

// preparing is the leader's part: which member prepares for a service.
type preparing struct {
	node  wire.Node // 0 none
	until wire.Instant
	done  bool
}

// prepares has the target of a planned move prepare, and gives the node on which the service runs on meanwhile; 0 once
// there is nothing to wait for.
func (e *Engine) prepares(s *config.Service, sit situation, to wire.Node, p *placed) wire.Node {
	held := sit.holders.First()
	if p.prepare.node != to {
		p.prepare = preparing{}
		if sit.holders.Count() != 1 || e.lead.member(held).on(s.Name).Phase != PhaseRunning {
			return 0
		}
		p.prepare = preparing{node: to, until: e.after(prepareWithin)}
	}
	if m := e.lead.member(to); slices.Contains(m.ready, s.Name) || e.now >= p.prepare.until {
		p.prepare.done = true
	}
	if p.prepare.done {
		return 0
	}
	e.lead.due = soonest(e.lead.due, p.prepare.until)
	p.wait = Wait{What: "service " + s.Name, For: e.name(to) + " to prepare for it"}
	return held
}

// grant is this node's part: a permit that was asked for before the order to start.
type grant struct {
	id    uint64     // the permit's, 0 none
	epoch wire.Epoch // under which it was asked for
	given bool
	until wire.Instant // if given
}

// prepareHere asks for a permit ahead of the order, and lets it go once nobody wants it any more.
func (e *Engine) prepareHere(s *local) {
	wanted := s.prepare && !s.hold && !s.barred && !s.stuck && !e.mustStop() && e.obeyed()
	g := &s.grant
	switch {
	case !wanted || g.id != 0 && g.epoch != e.view.Epoch || g.given && e.now >= g.until:
		s.grant = grant{}
	case g.id == 0 && s.phase(e) == PhaseStopped && s.due == 0:
		s.grant = grant{id: e.nextID(), epoch: e.view.Epoch}
		e.do(Permit{ID: s.grant.id, Epoch: s.grant.epoch})
		for i := range s.res {
			e.do(Prepare{Resource: s.id(i)})
		}
	}
}

// granted takes the answer to a permit that was asked for ahead, and reports whether it was one.
func (e *Engine) granted(ev Permitted) bool {
	for i := range e.services {
		s := &e.services[i]
		if s.grant.id != ev.ID || ev.ID == 0 {
			continue
		}
		s.grant.given, s.grant.until = ev.OK, ev.Until
		if !ev.OK {
			s.grant, s.due = grant{}, e.after(retryAfter)
		}
		return true
	}
	return false
}

// spend takes the permit in hand for the first start, if it holds still: under this view, and until its instant has come,
// which a node that was asleep since then sees at its first step.
func (e *Engine) spend(s *local) bool {
	g := s.grant
	s.grant = grant{}
	return g.given && g.epoch == e.view.Epoch && e.now < g.until
}

// ready lists the services that could be started here at once.
func (e *Engine) ready() []string {
	var list []string
	for i := range e.services {
		if s := &e.services[i]; s.grant.given {
			list = append(list, s.cfg.Name)
		}
	}
	return list
}
