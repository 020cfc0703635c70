package cluster

import "locum/wire"

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

// confirm takes an operator's word that a node runs nothing: proof 4.
func (e *Engine) confirm(a ask) {
	n := e.numberOf(a.command.Node)
	switch {
	case n == e.self:
		e.answer(a, Result{Code: 1, Text: e.name(n) + " is not off: it leads the view"})
		return
	case e.alive(n):
		e.answer(a, Result{Code: 1, Text: e.name(n) + " is heard: it is not off"})
		return
	}
	e.proven(Clean{Node: n, Life: e.knownLife(n), Proof: ProofOperator, Epoch: e.view.Epoch})
	e.answer(a, Result{Text: e.name(n) + " is taken as clean" + by(a.command)})
}
