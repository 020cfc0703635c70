package cluster

import (
	"strings"

	"locum/wire"
)

// fenceAsked fences a node on an operator's word.
func (e *Engine) fenceAsked(a ask, n wire.Node) {
	switch {
	case !e.view.Verdict.Quorate:
		e.answer(a, Result{Code: 3, Text: notQuorate})
	case !e.fenceable(n):
		e.answer(a, Result{Code: 1, Text: e.name(n) + " has no fence line; if it is off, say so with locum fence " + e.name(n) + " --confirm"})
	case n == e.self && e.deputy() == 0:
		e.answer(a, Result{Code: 1, Text: "no other node is there to fence " + e.name(n)})
	case n == e.self:
		e.lead.fenceMe, e.again = true, true
		e.answer(a, Result{Text: e.name(e.deputy()) + " fences " + e.name(n)})
	default:
		s := e.shootNow(n, "an operator said so"+by(a.command))
		e.answerShot(s, Result{Code: 1, Text: "another command to fence it came in between"})
		s.askID, s.askFrom = a.id, a.from
	}
}

func (e *Engine) answerShot(s *shot, r Result) {
	if s.askID != 0 {
		e.answer(ask{id: s.askID, from: s.askFrom}, r)
		s.askID = 0
	}
}

// confirm takes an operator's word that nodes run nothing: proof 4.
func (e *Engine) confirm(a ask) {
	var off wire.Nodes
	for _, name := range a.command.Nodes() {
		n := e.numberOf(name)
		switch {
		case n == e.self:
			e.answer(a, Result{Code: 1, Text: name + " is not off: it leads the view"})
			return
		case e.alive(n):
			e.answer(a, Result{Code: 1, Text: name + " is heard: it is not off"})
			return
		case e.livesOnDisk(n):
			e.answer(a, Result{Code: 1, Text: name + " is not off: it was seen to write to the quorum disk since it was heard last; if it was just now switched off, say it again in " +
				e.cfg.Disks[0].Dead.String()})
			return
		}
		off = off.With(n)
	}
	for n := range off.All {
		e.proven(Clean{Node: n, Life: e.knownLife(n), Proof: ProofOperator, Epoch: e.view.Epoch})
	}
	are := " is"
	if off.Count() > 1 {
		are = " are"
	}
	said := names(e.cfg, off) + are + " taken as clean" + by(a.command)
	if back := e.mayBeBackOnceSaid() &^ off; back != 0 {
		said += "; " + names(e.cfg, back) + " may have been taken back by the other side until now: if off too, say so of all at once: locum fence " +
			strings.ReplaceAll(names(e.cfg, back|off), ", ", ",") + " --confirm"
	}
	e.answer(a, Result{Text: said})
}

// mayBeBackOnceSaid are those that keep what was just proven from making this node's view a quorum.
func (e *Engine) mayBeBackOnceSaid() wire.Nodes {
	if !e.leads() || e.view.Verdict.Quorate {
		return 0
	}
	back, _ := e.mayBeBack(e.promisesNow(), e.view.Members, e.judge(e.promisesNow(), e.view.Members))
	for n := range back.All {
		if e.fenceable(n) { // its switch is asked
			back = back.Without(n)
		}
	}
	return back
}

// confirmCommand is what an operator says about an absent node that is off.
func (e *Engine) confirmCommand(n wire.Node) string { return "locum fence " + e.name(n) + " --confirm" }

// confirmOnceOff is that command for a node of which nothing is heard, with what keeps the word from being true as yet.
func (e *Engine) confirmOnceOff(n wire.Node) string {
	if e.livesOnDisk(n) {
		return e.confirmCommand(n) + ", once it is off: it goes on writing to the quorum disk"
	}
	return e.confirmCommand(n)
}

// livesOnDisk reports whether a node was seen to write to the quorum disk since it was heard last, and has not stood still there for its dead: its cables may have failed, it is not off.
func (e *Engine) livesOnDisk(n wire.Node) bool {
	s := e.disk.Slot(n)
	return s.Moved != 0 && !s.Still && e.now < s.Moved+e.diskDead() && s.Moved > e.peer(n).LastHeard+wire.Instant(e.cfg.Disks[0].Every)
}

// saidAtOnce tells the operator, where another side may take nodes back one by one, that of several that are off it has to be said at once.
func (e *Engine) saidAtOnce() string {
	byWord := configured(e.cfg) &^ e.view.Members &^ e.cleanNodes(func(p Proof) bool { return p.freesVote() && p != ProofOperator })
	if !e.cfg.Quorum.Dynamic || e.admitted && e.view.Verdict.Quorate || byWord.Count() < 2 {
		return ""
	}
	return "; if several are off, say so of all at once: A,B"
}
