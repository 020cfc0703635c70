package cluster

import (
	"slices"

	"locum/config"
	"locum/wire"
)

func (e *Engine) situations() []situation {
	sits := make([]situation, len(e.cfg.Services))
	for i := range sits {
		sits[i] = e.situationOf(&e.cfg.Services[i])
	}
	return sits
}

// situationOf gathers what decides where one service should be.
func (e *Engine) situationOf(s *config.Service) situation {
	sit := situation{service: s, intent: e.intents.of(s.Name)}
	if e.restarts(s.Name) >= 0 {
		sit.again = e.toldOf(s)
	}
	sit.adopt = e.view.Verdict.Quorate || e.view.unsafeTie() && s.Stateless
	if e.lead.change != nil && slices.Contains(e.lead.change.stopFirst, s.Name) {
		sit.intent.Stopped = true
	}
	for _, m := range e.lead.members {
		r := m.on(s.Name)
		dead := e.provenMember(m.node)
		if (r.Phase == PhaseRunning || r.Phase == PhaseStarting || m.toldLately(s.Name)) && !dead && e.holdsByRight(m, s.Name) {
			sit.holders = sit.holders.With(m.node)
		}
		if !r.Barred && r.Phase != PhaseStuck && !e.intents.Standby.Has(m.node) && !e.leavesOrGone(m.node) && !dead && m.goesOn(r) {
			sit.able = sit.able.With(m.node)
		}
	}
	sit.able &= e.comingPath(s) | sit.holders
	if e.view.unsafeTie() && !s.Stateless {
		sit.able, sit.holders = 0, 0
	}
	if n := sit.intent.MovedTo; n != 0 && e.lifeOf(n).Incarnation == sit.intent.MovedLife {
		sit.moved = n
	}
	return sit
}

// toldOf is where the leader last wanted a service.
func (e *Engine) toldOf(s *config.Service) wire.Node {
	if i := e.placeOf(s); i >= 0 {
		return e.lead.places[i].told.node
	}
	return 0
}

// holdsByRight reports whether what runs on a member was started under a view, and may go on. What a node in a new boot found
// running was started by somebody else, and is stopped. So is what this leader has told the member to stop: its reports may be
// older than that, and who went by them would call back what is on its way.
func (e *Engine) holdsByRight(m member, service string) bool {
	if slices.Contains(m.sent.Run, service) {
		return true
	}
	if m.sent.Serial != 0 && !slices.Contains(m.sent.Hold, service) {
		return false
	}
	for _, p := range e.lead.promises {
		if p.Life.Node == m.node {
			return p.Admitted
		}
	}
	return false
}

// provenMember reports whether a member was proven clean since the view was made: it was fenced for a stop that failed.
func (e *Engine) provenMember(n wire.Node) bool {
	c, ok := e.cleanOf(n)
	return ok && c.Life.Boot == e.lifeOf(n).Boot
}

func (e *Engine) leavesOrGone(n wire.Node) bool {
	if n == e.self {
		return e.leaving.asked
	}
	return e.peer(n).leaves || e.peer(n).gone || e.peer(n).Leaving
}

func (e *Engine) maintained(service string) bool {
	return e.intents.Maintenance || e.intents.of(service).Maintenance
}
