package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"locum/cluster/plan"
	"locum/config"
	"locum/wire"
)

// Moves that nothing forces: services are handed over by a node that is past a limit, spread anew where the load has become uneven,
// and go back to an earlier node of their path. They come one after the other and are bounded by the hour, so that no storm of moves
// follows from limits and nodes that come and go. What they count outlives the leader: counted.go.

// Bounds of moves.
const (
	paceWithin   = wire.Instant(time.Hour)
	mostReturns  = 3                              // of one service by failback, within paceWithin
	leastBound   = 12                             // of all others within paceWithin, or twice the number of services if that is more
	leastPause   = 10 * time.Second               // between two handovers; as long as the limits' longest time if that is more
	evenPause    = wire.Instant(time.Minute)      // between two moves for the sake of even load
	lookAgain    = wire.Instant(5 * time.Second)  // after nothing was found to move
	ailTogether  = wire.Instant(3 * time.Second)  // within which others pass a limit for the same cause, or are clear of it: several of their samples
	nudgeWithin  = wire.Instant(10 * time.Minute) // a move that has not come about by then is given up
	returnsWhich = "failback"
)

// pace is what the leader remembers of such moves, and its members with it.
type pace struct {
	went  []went // within paceWithin, the oldest first
	nudge []nudge
	until wire.Instant // when the nudge is given up
	next  wire.Instant // when another may begin
	ails  wire.Nodes   // the nodes that are past a limit
	full  wire.Instant // when it was last told that the bound is reached
	told  wire.Epoch   // the view in which this engine, as its leader, has said what it counted
}

// nudge has one service go to another node.
type nudge struct {
	service int       // its place in the file
	from    wire.Node // which is past a limit, 0 if that is not why
	to      wire.Node
	why     string
}

// nudged tells the planner of the move that is under way.
func (e *Engine) nudged(wishes []plan.Service) {
	for _, n := range e.pace.nudge {
		if w := &wishes[n.service]; w.Asked == 0 && !w.Fixed && w.Able.Has(n.to) {
			w.Asked, w.AskedWhy = n.to, n.why
		}
	}
}

// holdsBack keeps a service that went back often enough from doing so again, once it is where it goes.
func (e *Engine) holdsBack(s *config.Service, w *plan.Service) {
	under := e.toldOf(s)
	if w.Back != "" && e.pace.returns(s.Name) >= mostReturns && (under == 0 || under == w.At) {
		w.Back = ""
	}
}

// noteReturns remembers which services go back by this plan, and did not by the one before.
func (e *Engine) noteReturns() {
	for i, c := range e.lead.plan {
		w := &e.lead.planned.Services[i]
		if !w.GoesBack(c.Node) || w.Asked != 0 || e.lead.places[i].told.node == c.Node {
			continue
		}
		e.countMove(w.Name, returnsWhich)
		if e.pace.returns(w.Name) == mostReturns {
			e.tell(History{Kind: "service", Level: "alarm", Service: w.Name, Node: e.name(c.Node), Text: fmt.Sprintf(
				"%s goes back to %s for the %d. time within an hour, and then stays where it is for the rest of it: find out why it keeps leaving", w.Name, e.name(c.Node), mostReturns)})
		}
	}
}

// keepPace ends the move that is under way once it is over, and looks for the next when its time has come.
func (e *Engine) keepPace(in plan.Input, choices []plan.Choice) {
	p := &e.pace
	p.forget(e.now)
	if len(p.went) > 0 {
		e.lead.due = soonest(e.lead.due, p.went[0].at+paceWithin)
	}
	if len(p.nudge) > 0 {
		if e.now < p.until && slices.ContainsFunc(p.nudge, func(n nudge) bool { return underWay(in, choices, n) }) && !e.needless(in) {
			e.lead.due = soonest(e.lead.due, p.until)
			return
		}
		p.nudge, e.again = nil, true
	}
	p.noteAiling(in, e.now)
	if !e.mayPace(in) {
		return
	}
	if e.now < p.next {
		e.lead.due = soonest(e.lead.due, p.next)
		return
	}
	if !e.settledPlan(in, choices) {
		return
	}
	p.next = e.now + lookAgain
	list, pause := e.handover(in, choices), e.handoverPause()
	if list == nil {
		list, pause = e.evenOut(in, choices), evenPause
	}
	if len(list) > 0 && !e.paceIsFull() {
		e.begin(list, pause)
	}
	e.lead.due = soonest(e.lead.due, p.next)
}

// noteAiling has the next move wait where a node has come to be past a limit, or is within it again: if that is of a cause that all have, such as a gateway
// that failed, the others find out when it is their turn to look, and no node is better than another.
func (p *pace) noteAiling(in plan.Input, now wire.Instant) {
	var ails wire.Nodes
	for _, n := range in.Nodes {
		if n.Ailing != "" {
			ails = ails.With(n.Number)
		}
	}
	if ails != p.ails {
		p.next = max(p.next, now+ailTogether)
	}
	p.ails = ails
}

func (e *Engine) begin(list []nudge, pause wire.Instant) {
	p := &e.pace
	p.nudge, p.until, p.next, e.again = list, e.now+nudgeWithin, e.now+pause, true
	for _, n := range list {
		e.countMove(e.cfg.Services[n.service].Name, n.why)
	}
}

// mayPace reports whether there can be anything to move: a member ails, or some service may be moved for even load.
func (e *Engine) mayPace(in plan.Input) bool {
	return e.view.Verdict.Quorate && (slices.ContainsFunc(in.Nodes, func(n plan.Node) bool { return n.Ailing != "" && e.view.Members.Has(n.Number) }) ||
		slices.ContainsFunc(e.cfg.Services, func(s config.Service) bool { return s.Rebalance }))
}

// paceIsFull reports whether there were enough moves within the hour, and says so once an hour.
func (e *Engine) paceIsFull() bool {
	most := max(leastBound, 2*len(e.cfg.Services))
	if e.pace.others() < most {
		return false
	}
	if e.pace.full == 0 || e.now >= e.pace.full+paceWithin {
		e.pace.full = e.now
		e.tell(History{Kind: "service", Level: "alarm", Text: fmt.Sprintf("%d services were moved within an hour for load and limits: no more until the first of these moves is an hour old", most)})
	}
	return true
}

func (e *Engine) handoverPause() wire.Instant {
	longest := leastPause
	for _, l := range e.cfg.Limits {
		longest = max(longest, l.For)
	}
	return wire.Instant(longest)
}

// underWay reports whether a nudged service still has a way to go: it is to be on its new node and is not there.
func underWay(in plan.Input, choices []plan.Choice, n nudge) bool {
	return choices[n.service].Node == n.to && in.Services[n.service].At != n.to
}

// needless reports whether the node that hands over is well again while all of it is still there.
func (e *Engine) needless(in plan.Input) bool {
	return !slices.ContainsFunc(e.pace.nudge, func(n nudge) bool {
		return n.from == 0 || e.ailing(n.from) != "" || in.Services[n.service].At != n.from
	})
}

// settledPlan reports whether everything is where it shall be, or waits for what may never come: a service that is nowhere and waits, or one that has
// been on its way for as long as a move is given. Those would keep all others on a node that is about to fail.
func (e *Engine) settledPlan(in plan.Input, choices []plan.Choice) bool {
	settled := true
	for i, c := range choices {
		p := &e.lead.places[i]
		switch {
		case c.Node == in.Services[i].At:
			p.away = 0
			continue
		case p.away == 0:
			p.away = e.now
		}
		if until := p.away + nudgeWithin; e.now < until && (p.wait.For == "" || e.moves(&e.cfg.Services[i])) {
			e.lead.due = soonest(e.lead.due, until)
			settled = false
		}
	}
	return settled
}

// moves reports whether a service is on some member, or told to be.
func (e *Engine) moves(s *config.Service) bool {
	return slices.ContainsFunc(e.lead.members, func(m member) bool {
		return m.on(s.Name).Phase.ends() || slices.Contains(m.sent.Run, s.Name)
	})
}

// handover finds what a node that is past a limit hands over next: the least important service, then the lightest, with all that has to
// be with it; but nothing for which another would have to move.
func (e *Engine) handover(in plan.Input, choices []plan.Choice) []nudge {
	for _, n := range in.Nodes {
		if n.Ailing == "" {
			continue
		}
		var on []int
		for i := range in.Services {
			if w := &in.Services[i]; w.At == n.Number && !w.Fixed && w.Asked == 0 {
				on = append(on, i)
			}
		}
		slices.SortStableFunc(on, func(a, b int) int {
			x, y := &in.Services[a], &in.Services[b]
			return cmp.Or(cmp.Compare(x.Priority, y.Priority), slices.Compare(x.Weight, y.Weight))
		})
		for _, i := range on {
			if list := leave(in, choices, i, n); list != nil {
				return list
			}
		}
	}
	return nil
}

// leave finds where a service goes, and what has to be with it, if it may not stay on an ailing node; nil if nowhere well, or only at the
// cost of others.
func leave(in plan.Input, choices []plan.Choice, first int, from plan.Node) []nudge {
	group := plan.Together(in, first)
	try := in
	try.Services = slices.Clone(in.Services)
	for _, i := range group {
		for _, n := range in.Nodes {
			if n.Ailing != "" {
				try.Services[i].Able = try.Services[i].Able.Without(n.Number)
			}
		}
		try.Services[i].Back = ""
	}
	var list []nudge
	for i, c := range plan.Make(try) {
		moves := c.Node != choices[i].Node && (in.Services[i].At != 0 || c.Node == 0) // one that gets a node by it loses nothing
		switch together := slices.Contains(group, i); {
		case together && c.Node == 0 && in.Services[i].At != 0, !together && moves:
			return nil
		case together && c.Node != in.Services[i].At:
			list = append(list, nudge{i, in.Services[i].At, c.Node, fmt.Sprintf("handed over by %s, which is past a limit (%s)", from.Name, from.Ailing)})
		}
	}
	return list
}

// evenOut finds the one move that evens the load out most.
func (e *Engine) evenOut(in plan.Input, choices []plan.Choice) []nudge {
	may := make([]bool, len(in.Services))
	for i := range may {
		may[i] = e.cfg.Services[i].Rebalance && in.Services[i].Asked == 0
	}
	if m, ok := plan.Rebalance(in, choices, may); ok {
		return []nudge{{m.Service, 0, m.To, m.Why}}
	}
	return nil
}
