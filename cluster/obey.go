package cluster

import (
	"slices"

	"locum/wire"
)

// A member's side: it takes its leader's orders and reports what is so.

// ordered takes the leader's orders. Only those of the view in force count, and only newer ones.
func (e *Engine) ordered(from wire.Node, o Orders) {
	if !e.obeyed() || from != e.view.Leader || o.Epoch != e.view.Epoch || o.Serial <= e.serial {
		return
	}
	e.serial, e.instructed = o.Serial, true
	for i := range e.services {
		s := &e.services[i]
		s.ordered = slices.Contains(o.Run, s.cfg.Name)
		s.hold = slices.Contains(o.Hold, s.cfg.Name)
		s.prepare = slices.Contains(o.Prepare, s.cfg.Name)
		if slices.Contains(o.Reset, s.cfg.Name) {
			e.forgive(s)
		}
	}
	e.deputize(o.Shoot)
}

// deputize shoots the leader where the leader's orders say so, for as long as they do.
func (e *Engine) deputize(leader wire.Node) {
	for i := range e.shots {
		if s := &e.shots[i]; s.deputy && s.node != leader {
			s.deputy, s.byHand, e.again = false, s.askID != 0, true
		}
	}
	if leader != 0 && leader != e.self {
		e.shootNow(leader, "a stop failed on it, and it leads").deputy = true
	}
}

// forgive forgets a service's failures here; what is stuck is looked at again.
func (e *Engine) forgive(s *local) {
	s.failures, s.barred = nil, false
	if !s.stuck || s.busy() { // a worker that is still at it cannot be forgiven
		return
	}
	s.detail = ""
	s.stuck = false
	for i := range s.res {
		if s.res[i].verify {
			s.res[i].verify, s.res[i].state = false, wire.StateUnknown
		}
	}
}

// report tells the leader what is so here, whenever that changed.
func (e *Engine) report() {
	if !e.obeyed() {
		return
	}
	r := Report{Epoch: e.view.Epoch, Serial: e.serial, Services: e.reports(), Writable: e.storing.writable, Ready: e.ready(), Unable: e.watchdog.Unarmed, Lost: e.lostHere(), Health: e.healthToReport()}
	if !e.leads() {
		r.Proven = e.provenHere()
	}
	if r.Epoch == e.told.Epoch && r.Serial == e.told.Serial && r.Writable == e.told.Writable && slices.Equal(r.Services, e.told.Services) && slices.Equal(r.Proven, e.told.Proven) &&
		slices.Equal(r.Ready, e.told.Ready) && r.Unable == e.told.Unable && r.Lost == e.told.Lost && slices.Equal(r.Ailing, e.told.Ailing) && r.Vitals == e.told.Vitals {
		return
	}
	if r.Vitals != e.told.Vitals {
		e.health.toldAt = e.now
	}
	e.told, e.again = r, true
	e.send(e.view.Leader, Message{Report: &r})
}

// provenHere is what is proven here and was not known to the leader when it made the view.
func (e *Engine) provenHere() []Clean {
	var list []Clean
	for _, c := range e.clean {
		if !slices.Contains(e.view.Clean, c) && !e.outlived(c) && e.cleanCounts(c) {
			list = append(list, c)
		}
	}
	return list
}
