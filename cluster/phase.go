package cluster

import "locum/wire"

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

// ends reports whether a service that has to stop will say so by itself: one that is stuck or not known of may never, and is not waited for.
func (p Phase) ends() bool { return p == PhaseRunning || p == PhaseStarting || p == PhaseStopping }

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
