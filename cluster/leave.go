package cluster

import (
	"cmp"
	"fmt"

	"locum/wire"
)

// leaving is an orderly departure: say so, hand the services over, probe, say that nothing runs, go.
type leaving struct {
	asked  bool
	said   bool
	probed bool     // every resource was looked at after the last stop
	told   []uint64 // messages with the last word that have not ended yet
	done   bool     // the last word is spoken: no promise is given any more
	left   bool
}

func (e *Engine) startLeaving() {
	if !e.leaving.asked {
		e.leaving.asked = true
		e.tell(History{Kind: "leave", Level: "info", Node: e.name(e.self), Text: "leaving in order: services are handed over"})
	}
}

// proceedLeaving takes the next step of a departure.
func (e *Engine) proceedLeaving() {
	l := &e.leaving
	if !l.asked || l.left {
		return
	}
	if !l.said {
		l.said = true
		e.sayLeave(false)
	}
	e.stopAlone()
	if !l.done && e.nothingRuns() {
		l.done, e.idle = true, true
		e.do(SetIdle{Idle: true, Left: true})
		l.told = e.sayLeave(true)
	}
	if l.done && len(l.told) == 0 {
		l.left = true
		e.do(Left{Clean: true})
	}
}

// stopAlone stops the services where nobody is there to order it.
func (e *Engine) stopAlone() {
	if e.mayAct() && e.view.Members != wire.SetOf(e.self) {
		return
	}
	e.instructed = true
	for i := range e.services {
		e.services[i].ordered = false
	}
}

// nothingRuns reports whether every service is stopped and was looked at after that.
func (e *Engine) nothingRuns() bool {
	for i := range e.services {
		if s := &e.services[i]; s.wanted(e) || s.phase(e) != PhaseStopped {
			return false
		}
	}
	if !e.leaving.probed {
		e.leaving.probed = true
		for i := range e.services {
			for r := range e.services[i].res {
				e.services[i].res[r].state, e.services[i].res[r].probed = wire.StateUnknown, false
			}
		}
		return len(e.services) == 0
	}
	return true
}

// leaveWaits says what keeps this node, which is leaving, from being gone; "" if nothing does.
func (e *Engine) leaveWaits() string {
	for i := range e.services {
		s := &e.services[i]
		if phase := s.phase(e); e.leaving.asked && phase != PhaseStopped {
			return fmt.Sprintf("; waits until %s is known to be stopped here; it is %s: %s", s.cfg.Name, phase, cmp.Or(s.detail, "its agents are at it"))
		}
	}
	return ""
}

func (e *Engine) sayLeave(stopped bool) []uint64 {
	var ids []uint64
	for n := range e.view.Members.Without(e.self).All {
		if e.alive(n) {
			ids = append(ids, e.send(n, Message{Leave: &LeaveWord{Stopped: stopped}}))
		}
	}
	return ids
}

// leaveTold counts who has heard the last word, or never will.
func (e *Engine) leaveTold(ev MessageEnded) {
	for i, id := range e.leaving.told {
		if id == ev.ID {
			e.leaving.told = append(e.leaving.told[:i:i], e.leaving.told[i+1:]...)
			return
		}
	}
}

// leaveSaidBy takes a member's word that it is leaving, or that it has: probed, nothing runs. That is proof 3.
func (e *Engine) leaveSaidBy(from wire.Node, w LeaveWord) {
	if from == e.self || !e.alive(from) {
		return
	}
	p := e.peer(from)
	p.leaves = true
	if !w.Stopped {
		return
	}
	p.gone = true
	e.proven(Clean{Node: from, Life: e.lifeOf(from), Proof: ProofLeft, Epoch: max(e.view.Epoch, p.memberAt)})
}
