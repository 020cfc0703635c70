package cluster

import (
	"slices"

	"locum/cluster/plan"
	"locum/wire"
)

// leadership is what a leader knows and has asked for in the view it leads.
type leadership struct {
	promises []Promise
	members  []member   // in order of node number
	needs    wire.Nodes // absent nodes that must be proven clean before something can start
	stuck    wire.Nodes // members on which a stop failed
	fenceMe  bool       // an operator has this node, which leads, fenced
	reweigh  bool
	stale    bool // a view made now would prove that a lease is over
	since    wire.Instant
	due      wire.Instant
	places   []placed // for each service, in file order
	planned  plan.Input
	plan     []plan.Choice // of planned
	restart  []restart     // services that are to be stopped once and started again
	change   *change       // intents on their way to the members
	// unfinished is a file that a former leader had begun to apply, "" if there is none, and unfit what keeps it from
	// taking effect.
	unfinished, unfit string
	boardDue          wire.Instant
}

// member is what the leader knows of one.
type member struct {
	node     wire.Node
	sent     Orders
	seen     uint64   // the serial its last report answers
	told     []uint64 // of each service, the serial of the last order to run it, 0 none
	services []ServiceReport
	ready    []string // services that it is prepared for
	unable   string   // why it can start nothing, "" if it can
}

// placed is where one service should be, and what it waits for.
type placed struct {
	placement
	proof   string // on which its start rests
	wait    Wait   // empty if it waits for nothing
	told    placement
	prepare preparing
	away    wire.Instant // since when it is not where it shall be, as far as moves look at that; 0 if it is
	// unlooked: nobody is known to have it, and some member has not looked yet; what runs there is left as it is.
	unlooked bool
}

func newLeadership(promises []Promise, now wire.Instant) leadership {
	l := leadership{promises: promises, since: now}
	for _, p := range promises {
		l.members = append(l.members, member{node: p.Life.Node, services: p.Services, unable: p.Unable})
	}
	return l
}

func (l *leadership) member(n wire.Node) *member {
	for i := range l.members {
		if l.members[i].node == n {
			return &l.members[i]
		}
	}
	return nil
}

// on finds what a member reports of a service.
func (m *member) on(service string) ServiceReport {
	for _, r := range m.services {
		if r.Service == service {
			return r
		}
	}
	return ServiceReport{Service: service}
}

// toldLately reports whether a member was told to run a service and has not answered yet.
func (m *member) toldLately(service string) bool {
	return m.seen < m.sent.Serial && slices.Contains(m.sent.Run, service)
}

// reportedBy takes a member's report on the view in force.
func (e *Engine) reportedBy(from wire.Node, r Report) {
	if !e.leads() || r.Epoch != e.view.Epoch {
		return
	}
	if m := e.lead.member(from); m != nil && r.Serial >= m.seen {
		m.seen, m.services, m.ready, m.unable = r.Serial, r.Services, r.Ready, r.Unable
	}
	if from != e.self {
		e.reportedLost(from, r.Lost)
	}
	for i := range e.lead.promises {
		if p := &e.lead.promises[i]; p.Life.Node == from && p.Writable != r.Writable {
			p.Writable, e.again = r.Writable, true
		}
	}
	e.takeProven(r.Proven)
}

// takeProven takes what a member has proven. It says so with each report, and of what is known already that makes nothing newer. Where the view is no quorum, nobody here knows how
// old it is: of a node that has to be proven anew it says nothing.
func (e *Engine) takeProven(list []Clean) {
	for _, c := range list {
		have, is := e.cleanOf(c.Node)
		more := !is || c.Proof.freesVote() && !have.Proof.freesVote() || c.Life.Incarnation > have.Life.Incarnation
		spent := c.Proof == ProofLeft && c.Life.Incarnation == e.peer(c.Node).spent
		if more && !spent && !e.apart.anew.Has(c.Node) && c.Node != e.self && configured(e.cfg).Has(c.Node) && !e.outlived(c) {
			e.proven(c)
			e.peer(c.Node).proven.told = !e.view.Verdict.Quorate
		}
	}
}
