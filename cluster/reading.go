package cluster

import (
	"cmp"
	"slices"
	"time"

	"locum/wire"
)

// reading is one node whose power is read, without a shot, while a cold start waits for proof about it.
type reading struct {
	node  wire.Node
	id    uint64
	due   wire.Instant
	life  wire.Life    // about which it was asked
	at    wire.Instant // when it was asked last
	first wire.Instant // when it was asked first of all the times, one after the other, that it has said off; 0 if it did not the last time
	came  wire.Instant // when it said so last
	slow  bool         // its last word was long on its way
	said  string
}

// readEvery is the pause between two readings of one node's power.
const readEvery = 5 * time.Second

// readPower asks the switches of absent nodes for their state while a node that may not vote yet waits for proof, or one that does for proof that others are off
// still. It never shoots: a node that boots does not, merely because it is alone.
func (e *Engine) readPower() {
	var unproven wire.Nodes
	switch {
	case !e.obeyed() || e.admitted && (!e.leads() || e.view.Verdict.Quorate):
	case e.admitted:
		unproven = e.backNow() | e.apart.anew&^e.view.Members&^e.cleanNodes(Proof.freesVote)
	default: // until they count: who was off may be on again
		unproven = configured(e.cfg) &^ e.view.Members &^ e.cleanNodes(func(p Proof) bool { return p != ProofPowerOff })
	}
	if unproven == 0 && (e.admitted || !e.obeyed()) {
		e.readings = nil
		return
	}
	for n := range unproven.All {
		if e.alive(n) || !e.fenceable(n) || e.doubted.Has(n) {
			continue
		}
		r := e.readingOf(n)
		if e.now <= e.apart.acted && e.apart.acted < r.due {
			r.due = e.apart.acted + 1 // what it says before then does not count
		}
		if r.id == 0 && e.now >= r.due {
			if life := e.knownLife(n); life != r.life || !e.slowReadings() || e.now > r.came+wire.Instant(readEvery+e.cfg.Beat.Dead) {
				r.life, r.first = life, 0
			}
			r.id, r.due, r.at = e.nextID(), 0, e.now
			e.do(ReadPower{ID: r.id, Node: n})
		}
	}
}

// slowReadings reports whether what some switch says is long on its way: then others, or itself, are asked again before that counts, and have to be off each time.
func (e *Engine) slowReadings() bool {
	return slices.ContainsFunc(e.readings, func(r reading) bool { return r.slow || r.id != 0 && e.late(r) })
}

func (e *Engine) late(r reading) bool { return e.now > r.at+wire.Instant(e.cfg.Beat.Dead) }

func (e *Engine) readingOf(n wire.Node) *reading {
	for i := range e.readings {
		if e.readings[i].node == n {
			return &e.readings[i]
		}
	}
	e.readings = append(e.readings, reading{node: n})
	return &e.readings[len(e.readings)-1]
}

// readAgain has a node's switch asked at once: what it says later would make a word too old that somebody says now.
func (e *Engine) readAgain(n wire.Node) {
	for i := range e.readings {
		if e.readings[i].node == n {
			e.readings[i].due = min(e.readings[i].due, e.now)
		}
	}
}

// powerRead takes a switch's word. "Off" without a shot is proof while the node is not heard. One that was long on its way says so as of when it was asked: the node may be on again, and
// have been taken back, when it comes.
func (e *Engine) powerRead(ev PowerRead) {
	for i := range e.readings {
		r := &e.readings[i]
		if r.id != ev.ID || ev.ID == 0 {
			continue
		}
		r.id, r.due, r.slow, r.said = 0, e.after(readEvery), e.late(*r), ev.Power.String()
		if ev.Detail != "" {
			r.said = ev.Detail
		}
		if c, _ := e.cleanOf(r.node); ev.Power == wire.PowerOn && c.Proof == ProofPowerOff {
			e.onAgain(r.node)
		}
		if ev.Power != wire.PowerOff || e.alive(r.node) || e.knownLife(r.node) != r.life {
			r.first = 0
			return
		}
		r.first, r.came = max(cmp.Or(r.first, r.at), 1), e.now
		e.proven(Clean{Node: r.node, Life: r.life, Proof: ProofPowerOff, Epoch: e.view.Epoch})
		p := e.peer(r.node)
		if p.proven.asked = r.first; r.slow {
			p.proven.shown = max(r.at, 1)
		}
		return
	}
}

// onAgain: a node is on that was off. For who starts it is not clean any more; for who has a vote its old life is over still, but that it was off says nothing of who took it back since.
func (e *Engine) onAgain(n wire.Node) {
	if e.admitted {
		e.peer(n).proven.shown = 1
		return
	}
	e.unproven(n)
	e.tell(History{Kind: "proof", Level: "warn", Node: e.name(n), Text: e.name(n) + " is on again"})
}
