package cluster

import (
	"slices"

	"locum/config"
)

// An operator's restart stops a service once where it runs; it is started again as soon as it is stopped everywhere. It is no intent that lasts, so the
// answer comes only then: if the leader is lost before, its successor knows nothing of it, and the operator is told so.

// restart is one service that an operator has restarted, and his command.
type restart struct {
	service string
	ask     ask
}

// restarts is the place of the first restart of a service, -1 if there is none.
func (e *Engine) restarts(service string) int {
	return slices.IndexFunc(e.lead.restart, func(r restart) bool { return r.service == service })
}

// restartAsked begins a restart, unless the service could not be started again by what operators have said.
func (e *Engine) restartAsked(a ask) {
	var list []restart
	for _, s := range e.cfg.ServicesNamed(a.command.Service) {
		why := ""
		switch at := e.placeOf(s); {
		case e.intents.of(s.Name).Stopped:
			continue
		case e.maintained(s.Name):
			why = a.command.Service + e.inMaintenance()
		case at >= 0 && e.runsSomewhere(s):
			if w := e.firstMissing(at, func(k int) bool { return e.lead.places[k].node != 0 }); w.For != "" {
				why = s.Name + " would not be started again: it waits for " + w.For
			}
		}
		if why != "" {
			e.answer(a, Result{Code: 1, Text: why})
			return
		}
		list = append(list, restart{s.Name, a})
	}
	if list == nil {
		e.answer(a, Result{Code: 1, Text: a.command.Service + " is stopped by an operator: locum start " + a.command.Service})
		return
	}
	e.lead.restart = slices.Concat(e.lead.restart, list)
	e.tell(History{Kind: "intent", Level: "info", Service: a.command.Service, Text: a.command.Service + " is restarted" + by(a.command)})
}

func (e *Engine) inMaintenance() string {
	if e.intents.Maintenance {
		return " is in maintenance, as all services are, and is not restarted before that is off: locum maintenance off"
	}
	return " is in maintenance, and is not restarted before that is off: locum maintenance off SERVICE"
}

// restartsNow reports whether an operator's restart still waits for the service to be stopped everywhere.
func (e *Engine) restartsNow(s *config.Service) bool {
	if e.othersRestart(s, e.restarts(s.Name)) {
		return false
	}
	for _, m := range e.lead.members {
		p := m.on(s.Name).Phase // where it is stuck or unknown, blocked says what that needs
		if p == PhaseRunning || p == PhaseStarting || p == PhaseStopping || m.seen < m.sent.Serial || slices.Contains(m.sent.Run, s.Name) {
			return true
		}
	}
	e.restarted(s.Name, 0, " is restarted")
	return false
}

// othersRestart reports whether another instance of a parallel service has not come up again: they are restarted one after the other.
func (e *Engine) othersRestart(s *config.Service, at int) bool {
	for i := range e.cfg.Services {
		o := &e.cfg.Services[i]
		if o == s || o.Group != s.Group || e.lead.places[i].told.node == 0 {
			continue
		}
		if before := e.restarts(o.Name); before >= 0 && before < at || !e.runsSomewhere(o) {
			return true
		}
	}
	return false
}

// restarted ends the restarts of a service, and answers those of which none is left, or which have failed.
func (e *Engine) restarted(service string, code int, what string) {
	for at := e.restarts(service); at >= 0; at = e.restarts(service) {
		a := e.lead.restart[at].ask
		e.lead.restart = slices.DeleteFunc(slices.Clone(e.lead.restart), func(o restart) bool { return o.ask == a && (o.service == service || code != 0) })
		if !e.restartLeft(a) {
			e.answer(a, Result{Code: code, Text: a.command.Service + what})
		}
	}
}

func (e *Engine) restartLeft(a ask) bool {
	return slices.ContainsFunc(e.lead.restart, func(o restart) bool { return o.ask == a })
}

// keepRestarts puts back the commands of which nothing is done when a view ends, and answers the others: to begin those anew would restart some twice.
func (e *Engine) keepRestarts() {
	for len(e.lead.restart) > 0 {
		a, left := e.lead.restart[0].ask, 0
		e.lead.restart = slices.DeleteFunc(slices.Clone(e.lead.restart), func(o restart) bool {
			if o.ask == a {
				left++
			}
			return o.ask == a
		})
		all := slices.DeleteFunc(e.cfg.ServicesNamed(a.command.Service), func(s *config.Service) bool { return e.intents.of(s.Name).Stopped })
		if left == len(all) {
			e.asks = append(e.asks, a)
		} else {
			e.answer(a, Result{Code: 1, Text: unknownResult})
		}
	}
}
