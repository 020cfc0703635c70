package cluster

import (
	"fmt"
	"time"

	"locum/wire"
)

// A node's workers: what they are told to do with a resource, and what follows from their word.

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
