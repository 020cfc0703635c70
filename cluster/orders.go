package cluster

import (
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// direct is the leader's work: where should each service be, what must each member do for that, and which absent nodes
// stand in the way.
func (e *Engine) direct() {
	if !e.leads() || len(e.lead.members) == 0 || e.adopting {
		return
	}
	l := &e.lead
	l.needs, l.stuck, l.due = 0, 0, 0
	if len(l.places) != len(e.cfg.Services) {
		l.places = make([]placed, len(e.cfg.Services))
	}
	d := deciding{sits: e.situations()}
	d.chosen = e.placements(d.sits)
	lists := make([]Orders, len(l.members))
	for i := range e.cfg.Services {
		s, p := &e.cfg.Services[i], &l.places[i]
		to := e.directService(i, &d)
		if p.node == 0 || to == p.node {
			p.prepare = preparing{}
		}
		for m := range l.members {
			switch l.members[m].node {
			case to:
				lists[m].Run = append(lists[m].Run, s.Name)
			case p.prepare.node:
				lists[m].Prepare = append(lists[m].Prepare, s.Name)
			}
			if p.unlooked && l.members[m].on(s.Name).Phase == PhaseUnknown {
				lists[m].Hold = append(lists[m].Hold, s.Name)
			}
		}
	}
	for m := range l.members {
		e.order(&l.members[m], lists[m])
	}
	if changed := e.weightsChanged(); changed != l.reweigh {
		l.reweigh, e.again = changed, true
	}
}

// deciding is what all decisions of one round rest on: of each service its situation, and the place that was chosen.
type deciding struct {
	sits   []situation
	chosen []placement
}

// directService decides one service and returns the member that shall run it now, 0 none.
func (e *Engine) directService(i int, d *deciding) wire.Node {
	s, p, sit, to := &e.cfg.Services[i], &e.lead.places[i], d.sits[i], d.chosen[i]
	p.placement, p.wait = to, Wait{}
	if p.unlooked = e.unlooked(s, sit); p.unlooked && e.looks() {
		p.placement = p.told
		p.wait = Wait{What: "service " + s.Name, For: "every member to look whether it runs there"}
		return 0
	}
	if e.maintained(s.Name) {
		e.restarted(s.Name, 1, e.inMaintenance())
		return to.node
	}
	e.tellPlace(s, p)
	if held := e.stopsLast(i, d); held != 0 {
		return held
	}
	if to.node == 0 {
		if e.intents.of(s.Name).Stopped {
			e.restarted(s.Name, 0, " is stopped by an operator, and not restarted")
		}
		e.restarted(s.Name, 0, " is restarted once a node can run it")
		e.freeOne(s, sit)
		e.waitNowhere(s, sit, p)
		return 0
	}
	if e.restarts(s.Name) >= 0 {
		if held := e.keptFor(i, d); held != 0 {
			return held
		}
		if e.restartsNow(s) {
			return 0
		}
	}
	if told := slices.Contains(e.lead.member(to.node).sent.Run, s.Name); told || sit.holders.Has(to.node) {
		// It holds the service by right: when it was told to start it, every other node was looked at. Where others hold it
		// too, after an unsafe split, they are the surplus and stop.
		e.noteStuck(s, to.node, 0)
		return to.node
	}
	if held := e.keptFor(i, d); held != 0 {
		return held
	}
	if held := e.prepares(s, sit, to.node, p); held != 0 {
		return held
	}
	wait, proof := e.blocked(s, to.node, 0)
	for _, more := range []func(int, *deciding) Wait{e.startsAfter, e.staysApart, e.waitsForRoom} {
		if wait.For == "" {
			wait = more(i, d)
		}
	}
	if wait.For != "" {
		p.wait = wait
		return 0
	}
	p.proof = proof
	e.tellStart(s, to, proof)
	return to.node
}

// lookWithin bounds how long no place is chosen because a member has not found out yet whether a service runs there: as
// long as a probe may take, and a half more.
const lookWithin = probeDeadline + probeDeadline/2

// looks reports whether there is still time for members to look.
func (e *Engine) looks() bool {
	until := e.lead.since + wire.Instant(lookWithin)
	if e.now >= until {
		return false
	}
	e.lead.due = soonest(e.lead.due, until)
	return true
}

// unlooked reports whether nobody is known to have a service while a member, whose engine is new, still looks. To order now
// would be to stop what may run there.
func (e *Engine) unlooked(s *config.Service, sit situation) bool {
	if sit.holders != 0 {
		return false
	}
	unknown := false
	for _, m := range e.lead.members {
		if slices.Contains(m.sent.Run, s.Name) {
			return false // it is on its way there: whoever looks now was told to stop it
		}
		unknown = unknown || m.on(s.Name).Phase == PhaseUnknown
	}
	return unknown
}

// tellStart logs a start and what makes it safe.
func (e *Engine) tellStart(s *config.Service, to placement, proof string) {
	because := "every other node reports it stopped"
	if proof != "" {
		because = proof
	}
	e.tell(History{Kind: "service", Level: "info", Service: s.Name, Node: e.name(to.node), Epoch: e.view.Epoch, Proof: proof,
		Text: fmt.Sprintf("%s is started on %s (%s); safe because: %s", s.Name, e.name(to.node), to.why, because)})
}

func (e *Engine) tellPlace(s *config.Service, p *placed) {
	if p.placement == p.told {
		return
	}
	moved := p.told.node != p.node
	p.told = p.placement
	if !moved {
		return
	}
	where := "nowhere"
	if p.node != 0 {
		where = "on " + e.name(p.node)
	}
	e.tell(History{Kind: "service", Level: "info", Service: s.Name, Node: e.name(p.node), Epoch: e.view.Epoch,
		Text: fmt.Sprintf("%s shall run %s: %s", s.Name, where, p.why)})
}

// order sends a member what it shall run, if that is not what it was sent last.
func (e *Engine) order(m *member, o Orders) {
	o.Epoch, o.Serial = e.view.Epoch, m.sent.Serial
	var hold []string
	for i := range e.cfg.Services {
		if s := e.cfg.Services[i].Name; e.maintained(s) || slices.Contains(o.Hold, s) {
			hold = append(hold, s)
		}
	}
	o.Hold = hold
	if m.node == e.deputized() {
		o.Shoot = e.self
	}
	if m.sent.Serial != 0 && slices.Equal(o.Run, m.sent.Run) && slices.Equal(o.Hold, m.sent.Hold) &&
		slices.Equal(o.Prepare, m.sent.Prepare) && o.Shoot == m.sent.Shoot {
		return
	}
	e.giveOrders(m, o)
}

func (e *Engine) giveOrders(m *member, o Orders) {
	o.Serial++
	m.sent = o
	m.told = slices.Clone(m.told)
	if len(m.told) != len(e.cfg.Services) {
		m.told = make([]uint64, len(e.cfg.Services))
	}
	for i := range e.cfg.Services {
		if slices.Contains(o.Run, e.cfg.Services[i].Name) {
			m.told[i] = o.Serial
		}
	}
	e.send(m.node, Message{Orders: &o})
	m.sent.Reset = nil
}

// deputy is the member that fences the leader when a stop failed on the leader itself: the first that is not being shot.
func (e *Engine) deputy() wire.Node {
	for n := range e.view.Members.Without(e.self).All {
		if s := e.shotAt(n); s == nil || s.id == 0 {
			return n
		}
	}
	return 0
}

// deputized is the member that fences this leader now, 0 none. The leader leaves it alone: two that shoot each other in one view
// would both be gone.
func (e *Engine) deputized() wire.Node {
	if e.lead.stuck.Has(e.self) || e.lead.fenceMe {
		return e.deputy()
	}
	return 0
}
