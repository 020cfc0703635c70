package cluster

import (
	"slices"

	"locum/cluster/plan"
	"locum/config"
	"locum/wire"
)

// situation is what the leader knows of one service that decides where it should be.
type situation struct {
	service *config.Service
	intent  ServiceIntent
	able    wire.Nodes // members that may run it: not standing by, not leaving, not barred for it, its watchdog armed
	holders wire.Nodes // members on which it runs or starts
	again   wire.Node  // where an operator has it started again, 0 if nobody has
	moved   wire.Node  // the operator's choice, 0 if there is none or its life is over
	adopt   bool       // this view may start it elsewhere; otherwise only a holder keeps it
}

// placement is where a service should be, 0 nowhere, and why.
type placement struct {
	node wire.Node
	why  string
}

// path is the failover path without the nodes that cannot run the service now.
func (s situation) path() []wire.Node {
	var path []wire.Node
	for _, n := range s.service.Nodes {
		if s.able.Has(n) {
			path = append(path, n)
		}
	}
	return path
}

// firstHolder is the earliest of the path on which the service runs. Where it runs more than once, after an unsafe split
// has healed, the others are the surplus. The operator's choice comes first among them.
func (s situation) firstHolder(path []wire.Node) wire.Node {
	if s.holders.Has(s.moved) && s.able.Has(s.moved) {
		return s.moved
	}
	for _, n := range path {
		if s.holders.Has(n) {
			return n
		}
	}
	return 0
}

// wish tells the planner what is so of a service, beside what the file says.
func (e *Engine) wish(w *plan.Service, sit situation) {
	s := sit.service
	w.Able, w.At = sit.able&pathSet(s), sit.firstHolder(sit.path())
	switch {
	case e.maintained(s.Name):
		w.Fixed, w.At = true, sit.firstHolder(s.Nodes)
	case sit.intent.Stopped:
		w.Able, w.At = 0, 0
	case !sit.adopt:
		w.Fixed = true
	case sit.able.Has(sit.moved):
		w.Asked, w.AskedWhy = sit.moved, "moved there by an operator"
	case sit.able.Has(sit.again):
		w.Asked, w.AskedWhy = sit.again, "it is started again there"
	case s.Failback:
		w.Back = "failback=yes"
	case s.FailbackAt.Open(e.clock):
		w.Back = "failback=" + s.FailbackAt.String()
	}
	e.holdsBack(s, w)
	if told := e.toldOf(s); w.At == 0 && w.Able.Has(told) {
		w.Due = told
	}
}

// planInput is all that the planner is told.
func (e *Engine) planInput(sits []situation) plan.Input {
	in := plan.Input{Units: e.file.Units, Nodes: slices.Clone(e.file.Nodes), Services: slices.Clone(e.file.Services)}
	for i := range in.Nodes {
		in.Nodes[i].Ailing = e.ailing(in.Nodes[i].Number)
	}
	for i, sit := range sits {
		e.wish(&in.Services[i], sit)
	}
	e.lingers(&in)
	needed(e.cfg, in.Services)
	e.nudged(in.Services)
	return in
}

// lingers has what shall not run and cannot be stopped on a member, or may be there and cannot be found out, take its room, and nothing be planned there that
// has to be apart from it: only a fence ends that, and nobody orders one.
func (e *Engine) lingers(in *plan.Input) {
	for i := range e.cfg.Services {
		s := &e.cfg.Services[i]
		for _, m := range e.lead.members {
			if !e.lingersOn(&m, s) || in.Services[i].At == m.node {
				continue
			}
			at := slices.IndexFunc(in.Nodes, func(n plan.Node) bool { return n.Number == m.node })
			in.Nodes[at].Capacity = slices.Clone(in.Nodes[at].Capacity)
			for u, w := range in.Services[i].Weight {
				if have := &in.Nodes[at].Capacity[u]; *have >= 0 {
					*have = max(0, *have-w)
				}
			}
			for _, k := range s.Apart {
				if o := &in.Services[k]; o.At != m.node {
					o.Able = o.Able.Without(m.node)
				}
			}
		}
	}
}

// lingersOn reports whether a service that an operator has stopped may be on a member for good. Of one that is to run the member is fenced, so that it can.
func (e *Engine) lingersOn(m *member, s *config.Service) bool {
	if !e.intents.of(s.Name).Stopped || e.provenMember(m.node) {
		return false
	}
	phase := m.on(s.Name).Phase
	return phase == PhaseStuck || phase == PhaseUnknown && !e.looks()
}

// placements plans all services together.
func (e *Engine) placements(sits []situation) []placement {
	e.tellMoves()
	in, l := e.planInput(sits), &e.lead
	if l.plan == nil || !in.Holds(l.planned, l.plan) {
		l.planned, l.plan = in, plan.Make(in)
		e.noteReturns()
	}
	e.keepPace(in, l.plan)
	list := make([]placement, len(sits))
	for i, c := range l.plan {
		list[i] = placement{c.Node, c.Why}
		if why := e.outsideThePlan(sits[i], c.Node); why != "" {
			list[i].why = why
		}
	}
	return list
}

// outsideThePlan is why a service is where it is if that was not the planner's choice.
func (e *Engine) outsideThePlan(sit situation, n wire.Node) string {
	switch {
	case e.maintained(sit.service.Name):
		return "maintenance: nothing is started, stopped or watched over"
	case sit.intent.Stopped:
		return "stopped by an operator"
	case sit.adopt || sit.able == 0:
		return ""
	case n != 0:
		return "it runs there, and the view waits for a proof"
	}
	return "the view is not quorate"
}

// needed marks the instances above the least number of each parallel service: those that run count first.
func needed(cfg *config.Config, wishes []plan.Service) {
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if !s.Parallel || s.Instance != 1 {
			continue
		}
		all := make([]int, 0, s.Most) // the instances of a line follow each other
		for k := i; k < i+s.Most; k++ {
			all = append(all, k)
		}
		slices.SortStableFunc(all, func(a, b int) int { return needRank(&wishes[a]) - needRank(&wishes[b]) })
		for at, k := range all {
			wishes[k].Extra = at >= s.Least
		}
	}
}

func needRank(w *plan.Service) int {
	switch {
	case w.At != 0:
		return 0
	case w.Able != 0:
		return 1
	}
	return 2
}

func pathNames(cfg *config.Config, s *config.Service) string {
	return names(cfg, pathSet(s))
}

func pathSet(s *config.Service) wire.Nodes { return wire.SetOf(s.Nodes...) }
