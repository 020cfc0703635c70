package cluster

import (
	"fmt"
	"slices"

	"locum/cluster/plan"
	"locum/config"
	"locum/wire"
)

// perform carries a command out at the leader.
func (e *Engine) perform(a ask) {
	c := a.command
	node := e.numberOf(c.Node)
	next := &change{ask: a, intents: e.intents}
	switch c.Verb {
	case "confirm":
		e.confirm(a)
		return
	case "fence":
		e.fenceAsked(a, node)
		return
	case "apply":
		e.apply(a)
		return
	case "restart":
		e.restartAsked(a)
		return
	case "why":
		e.answer(a, e.whyAsked(c))
		return
	case "move":
		s := e.cfg.ServicesNamed(c.Service)[0]
		to, why := e.moveTarget(s, node)
		if why != "" {
			e.answer(a, Result{Code: 1, Text: why})
			return
		}
		next.intents = e.intentsFor(s.Name, func(in *ServiceIntent) { in.MovedTo, in.MovedLife = to, e.lifeOf(to).Incarnation })
		next.to = e.name(to)
		next.done = c.Service + " is moved to " + next.to
	case "start", "stop":
		next.intents = e.intentsFor(c.Service, func(in *ServiceIntent) { in.Stopped = c.Verb == "stop" })
		next.done = c.Service + map[string]string{"stop": " is to be stopped", "start": " is to run"}[c.Verb]
	case "standby":
		next.intents.Standby, next.done = e.intents.Standby.With(node), c.Node+" stands by: its services go elsewhere"
	case "online":
		next.intents.Standby, next.done = e.intents.Standby.Without(node), c.Node+" may run services"
	case "maintenance":
		e.maintain(next)
	case "clear":
		e.clearAsked(next, node)
	}
	e.replicate(next)
}

// intentsFor are the intents in force, changed for each service that a name means.
func (e *Engine) intentsFor(name string, change func(*ServiceIntent)) Intents {
	out := e.intents
	for _, s := range e.cfg.ServicesNamed(name) {
		in := out.of(s.Name)
		change(&in)
		out = out.with(in)
	}
	return out
}

func (e *Engine) maintain(next *change) {
	c := next.ask.command
	state := map[bool]string{true: "on", false: "off"}[c.On]
	if c.Service == "" {
		next.intents.Maintenance, next.done = c.On, "maintenance is "+state
		return
	}
	next.intents, next.done = e.intentsFor(c.Service, func(in *ServiceIntent) { in.Maintenance = c.On }), "maintenance of "+c.Service+" is "+state
}

func (e *Engine) clearAsked(next *change, node wire.Node) {
	c := next.ask.command
	if c.Service != "" {
		next.intents = e.intentsFor(c.Service, func(in *ServiceIntent) { in.MovedTo, in.MovedLife = 0, 0 })
		for _, s := range e.cfg.ServicesNamed(c.Service) {
			next.reset = append(next.reset, s.Name)
		}
		next.done, next.resetOn = c.Service+": its failures and moves are forgotten", e.view.Members
		return
	}
	next.resetOn = wire.SetOf(node)
	e.peer(node).misfit = wire.Life{}
	for i := range e.cfg.Services {
		next.reset = append(next.reset, e.cfg.Services[i].Name)
	}
	next.done = c.Node + ": failures are forgotten"
}

// moveTarget says where a service goes: where the operator said, or to the next of its nodes that can run it.
func (e *Engine) moveTarget(s *config.Service, to wire.Node) (wire.Node, string) {
	service, sit := s.Name, e.situationOf(s)
	if sit.intent.Stopped {
		return 0, service + " is stopped by an operator: locum start " + service + " first"
	}
	if to != 0 {
		switch {
		case !pathSet(s).Has(to):
			return 0, fmt.Sprintf("%s is not among the nodes of %s (%s)", e.name(to), service, pathNames(e.cfg, s))
		case e.unable(to) != "" && !sit.able.Has(to):
			return 0, fmt.Sprintf("%s starts nothing now: %s", e.name(to), e.unable(to))
		case !sit.able.Has(to):
			return 0, fmt.Sprintf("%s cannot run %s now: it is no member, stands by, or failed with it; locum status says which", e.name(to), service)
		}
		return to, e.keepsFrom(s, to)
	}
	path := sit.path()
	now := e.toldOf(s)
	at := slices.Index(path, now)
	why := "no other node can run " + service + " now"
	for i := range path {
		if n := path[(at+1+i)%len(path)]; n != now {
			if why = e.keepsFrom(s, n); why == "" {
				return n, ""
			}
		}
	}
	return 0, why
}

// keepsFrom says why a service would not come to a node that can run it, "" if it would.
func (e *Engine) keepsFrom(s *config.Service, to wire.Node) string {
	sits := e.situations()
	at := slices.IndexFunc(sits, func(sit situation) bool { return sit.service == s })
	sits[at].moved = to
	in := e.planInput(sits)
	choices := plan.Make(in)
	if choices[at].Node == to || in.Services[at].Asked != to {
		return ""
	}
	why := e.apartFrom(e.lead.member(to), s)
	for _, r := range plan.Refusals(in, choices, at) {
		if r.Node == to {
			why = r.Why
		}
	}
	if why == "" {
		return ""
	}
	return fmt.Sprintf("%s does not fit on %s: %s", s.Name, e.name(to), why)
}
