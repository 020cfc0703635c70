package cluster

import (
	"cmp"
	"fmt"

	"locum/cluster/plan"
	"locum/config"
	"locum/wire"
)

// ServiceWhy is why one service is where it is, and why it is on none of its other nodes.
type ServiceWhy struct {
	Service string    `json:"service"`
	Node    string    `json:"node"` // where it shall run, "" nowhere
	Why     string    `json:"why"`
	Waits   string    `json:"waits"` // what for, "" for nothing
	Others  []NodeWhy `json:"others"`
}

// NodeWhy is why a service is not on one of its nodes.
type NodeWhy struct {
	Node string `json:"node"`
	Why  string `json:"why"`
}

// whyAsked answers an operator who wants to know why a service is where it is, and why not elsewhere.
func (e *Engine) whyAsked(c Command) Result {
	r := Result{Text: "why " + c.Service}
	for _, s := range e.cfg.ServicesNamed(c.Service) {
		r.Why = append(r.Why, e.whyOf(s))
	}
	return r
}

func (e *Engine) whyOf(s *config.Service) ServiceWhy {
	w := ServiceWhy{Service: s.Name, Others: []NodeWhy{}}
	at := e.placeOf(s)
	if at < 0 || len(e.lead.plan) != len(e.cfg.Services) {
		w.Why = "the leader has not planned yet"
		return w
	}
	p := e.lead.places[at]
	w.Node, w.Why, w.Waits = e.name(p.node), p.why, p.wait.For
	refused := map[wire.Node]string{}
	for _, r := range plan.Refusals(e.lead.planned, e.lead.plan, at) {
		refused[r.Node] = r.Why
	}
	sit := e.situationOf(s)
	for _, n := range s.Nodes {
		if n != p.node {
			w.Others = append(w.Others, NodeWhy{e.name(n), cmp.Or(e.cannot(sit, n), refused[n], "it is not started there: "+p.why)})
		}
	}
	return w
}

// placeOf is a service's place among those of the leader, -1 if there is none yet.
func (e *Engine) placeOf(s *config.Service) int {
	for i := range e.lead.places {
		if &e.cfg.Services[i] == s {
			return i
		}
	}
	return -1
}

// apartFrom is why a service may not be on a member from which another one, that it has to be apart from, does not go; "" if there is none.
func (e *Engine) apartFrom(m *member, s *config.Service) string {
	for _, k := range s.Apart {
		if o := &e.cfg.Services[k]; e.lingersOn(m, o) {
			return fmt.Sprintf("apart from %s, which is %s there", o.Name, m.on(o.Name).Phase)
		}
	}
	return ""
}

// cannot is why a node cannot run a service at all, "" if it can.
func (e *Engine) cannot(sit situation, n wire.Node) string {
	m := e.lead.member(n)
	switch {
	case m == nil:
		st := e.nodeStatus(n)
		return "it is no member: " + st.State + ": " + st.Why
	case sit.able.Has(n):
		return e.apartFrom(m, sit.service)
	case e.intents.Standby.Has(n):
		return "it stands by (locum online " + e.name(n) + ")"
	case e.leavesOrGone(n):
		return "it is leaving"
	case m.on(sit.service.Name).Phase == PhaseStuck:
		return "the service cannot be stopped there: " + m.on(sit.service.Name).Detail
	case m.on(sit.service.Name).Barred:
		return "it failed there too often: " + m.on(sit.service.Name).Detail + " (locum clear " + sit.service.Group + ")"
	case m.unable != "":
		return "nothing is started there: " + m.unable
	}
	return "it cannot run it now"
}
