package cluster

import (
	"time"

	"locum/config"
	"locum/wire"
)

// local is this node's part of one service: what was ordered, and how far each resource is.
type local struct {
	cfg      *config.Service
	index    int  // its place in the file
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

func newLocal(cfg *config.Service, index int) local {
	return local{cfg: cfg, index: index, res: make([]resource, len(cfg.Resources))}
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
	case !e.usersStop(s):
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

func (e *Engine) watch(s *local, i int) {
	s.res[i].watched = true
	e.do(Watch{Resource: s.id(i), On: true})
}

func (e *Engine) localOf(service string) *local {
	for i := range e.services {
		if e.services[i].cfg.Name == service {
			return &e.services[i]
		}
	}
	return nil
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
