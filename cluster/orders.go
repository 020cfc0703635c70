package cluster

import (
	"fmt"
	"slices"

	"locum/cluster/plan"
	"locum/config"
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
	for _, c := range r.Proven {
		if c.Node != e.self && configured(e.cfg).Has(c.Node) && !e.outlived(c) {
			e.proven(c)
		}
	}
}

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

func soonest(a, b wire.Instant) wire.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
