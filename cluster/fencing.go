package cluster

import (
	"fmt"
	"time"

	"locum/wire"
)

// shot is one node that is being made certain to run nothing. It goes on until its switch says off, or until it is no
// longer wanted: a time-out is no success.
type shot struct {
	node     wire.Node
	id       uint64 // under way, 0 none
	life     wire.Life
	fired    wire.Instant
	epoch    wire.Epoch
	ended    bool // its context was cancelled
	tries    int
	due      wire.Instant // when the next try is allowed
	why      string       // how the last try ended
	reason   string
	byHand   bool // an operator, or a failed stop: also while the node is heard
	deputy   bool // the leader itself ordered it
	askID    uint64
	askFrom  wire.Node
	finished bool
}

// shotAt finds the shot at a node.
func (e *Engine) shotAt(n wire.Node) *shot {
	for i := range e.shots {
		if e.shots[i].node == n {
			return &e.shots[i]
		}
	}
	return nil
}

// shotInFlight reports whether a shot at the node has not ended yet: until then it is not admitted. Where a leader that knew
// nothing of the shot has admitted it since, to keep it out would only take its vote and its services away.
func (e *Engine) shotInFlight(n wire.Node) bool {
	s := e.shotAt(n)
	return s != nil && s.id != 0 && !(e.view.Epoch > s.epoch && e.view.Members.Has(n))
}

// MayShoot says why a shot must not be fired now, nil if it may. It is asked just before each device is told.
func (e *Engine) MayShoot(id uint64) error {
	for _, s := range e.shots {
		switch {
		case s.id != id:
			continue
		case s.ended:
			return fmt.Errorf("the shot at %s was called off", e.name(s.node))
		case !e.obeyed() || s.epoch != e.view.Epoch:
			return fmt.Errorf("the shot at %s belongs to view %d, which is over", e.name(s.node), s.epoch)
		}
		return nil
	}
	return fmt.Errorf("no such shot")
}

// fencing shoots what has to be proven clean, and calls off what need not be any more.
func (e *Engine) fencing() {
	wanted := e.targets()
	for n := range wanted.All {
		if e.shotAt(n) == nil {
			s := shot{node: n, reason: e.shotReason(n)}
			switch {
			case e.tied():
				s.due = e.firstTurn()
			case e.view.Verdict.Claim != 0:
				s.due = e.nextTurn(e.now)
			case e.now < e.tie.until && !e.alive(n):
				s.due = e.tie.until
			case e.alive(n): // a stop failed on it; who was paused until now learns meanwhile that he is not its leader any more
				s.due = e.after(e.patience())
			}
			e.shots = append(e.shots, s)
		}
	}
	for i := range e.shots {
		e.driveShot(&e.shots[i], wanted)
	}
	kept := e.shots[:0:0]
	for _, s := range e.shots {
		if !s.finished {
			kept = append(kept, s)
		}
	}
	e.shots = kept
	e.tellTie()
	e.readPower()
}

// targets is the set of nodes to be shot now.
func (e *Engine) targets() wire.Nodes {
	var set wire.Nodes
	if !e.leads() || !e.admitted || e.leaving.asked {
		return 0
	}
	if e.view.Verdict.Quorate {
		if e.mustStop() || !e.quorumObeys() {
			return 0 // the quorum may be elsewhere by now
		}
		set = e.lead.needs | e.stuckMembers()
		if e.view.Verdict.Claim != 0 {
			set |= e.tieTargets() // their votes have to go, so that nothing rests on the disk any more
		}
	} else if e.tied() && e.now >= e.tieDue() && e.halfObeys() {
		set = e.tieTargets()
	}
	for n := range set.All {
		c, clean := e.cleanOf(n)
		if clean && e.cleanCounts(c) && !e.alive(n) || e.alive(n) && !e.lead.stuck.Has(n) || !e.fenceable(n) || e.doubted.Has(n) {
			set = set.Without(n)
		}
	}
	return set
}

// stuckMembers are those to be shot because a stop failed on them. Not one that does not hear this node any more, though it is heard: it may be
// shooting at this node already, and whose turn that is only a view without it tells.
func (e *Engine) stuckMembers() (set wire.Nodes) {
	for n := range e.lead.stuck.Without(e.self).Without(e.deputized()).All {
		if e.peer(n).lost == 0 {
			set = set.With(n)
		}
	}
	return set
}

func (e *Engine) fenceable(n wire.Node) bool {
	for _, f := range e.cfg.Fences {
		if f.Node == n {
			return true
		}
	}
	return false
}

func (e *Engine) shotReason(n wire.Node) string {
	switch {
	case e.lead.stuck.Has(n):
		return "a stop failed on it"
	case e.view.Verdict.Claim != 0:
		return "the quorum disk has decided against it, and it is silent"
	case !e.view.Verdict.Quorate:
		return "exactly half of the votes are left, and it is silent"
	}
	return "it is silent and may run what has to start elsewhere"
}

func (e *Engine) driveShot(s *shot, wanted wire.Nodes) {
	calledOff := !s.byHand && !wanted.Has(s.node) || s.id != 0 && s.epoch != e.view.Epoch || !e.obeyed()
	switch {
	case s.id != 0 && calledOff && !s.ended:
		s.ended = true
		e.do(CancelShot{ID: s.id})
	case s.id != 0:
	case calledOff && !s.byHand:
		s.finished = true
	case calledOff || e.now < s.due:
	case e.missedTurn(s):
		s.due = e.nextTurn(e.now)
	default:
		s.due = 0
		e.fire(s)
	}
}

func (e *Engine) fire(s *shot) {
	s.id, s.epoch, s.life, s.fired, s.ended = e.nextID(), e.view.Epoch, e.knownLife(s.node), e.now, false
	s.tries++
	if s.tries == 1 {
		e.tell(History{Kind: "fence", Level: "warn", Node: e.name(s.node), Epoch: s.epoch,
			Text: fmt.Sprintf("%s is fenced: %s", e.name(s.node), s.reason)})
	}
	e.do(Shoot{ID: s.id, Node: s.node, Life: s.life, Epoch: s.epoch})
}

// shootNow fences a node although it is heard: an operator said so, or a stop failed on it.
func (e *Engine) shootNow(n wire.Node, reason string) *shot {
	s := e.shotAt(n)
	if s == nil {
		e.shots = append(e.shots, shot{node: n})
		s = &e.shots[len(e.shots)-1]
	}
	s.byHand, s.reason, s.due = true, reason, 0
	e.again = true // it is asked for after this round's shots were driven
	return s
}

// maxBackoff bounds the pause between two tries at a device that does not confirm.
const maxBackoff = 30 * time.Second

// shotEnded takes the devices' word. Only "done" is proof; failed and unknown are tried again, later and later.
func (e *Engine) shotEnded(ev ShotEnded) {
	for i := range e.shots {
		s := &e.shots[i]
		if s.id != ev.ID || ev.ID == 0 {
			continue
		}
		s.id, s.why = 0, ev.Detail
		if ev.Outcome == wire.OutcomeDone && e.doubted.Has(s.node) {
			e.tried(s)
			return
		}
		if ev.Outcome == wire.OutcomeDone {
			s.finished = true
			e.shotDone(s)
			return
		}
		pause := min(time.Second<<min(s.tries-1, 5), maxBackoff)
		s.due = e.after(pause)
		if !s.byHand {
			s.due = e.nextTurn(s.due)
		}
		level := "alarm"
		if s.ended {
			level = "info"
		}
		e.tell(History{Kind: "fence", Level: level, Node: e.name(s.node), Epoch: s.epoch,
			Text: fmt.Sprintf("%s is not confirmed off (%s): %s", e.name(s.node), ev.Outcome, ev.Detail)})
		if s.askID != 0 {
			e.answerShot(s, Result{Code: 1, Text: fmt.Sprintf("%s is not confirmed off (%s): %s", e.name(s.node), ev.Outcome, ev.Detail)})
			s.finished = true
		}
		return
	}
}

// shotDone takes the word that a node is off. It says so of the life that was shot at, as of when it was: the node may be on again, and have been a member since, when the answer comes.
func (e *Engine) shotDone(s *shot) {
	c := Clean{Node: s.node, Life: s.life, Proof: ProofPowerOff, Epoch: max(s.epoch, e.view.Epoch)}
	if e.outlived(c) {
		e.answerShot(s, Result{Code: 1, Text: e.name(s.node) + " was said to be off, and has been a member, or was heard, since: repeat it if it is still meant"})
		return
	}
	e.proven(c)
	e.peer(s.node).proven.shown = max(s.fired, 1)
	e.answerShot(s, Result{Text: e.name(s.node) + " is off: its power was confirmed off"})
}

// dropShots ends in a new view what was ordered by hand in the old one; the leader orders it again if it still holds.
func (e *Engine) dropShots() {
	for i := range e.shots {
		s := &e.shots[i]
		s.byHand = s.askID != 0 && s.id != 0
	}
}
