package cluster

import (
	"fmt"
	"time"

	"locum/config"
	"locum/wire"
)

// hold keeps a service from starting while another host answers for its address.
type hold struct {
	service string
	by      string
	until   wire.Instant
	told    bool
}

// leastHold is how long an answer holds a start at least, however short dead is: engines ask and hear with the priority of ordinary processes, and
// on a busy machine the next answer is late by more than a quarter of a short dead.
const leastHold = 250 * time.Millisecond

// contested takes a vip agent's word that somebody answers for an address before it is taken over. Only an answer in the
// last quarter of dead holds the start: until then it may be the owner itself.
func (e *Engine) contested(ev Contested) {
	until := e.after(max(e.cfg.Beat.Dead/4, leastHold))
	for i := range e.held {
		if e.held[i].service == ev.Resource.Service {
			e.held[i].by, e.held[i].until = ev.By, until
			return
		}
	}
	e.held = append(e.held, hold{service: ev.Resource.Service, by: ev.By, until: until})
}

// heldAddress finds what holds a service's start here, nil if nothing does.
func (e *Engine) heldAddress(s *config.Service) *hold {
	for i := range e.held {
		if e.held[i].service == s.Name && e.now < e.held[i].until {
			return &e.held[i]
		}
	}
	return nil
}

// holdStart keeps a service from starting while its address is answered for, and says so once.
func (e *Engine) holdStart(s *local) bool {
	h := e.heldAddress(s.cfg)
	if h == nil {
		return false
	}
	if !h.told {
		h.told = true
		e.tell(History{Kind: "alarm", Level: "alarm", Service: s.cfg.Name, Node: e.name(e.self),
			Text: fmt.Sprintf("%s is not started: another host (%s) answers for its address", s.cfg.Name, h.by)})
	}
	s.due = h.until
	return true
}

// listen has the vip agents ask the network from when an owner is late until it is heard again, or the takeover is over.
func (e *Engine) listen() {
	kept := e.held[:0:0]
	for _, h := range e.held {
		if e.now < h.until {
			kept = append(kept, h)
		}
	}
	e.held = kept
	for i := range e.services {
		s := &e.services[i]
		on := e.mayInherit(i)
		for r := range s.res {
			if s.cfg.Resources[r].Type != "vip" || s.res[r].listens == on {
				continue
			}
			s.res[r].listens = on
			e.do(Listen{Resource: s.id(r), On: on})
		}
	}
}

// mayInherit reports whether a service may have to be started here soon: one of its other nodes is late, or dead and still in
// the view, and it does not run here. In a tie that is so until the node is proven clean: the start may be a long delay away.
// Where somebody answers, the asking goes on until the service is known to run on a member, or to be stopped: the order may come long after the
// view, once a switch has said off, and that may lie. Who asked for longer would hear a living owner, hold its own start for
// that, and so ask for ever.
func (e *Engine) mayInherit(i int) bool {
	s := &e.services[i]
	if !pathSet(s.cfg).Has(e.self) || e.leaving.asked {
		return false
	}
	if e.heldAddress(s.cfg) != nil && (s.wanted(e) || e.mayBeOrdered(i)) {
		return true
	}
	if s.phase(e) != PhaseStopped {
		return false
	}
	for _, n := range s.cfg.Nodes {
		if n == e.self {
			continue
		}
		_, clean := e.cleanOf(n)
		awaited := e.view.Members.Has(n) || e.tie.Since != 0 && !clean
		if st := e.peer(n).State; st == wire.PeerLate || st == wire.PeerDead && awaited {
			return true
		}
	}
	return false
}

// mayBeOrdered reports whether a service may have to run soon on some member, by what the leader has said last: also that nothing was said yet.
func (e *Engine) mayBeOrdered(i int) bool {
	s := e.serviceStatus(i)
	return s.State != PhaseRunning.String() && !s.Stopped
}
