package cluster

import (
	"cmp"
	"slices"

	"locum/config"
	"locum/wire"
)

// The moves that the bounds of pace.go count outlive the leader and its engine: it tells the members of each, so that the next leader goes on counting, and
// engines that are new to each other compare what they have counted.

// went is one move; why is returnsWhich, or the reason of a nudge.
type went struct {
	service string
	why     string
	at      wire.Instant
}

// Moves are the newest moves that an engine has counted, the oldest first. The leader says them once to each engine that is new to it, and is answered with what that
// one has counted if it is more, else with none.
type Moves struct {
	Epoch wire.Epoch `json:"epoch"`
	Moves []Move     `json:"moves"`
}

// Move is one of them.
type Move struct {
	Service string `json:"service"`
	Back    bool   `json:"back,omitempty"` // by failback
	AgeMS   int64  `json:"age_ms"`
}

// Moved tells the members of a move that the bounds count.
type Moved struct {
	Epoch   wire.Epoch `json:"epoch"`
	Service string     `json:"service"`
	Why     string     `json:"why"`
}

// mostWent bounds what is remembered: more than the bounds of a file with as many services as there can be.
const mostWent = 1 << 13

// mostTold bounds what an answer holds, so that it fits a message.
const mostTold = 1 << 10

// forget drops what is older than the bounds look at.
func (p *pace) forget(now wire.Instant) {
	p.went = slices.DeleteFunc(slices.Clone(p.went), func(w went) bool { return now >= w.at+paceWithin })
}

// returns counts how often a service went back.
func (p *pace) returns(service string) (n int) {
	for _, w := range p.went {
		if w.service == service && w.why == returnsWhich {
			n++
		}
	}
	return n
}

// others counts all other moves.
func (p *pace) others() (n int) {
	for _, w := range p.went {
		if w.why != returnsWhich {
			n++
		}
	}
	return n
}

// countMove counts a move, here and at the members.
func (e *Engine) countMove(service, why string) {
	e.pace.went = append(slices.Clone(e.pace.went), went{service, why, e.now})
	m := &Moved{Epoch: e.view.Epoch, Service: service, Why: why}
	for n := range e.view.Members.Without(e.self).All {
		e.send(n, Message{Moved: m})
	}
}

// movedBy takes the leader's word of a move.
func (e *Engine) movedBy(from wire.Node, m Moved) {
	if !e.obeyed() || from != e.view.Leader || m.Epoch != e.view.Epoch {
		return
	}
	e.pace.forget(e.now)
	if len(e.pace.went) < mostWent {
		e.pace.went = append(slices.Clone(e.pace.went), went{m.Service, m.Why, e.now})
	}
}

// tellMoves says to the members whose engines are new to this one, as their leader, which moves were counted: they, or it, may have been started a moment ago.
func (e *Engine) tellMoves() {
	if e.pace.told == e.view.Epoch || !hasBounds(e.cfg) {
		return
	}
	e.pace.told = e.view.Epoch
	for _, life := range e.view.Lives {
		if life.Node != e.self && e.peer(life.Node).compared != life {
			e.send(life.Node, Message{Moves: e.counted()})
		}
	}
}

// hasBounds reports whether a file knows moves that nothing forces.
func hasBounds(cfg *config.Config) bool {
	return len(cfg.Limits) > 0 || slices.ContainsFunc(cfg.Services, func(s config.Service) bool { return s.Rebalance || s.Failback || s.FailbackAt != config.Window{} })
}

func (e *Engine) counted() *Moves {
	m := &Moves{Epoch: e.view.Epoch}
	for _, w := range e.pace.went[max(0, len(e.pace.went)-mostTold):] {
		m.Moves = append(m.Moves, Move{w.service, w.why == returnsWhich, int64(e.now-w.at) / 1e6})
	}
	return m
}

// movesSaid goes on from what another engine has counted, if that is more: who counted more was there for longer.
func (e *Engine) movesSaid(from wire.Node, m Moves) {
	if !e.obeyed() || m.Epoch != e.view.Epoch || len(m.Moves) > mostTold || !e.leads() && from != e.view.Leader {
		return
	}
	e.pace.forget(e.now)
	more := len(m.Moves) > len(e.pace.went)
	switch {
	case e.leads():
		e.peer(from).compared, _ = e.view.life(from)
	case more || len(m.Moves) == len(e.pace.went):
		e.send(from, Message{Moves: &Moves{Epoch: m.Epoch}})
	default:
		e.send(from, Message{Moves: e.counted()})
	}
	if more {
		e.pace.goOnFrom(m.Moves, e.now)
		e.lead.plan, e.again = nil, true
	}
}

// goOnFrom takes what another has counted.
func (p *pace) goOnFrom(moves []Move, now wire.Instant) {
	p.went = nil
	for _, m := range moves {
		age := min(max(0, m.AgeMS), int64(paceWithin)/1e6)
		w := went{service: m.Service, at: now - wire.Instant(age*1e6)}
		if m.Back {
			w.why = returnsWhich
		}
		p.went = append(p.went, w)
	}
	slices.SortStableFunc(p.went, func(a, b went) int { return cmp.Compare(a.at, b.at) })
	p.forget(now)
}
