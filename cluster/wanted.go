package cluster

import (
	"slices"

	"locum/wire"
)

// wanted is the set that should be the view: this node and those it can form a view with. Members of a view hear one
// another, both ways; of several such sets the largest wins, then the one with the lowest numbers.
func (e *Engine) wanted() wire.Nodes {
	all := wire.SetOf(e.self)
	for n := range configured(e.cfg).All {
		if e.candidate(n) {
			all = all.With(n)
		}
	}
	best := bestClique(all, e.hears)
	if m := e.view.Members; e.obeyed() && m&^all == 0 && m.Count() == best.Count() && bestClique(m, e.hears) == m {
		return m // of several equal sets the one that is in force stays
	}
	if !best.Has(e.self) {
		best = bestClique(all&^best|wire.SetOf(e.self), e.hears)
	}
	if !best.Has(e.self) {
		best = wire.SetOf(e.self)
	}
	return best
}

// candidate reports whether a view with the node is worth proposing. One whose engine is down keeps its place in the view
// for the engine's grace: its heart still grants, its services still run, and nobody is served by a view without it.
func (e *Engine) candidate(n wire.Node) bool {
	p := e.peer(n)
	member := e.obeyed() && e.view.Members.Has(n)
	if n == e.self || !e.alive(n) || p.gone || p.misfit == e.lifeOf(n) || !member && (e.shotInFlight(n) || e.isMute(n) || e.costsQuorum(n)) {
		return false
	}
	if p.EngineUp {
		return true
	}
	return member && e.now < p.engineDown+wire.Instant(e.cfg.Engine.Grace)
}

// costsQuorum reports whether a view that this node leads is a quorum, and would be none with another node in it, because this one cannot write and has no vote in the next.
func (e *Engine) costsQuorum(n wire.Node) bool {
	if e.storing.writable || !e.leads() || !e.view.Verdict.Quorate {
		return false
	}
	promises := append(slices.Clone(e.promisesNow()), Promise{Life: e.lifeOf(n), Writable: true})
	for i := range promises {
		promises[i].Writable = promises[i].Writable && promises[i].Life.Node != e.self
	}
	return !e.judge(promises, e.view.Members.With(n)).Quorate
}

// hears is whom a node hears, as far as this node knows.
func (e *Engine) hears(n wire.Node) wire.Nodes {
	if n != e.self {
		return e.peer(n).Hears
	}
	var set wire.Nodes
	for i := range e.peers { // a peer is large: it is not copied
		if p := &e.peers[i]; p.Node != 0 && e.alive(p.Node) {
			set = set.With(p.Node)
		}
	}
	return set
}

// leaderOf says in which order the nodes of a set should lead it, so that all of them come to the same answer: the leader
// of the view in force if the set only loses members, or gains them for a quorate view; else the members of a quorate
// view, else all, lowest number first. Those whose engine is down, or that leave, come last or not at all.
func (e *Engine) leaderOf(set wire.Nodes) []wire.Node {
	quorate := wire.Nodes(0)
	for n := range set.All {
		if n == e.self && e.obeyed() && e.view.Verdict.Quorate || n != e.self && e.peer(n).Quorate {
			quorate = quorate.With(n)
		}
	}
	var order leadOrder
	if e.obeyed() && (set&^e.view.Members == 0 || e.view.Verdict.Quorate && quorate&^e.view.Members == 0) {
		order.add(e, set&wire.SetOf(e.view.Leader))
	}
	order.add(e, quorate)
	order.add(e, set)
	return order.nodes
}

// leadOrder collects nodes, each once; the leaving ones are not taken.
type leadOrder struct{ nodes []wire.Node }

func (o *leadOrder) add(e *Engine, set wire.Nodes) {
	for n := range set.All {
		down := n != e.self && !e.peer(n).EngineUp
		if !down && !e.leavesOrGone(n) && !slices.Contains(o.nodes, n) {
			o.nodes = append(o.nodes, n)
		}
	}
}
