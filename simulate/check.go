package simulate

import (
	"slices"

	"locum/cluster"
	"locum/wire"
)

// checks is what the checkers remember. They look after every step for what must never happen (section 14 of the design)
// and are never switched off because faults are on. Each names itself in the first word of what it says.
type checks struct {
	changed bool // a resource's state, since the last look
	calm    bool // nothing has been wrong for long: nobody has a reason to shoot
	byHand  bool // an operator had a node fenced
	views   map[wire.Epoch]wire.ViewForHeart
	forces  map[wire.Node]wire.ViewForHeart // the view in force at each heart
	fencedB map[wire.Node]int               // the boot in which a node was fenced
	fencer  map[wire.Node]wire.Node         // and by whom
	said    map[string]word
	applies map[uint64]bool         // commands that bring a new file
	opened  []wire.Instant          // when each instance of the disks' tie-break was opened on a majority of them
	file    wire.Revision           // of the newest file that an operator was told is in force
	startOn map[string]wire.Node    // where each service was started last
	ended   map[string]wire.Instant // when a service ended by itself, or with its node: nobody knows that at once
}

func newChecks() checks {
	return checks{views: map[wire.Epoch]wire.ViewForHeart{}, forces: map[wire.Node]wire.ViewForHeart{}, fencedB: map[wire.Node]int{}, fencer: map[wire.Node]wire.Node{},
		said: map[string]word{}, applies: map[uint64]bool{}, startOn: map[string]wire.Node{}, ended: map[string]wire.Instant{}}
}

func (w *World) check() {
	if w.checks.changed {
		w.checks.changed = false
		w.checkOwners()
		w.checkApart()
		w.checkRoom()
		w.outages.look(w)
	}
}

// saw: two quorate views of one epoch with different members; a view in force that is older than the one before.
func (c *checks) saw(n *node, a cluster.Action) {
	set, ok := a.(cluster.SetView)
	if !ok {
		return
	}
	v := set.View
	if !v.Quorate {
		return
	}
	old, seen := c.views[v.Epoch]
	if seen && (old.Members != v.Members || !slices.Equal(old.Blob, v.Blob)) {
		n.w.broken("views: view %d has the members %v and %v", v.Epoch, old.Members, v.Members)
	}
	c.views[v.Epoch] = v
}

// inForce notes that a node's heart has a view: what its engine has said is on its way until then.
func (c *checks) inForce(n *node, v wire.ViewForHeart) {
	if v.Epoch > c.forces[n.cfg.Number].Epoch {
		clear(n.truth.echoed[:])
		c.forces[n.cfg.Number] = v
	}
}

// fenced: a healthy node is fenced though nothing was wrong; in a two-node split, both are fenced.
func (c *checks) fenced(w *World, by, target *node) {
	if c.byHand {
		return
	}
	if c.calm && target.powered {
		w.broken("needless: %s is fenced by %s though nothing is wrong", target.cfg.Name, by.cfg.Name)
	}
	slow := w.switches[by.cfg.Number].Mode == "slow" || w.switches[target.cfg.Number].Mode == "slow"
	each := len(w.Config.Nodes) == 2 || c.fencer[by.cfg.Number] == target.cfg.Number
	if target.powered && !by.powered && c.fencedB[by.cfg.Number] == by.boots && each && !slow {
		w.broken("both: %s and %s are fenced in one split", by.cfg.Name, target.cfg.Name)
	}
	if target.powered {
		c.fencedB[target.cfg.Number], c.fencer[target.cfg.Number] = target.boots, by.cfg.Number
	}
}

func (c *checks) booted(n *node) {
	delete(c.forces, n.cfg.Number)
	n.truth = truth{}
	n.reached = n.w.now
	n.watchSilence()
}
