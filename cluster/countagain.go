package cluster

import (
	"cmp"
	"slices"

	"locum/wire"
)

// countAgain counts the votes again of nodes with which another's view is promised: it may come into force without this node's knowledge, and they vote in it.
func (e *Engine) countAgain(nodes wire.Nodes, by wire.Life) {
	freed := e.cleanNodes(Proof.freesVote)
	for n := range nodes.All {
		p := e.peer(n)
		switch c, _ := e.cleanOf(n); {
		case freed.Has(n):
			e.countsSince(c, e.lifeOf(n), by)
		case p.counts.by != by:
			p.counts.by = wire.Life{} // nobody knows alone what has become of both
		}
	}
}

// countsAgain is what had freed a node's vote before another's view with it was promised, the life that was in it, and who alone has asked for such views since.
type countsAgain struct {
	clean Clean
	life  wire.Life
	by    wire.Life
}

// Counted is a node whose vote counts again for who has promised such a view: for all who go on with him too, if the view came into force. By is who alone asked for it, or nobody.
type Counted struct {
	Life wire.Life `json:"life"`
	By   wire.Life `json:"by"`
}

func (e *Engine) countsSince(c Clean, life, by wire.Life) {
	e.peer(c.Node).counts = countsAgain{c, life, by}
	e.unproven(c.Node)
}

// countedAgain is what a promise says of such nodes, except to who alone has asked for such views, and knows.
func (e *Engine) countedAgain(to wire.Life) (list []Counted) {
	for i := range e.peers {
		c, clean := e.cleanOf(e.peers[i].Node)
		if was := e.peers[i].counts; was.clean.Node != 0 && was.by != to && !e.outlived(was.clean) && !(clean && c.Life.Incarnation >= was.life.Incarnation) {
			list = append(list, Counted{was.life, was.by})
		}
	}
	return list
}

// countWith counts again what a member does, if what is proven here is of an older life than the one that may have been in that view.
func (e *Engine) countWith(list []Counted) {
	for _, w := range list {
		if c, clean := e.cleanOf(w.Life.Node); clean && c.Proof.freesVote() && c.Life.Incarnation < w.Life.Incarnation {
			e.countsSince(c, w.Life, w.By)
		}
	}
}

// neverCame takes up again what had freed votes before such a view was promised, where that has come to nothing: its node was in no view in that boot, or who asked for it,
// and would have been the first to be in it, knows of none and has forgotten nothing: it is the same engine. They promise now, so that it cannot come any more.
func (e *Engine) neverCame(promises []Promise) {
	for i := range e.peers {
		n := &e.peers[i]
		was := n.counts
		if was.clean.Node == 0 || e.outlived(was.clean) {
			continue
		}
		if slices.ContainsFunc(promises, func(p Promise) bool {
			return p.Life.Boot == was.life.Boot && p.Life.Node == n.Node && !p.Admitted || p.Life == was.by
		}) {
			n.counts = countsAgain{}
			e.proven(was.clean)
			n.proven.told = true // long ago
		}
	}
}

// cleanFor is what a promise says of clean nodes: to who asked for an earlier view also what counts no more because of that. Whoever was in it knows better.
func (e *Engine) cleanFor(to wire.Node) []Clean {
	list := slices.Clone(e.clean)
	for i := range e.peers {
		was := e.peers[i].counts
		if _, have := e.cleanOf(was.clean.Node); !have && was.clean.Node != 0 && was.by == e.lifeOf(to) && !e.outlived(was.clean) {
			list = append(list, was.clean)
		}
	}
	slices.SortFunc(list, func(a, b Clean) int { return cmp.Compare(a.Node, b.Node) })
	return list
}
