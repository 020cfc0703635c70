package cluster

import (
	"fmt"
	"time"

	"locum/config"
	"locum/wire"
)

// local is this node's part of one service: what was ordered, and how far each resource is.
type local struct {
	cfg      *config.Service
	ordered  bool // the leader wants it here
	hold     bool // maintenance: leave it as it is
	prepare  bool // the leader wants it here next
	grant    grant
	barred   bool // failed too often: stopped here, and not again before it is cleared
	stuck    bool // a stop failed
	detail   string
	failures []wire.Instant
	res      []resource
	due      wire.Instant // when to try again what could not be done, 0 if nothing waits
}

// resource is one line of the service.
type resource struct {
	state   wire.State
	probed  bool   // its state was found out at least once
	verify  bool   // a stop failed: the next probe says whether it is stuck
	op      uint64 // under way at the worker, 0 none
	kind    OpKind
	overdue bool
	ended   bool         // the operation's context was cancelled
	endBy   wire.Instant // when a start that was cancelled because it was overdue must have ended, 0 none
	permit  uint64       // asked of the heart, 0 none
	watched bool
	listens bool // asks the network who else answers for its address
}

// retryAfter is the pause before a probe without an answer, or a start without a permit, is tried again.
const retryAfter = 200 * time.Millisecond

func newLocal(cfg *config.Service) local {
	return local{cfg: cfg, res: make([]resource, len(cfg.Resources))}
}

// driveServices carries the orders out, one step of each service at a time.
func (e *Engine) driveServices() {
	for i := range e.services {
		e.drive(&e.services[i])
	}
}

// mustStop reports whether this node may run nothing now: its lease has run half down, or it never had one.
func (e *Engine) mustStop() bool {
	return e.lease.State == wire.LeaseOver || e.lease.State == wire.LeaseHalf
}

// wanted reports whether the service should run here now. Who has said its last word before it leaves starts nothing more,
// whatever it is still ordered; and maintenance keeps nothing on a node that leaves, because nobody would look after it.
func (s *local) wanted(e *Engine) bool {
	return s.ordered && !s.barred && !e.mustStop() && !e.leaving.done && !(s.hold && e.leaving.asked)
}

func (e *Engine) drive(s *local) {
	if s.due != 0 && e.now >= s.due {
		s.due = 0
	}
	e.judgeHanging(s)
	want := s.wanted(e)
	if !want {
		e.prepareHere(s)
	}
	if s.busy() {
		if !want {
			e.cancelStarts(s)
		}
		e.probeUnknown(s)
		return
	}
	switch {
	case e.probeUnknown(s) || s.due != 0:
	case (s.hold || !e.instructed) && !e.mustStop() && !e.leaving.asked:
	case want:
		e.driveUp(s)
	default:
		e.driveDown(s)
	}
}

// busy reports whether a worker is at any of the service's resources.
func (s *local) busy() bool {
	for _, r := range s.res {
		if r.op != 0 || r.permit != 0 {
			return true
		}
	}
	return false
}

func (e *Engine) cancelStarts(s *local) {
	for i := range s.res {
		r := &s.res[i]
		r.permit = 0
		if r.op != 0 && r.kind == OpStart && !r.ended {
			r.ended = true
			e.do(CancelOp{ID: r.op})
		}
	}
}

// probeUnknown looks at every resource that was never looked at, or whose last operation left it unknown.
func (e *Engine) probeUnknown(s *local) bool {
	asked := false
	for i := range s.res {
		r := &s.res[i]
		if r.op == 0 && r.permit == 0 && r.state == wire.StateUnknown && s.due == 0 {
			e.runOp(s, i, OpProbe)
			asked = true
		}
	}
	return asked
}

// driveUp starts the first resource that does not run. What stands above it, or what failed, is stopped first.
func (e *Engine) driveUp(s *local) {
	first := 0
	for first < len(s.res) && s.res[first].state == wire.StateRunning {
		first++
	}
	if first == len(s.res) {
		return
	}
	for i := len(s.res) - 1; i >= first; i-- {
		if s.res[i].state != wire.StateStopped {
			e.stopOne(s, i)
			return
		}
	}
	if !e.obeyed() || e.adopting || e.holdStart(s) { // a file that was adopted begins with the next engine
		return
	}
	if s.grant.id != 0 && !s.grant.given && s.grant.epoch == e.view.Epoch {
		return // its answer is on its way
	}
	if e.spend(s) {
		e.runOp(s, first, OpStart)
		return
	}
	r := &s.res[first]
	r.permit = e.nextID()
	e.do(Permit{ID: r.permit, Epoch: e.view.Epoch})
}

// driveDown stops the last resource that is not stopped.
func (e *Engine) driveDown(s *local) {
	for i := len(s.res) - 1; i >= 0; i-- {
		if s.res[i].state != wire.StateStopped {
			e.stopOne(s, i)
			return
		}
	}
}

func (e *Engine) stopOne(s *local, i int) {
	if s.stuck {
		return
	}
	e.unwatch(s, i)
	e.runOp(s, i, OpStop)
}

func (e *Engine) unwatch(s *local, i int) {
	if s.res[i].watched {
		s.res[i].watched = false
		e.do(Watch{Resource: s.id(i)})
	}
}

func (s *local) id(i int) ResourceID { return ResourceID{Service: s.cfg.Name, Index: i} }

// probeDeadline bounds a probe; one that takes longer is unknown.
const probeDeadline = 10 * time.Second

func (e *Engine) runOp(s *local, i int, kind OpKind) {
	r := &s.res[i]
	line := s.cfg.Resources[i]
	deadline := probeDeadline
	switch kind {
	case OpStart:
		deadline = line.Start
	case OpStop:
		deadline = line.Stop
	}
	r.op, r.kind, r.overdue, r.ended, r.endBy = e.nextID(), kind, false, false, 0
	e.do(RunOp{ID: r.op, Kind: kind, Resource: s.id(i), Deadline: deadline})
}

// permitted starts the resource that waits for it, if that is still what is wanted under the view that was asked for.
func (e *Engine) permitted(ev Permitted) {
	if e.granted(ev) {
		return
	}
	for si := range e.services {
		s := &e.services[si]
		for i := range s.res {
			if r := &s.res[i]; r.permit == ev.ID {
				r.permit = 0
				if ev.OK && e.now < ev.Until && e.obeyed() && s.wanted(e) {
					e.idle = false // the heart counts this node as running something from its OK on
					e.runOp(s, i, OpStart)
				} else {
					s.due = e.after(retryAfter)
				}
				return
			}
		}
	}
}

// opEnded takes what a worker says. An id that nobody waits for is stale and means nothing.
func (e *Engine) opEnded(ev OpEnded) {
	for si := range e.services {
		s := &e.services[si]
		for i := range s.res {
			if r := &s.res[i]; r.op == ev.ID && ev.ID != 0 {
				e.endOp(s, i, ev)
				return
			}
		}
	}
}

func (e *Engine) endOp(s *local, i int, ev OpEnded) {
	r := &s.res[i]
	wasOverdue := r.overdue
	r.overdue = ev.Overdue
	if !ev.Overdue {
		r.op = 0
	}
	switch r.kind {
	case OpProbe:
		e.probeEnded(s, i, ev)
	case OpStart:
		e.startEnded(s, i, ev, wasOverdue)
	case OpStop:
		e.stopEnded(s, i, ev)
	}
}

func (e *Engine) probeEnded(s *local, i int, ev OpEnded) {
	r := &s.res[i]
	if ev.Overdue {
		r.ended = true
		e.do(CancelOp{ID: r.op})
	}
	if ev.Outcome != wire.OutcomeDone || ev.State == wire.StateUnknown {
		r.state = wire.StateUnknown
		s.detail = fmt.Sprintf("%s: its state cannot be found out: %s", s.cfg.Resources[i].ID(), ev.Detail)
		s.due = e.after(retryAfter)
		if r.verify && !s.stuck {
			e.getStuck(s, i)
		}
		return
	}
	r.state, r.probed = ev.State, true
	switch {
	case r.verify && ev.State == wire.StateStopped:
		r.verify = false
		e.getUnstuck(s)
	case r.verify && !s.stuck:
		e.getStuck(s, i)
	case ev.State == wire.StateRunning && !r.watched:
		e.watch(s, i)
	}
}

func (e *Engine) watch(s *local, i int) {
	s.res[i].watched = true
	e.do(Watch{Resource: s.id(i), On: true})
}

func (e *Engine) startEnded(s *local, i int, ev OpEnded, wasOverdue bool) {
	r := &s.res[i]
	switch {
	case ev.Overdue:
		r.ended = true
		r.endBy = e.after(s.cfg.Resources[i].Stop)
		e.do(CancelOp{ID: r.op})
		e.failed(s, i, "its start did not end within "+s.cfg.Resources[i].Start.String())
	case wasOverdue || r.ended:
		r.endBy = 0
		r.state = wire.StateUnknown // a start that nobody wants any more: looked at, then stopped
	case ev.Outcome == wire.OutcomeDone:
		r.state, r.probed, s.detail = wire.StateRunning, true, ""
		e.watch(s, i)
	default:
		r.state = wire.StateFailed
		e.failed(s, i, "its start failed: "+ev.Detail)
	}
}

// judgeHanging: a start that was overdue, was cancelled and still does not end is like a stop that failed: nobody knows
// what becomes of it, and only a fence can end it.
func (e *Engine) judgeHanging(s *local) {
	for i := range s.res {
		r := &s.res[i]
		switch {
		case r.endBy == 0:
		case r.op == 0:
			r.endBy = 0
		case e.now >= r.endBy:
			r.endBy, r.verify = 0, true
			s.detail = s.cfg.Resources[i].ID() + ": its start does not end, also after it was cancelled"
			e.getStuck(s, i)
		}
	}
}

// stopEnded: a stop is over only when the agent says that nothing is left. Otherwise a probe decides, and what it does
// not find stopped is stuck: only a fence can end it.
func (e *Engine) stopEnded(s *local, i int, ev OpEnded) {
	r := &s.res[i]
	switch {
	case ev.Overdue:
		s.detail = s.cfg.Resources[i].ID() + ": its stop did not end within " + s.cfg.Resources[i].Stop.String()
		r.verify = true
		e.getStuck(s, i)
	case ev.Outcome == wire.OutcomeDone:
		r.state, r.probed, r.verify = wire.StateStopped, true, false
		e.getUnstuck(s)
	default:
		s.detail = s.cfg.Resources[i].ID() + ": its stop failed: " + ev.Detail
		r.state, r.verify = wire.StateUnknown, true
	}
}

func (e *Engine) getStuck(s *local, i int) {
	if s.stuck {
		return
	}
	s.stuck = true
	e.tell(History{Kind: "service", Level: "alarm", Service: s.cfg.Name, Node: e.name(e.self),
		Text: fmt.Sprintf("%s cannot be stopped on %s (%s): the node has to be fenced before the service starts elsewhere",
			s.cfg.Resources[i].ID(), e.name(e.self), s.detail)})
}

func (e *Engine) getUnstuck(s *local) {
	for _, r := range s.res {
		if r.verify {
			return
		}
	}
	if s.stuck {
		s.stuck = false
		e.tell(History{Kind: "service", Level: "info", Service: s.cfg.Name, Node: e.name(e.self),
			Text: s.cfg.Name + " is stopped after all"})
	}
}

// failed counts a failure: so often within the time it is started again in place, then it is barred here.
func (e *Engine) failed(s *local, i int, why string) {
	s.detail = s.cfg.Resources[i].ID() + ": " + why
	recent := s.failures[:0]
	for _, at := range s.failures {
		if e.now < at+wire.Instant(s.cfg.Restarts.Within) {
			recent = append(recent, at)
		}
	}
	s.failures = append(recent, e.now)
	text, level := "is started again in place", "warn"
	if len(s.failures) > s.cfg.Restarts.Count {
		s.barred = true
		text, level = fmt.Sprintf("is not started here again: it failed %d times within %s", len(s.failures), s.cfg.Restarts.Within), "alarm"
	}
	e.tell(History{Kind: "service", Level: level, Service: s.cfg.Name, Node: e.name(e.self),
		Text: fmt.Sprintf("%s; %s %s", s.detail, s.cfg.Name, text)})
}

// watched takes an agent's word that a running resource changed. Unknown is not failed: it is shown, and nothing is done.
func (e *Engine) watched(ev Watched) {
	s := e.localOf(ev.Resource.Service)
	if s == nil || ev.Resource.Index < 0 || ev.Resource.Index >= len(s.res) {
		return
	}
	r := &s.res[ev.Resource.Index]
	if !r.watched || r.op != 0 || r.state != wire.StateRunning {
		return
	}
	switch ev.State {
	case wire.StateFailed, wire.StateStopped:
		r.state = ev.State
		e.unwatch(s, ev.Resource.Index)
		e.failed(s, ev.Resource.Index, "it "+ev.State.String()+" by itself: "+ev.Detail)
	case wire.StateUnknown:
		s.detail = s.cfg.Resources[ev.Resource.Index].ID() + ": its state is unknown: " + ev.Detail
	case wire.StateRunning:
		s.detail = ""
	}
}

func (e *Engine) localOf(service string) *local {
	for i := range e.services {
		if e.services[i].cfg.Name == service {
			return &e.services[i]
		}
	}
	return nil
}

// phase says how far the service is here. Whatever a worker is at, or a permit is asked for, is not stopped.
func (s *local) phase(e *Engine) Phase {
	all := func(want wire.State) bool {
		for _, r := range s.res {
			if r.state != want {
				return false
			}
		}
		return true
	}
	starting := false
	for _, r := range s.res {
		if !r.probed {
			return PhaseUnknown
		}
		starting = starting || r.permit != 0 || r.op != 0 && r.kind == OpStart
	}
	switch {
	case s.stuck:
		return PhaseStuck
	case starting:
		return PhaseStarting
	case all(wire.StateRunning):
		return PhaseRunning
	case s.hold && all(wire.StateStopped) && !s.busy():
		return PhaseStopped // nothing starts it, whatever is ordered
	case s.wanted(e):
		return PhaseStarting
	case all(wire.StateStopped) && !s.busy():
		return PhaseStopped
	}
	return PhaseStopping
}

// reports is what is so here, for promises and reports.
func (e *Engine) reports() []ServiceReport {
	var list []ServiceReport
	for i := range e.services {
		s := &e.services[i]
		list = append(list, ServiceReport{Service: s.cfg.Name, Phase: s.phase(e), Barred: s.barred, Detail: s.detail})
	}
	return list
}

// tellIdle keeps the heart's knowledge of whether something may run here.
func (e *Engine) tellIdle() {
	idle := true
	for i := range e.services {
		idle = idle && e.services[i].phase(e) == PhaseStopped && e.services[i].grant == (grant{})
	}
	if idle != e.idle {
		e.idle = idle
		e.do(SetIdle{Idle: idle, Left: idle && e.leaving.done})
	}
}

// leaseChanged takes the heart's word on the lease; what follows from it is derived in drive.
func (e *Engine) leaseChanged(l wire.Lease) {
	was := e.lease.State
	e.lease = l
	switch {
	case l.State == wire.LeaseHalf:
		e.tell(History{Kind: "lease", Level: "alarm", Text: "no quorum has answered for half of the lease: services are stopped here"})
	case l.State == wire.LeaseOver && was != wire.LeaseOver:
		e.tell(History{Kind: "lease", Level: "alarm", Text: "the lease is over"})
	case was == wire.LeaseHalf || was == wire.LeaseOver:
		e.tell(History{Kind: "lease", Level: "info", Text: "the lease is " + l.State.String()})
	}
}
