package plan

import (
	"slices"

	"locum/config"
	"locum/wire"
)

// The searches of one plan end after so many steps, each a service that was tried on a node: some 7 ms. What was not found by then
// is said to have no room although it may have.
const (
	mostStepsEach = 5_000
	mostSteps     = 20_000
)

// place finds a service its node. First it looks for one where it fits beside all others, then for one where it takes from services
// that come after it, then for the fewest services that can be moved to make room.
func (t *table) place(s int) {
	is := &t.in.Services[s]
	t.take(s)
	if is.Fixed {
		if t.row(is.At) >= 0 {
			t.seat(s, is.At)
		}
		return
	}
	nodes := t.preferred(s)
	for _, crowding := range []bool{false, true} {
		for _, n := range nodes {
			settled := n == is.Asked || n == is.At && is.Back == ""
			if t.fits(s, n) && (settled || crowding || !t.crowds(s, n)) {
				t.seat(s, n)
				return
			}
		}
	}
	if len(nodes) > 0 && !is.Extra && t.missing(s) < 0 && t.enoughInAll(s) { // for one more than needed nothing is moved
		t.makeRoom(s)
	}
}

// enoughInAll reports whether all nodes together have room for one more: where they have not, no search is needed.
func (t *table) enoughInAll(s int) bool {
	var useful wire.Nodes
	for o := range t.in.Services {
		useful |= t.in.Services[o].Able
	}
	for u, w := range t.in.Services[s].Weight {
		var left config.Amount
		limited := true
		for v, n := range t.in.Nodes {
			if useful.Has(n.Number) {
				limited = limited && n.Capacity[u] >= 0
				left += t.free(v, u)
			}
		}
		if limited && w > left {
			return false
		}
	}
	return true
}

// stayAfterAll gives a service that was moved to make room its node back, where what it made room for has gone elsewhere since.
func (t *table) stayAfterAll(s int) {
	is, now := &t.in.Services[s], t.at[s]
	if now == 0 || now == is.At || is.At == 0 || is.Back != "" || now == is.Asked {
		return
	}
	t.seat(s, 0)
	if t.fits(s, is.At) {
		now = is.At
	}
	t.seat(s, now)
}

// makeRoom moves services that have a node, as few as possible, so that one more can have one too.
func (t *table) makeRoom(s int) {
	left := min(mostStepsEach, mostSteps-t.steps)
	x := search{table: t, left: left}
	for most := 1; most <= x.movable() && x.left > 0; most++ {
		if x.solve([]int{s}, most) {
			break
		}
	}
	t.steps += left - x.left
	t.gaveUp[s] = t.at[s] == 0 && x.left <= 0
	clear(t.locked)
}

// search tries every way to give nodes to a queue of services, at most so many others being moved for it.
type search struct {
	*table
	left int // steps
}

func (x *search) movable() int {
	n := 0
	for s := range x.at {
		if x.at[s] != 0 && !x.in.Services[s].Fixed {
			n++
		}
	}
	return n
}

// solve gives the first of the queue each node in turn, has those moved that are in its way, and goes on with them.
func (x *search) solve(queue []int, most int) bool {
	if len(queue) == 0 {
		return true
	}
	s, rest := queue[0], queue[1:]
	if slices.ContainsFunc(x.in.Services[s].With, func(w int) bool { return x.at[w] == 0 }) {
		return x.later(queue, most)
	}
	for _, n := range x.preferred(s) {
		if x.left--; x.left <= 0 {
			return false
		}
		forced, possible := x.inTheWay(s, n)
		if possible && len(forced) <= most && x.evict(s, n, forced, rest, most, 0) {
			return true
		}
	}
	return false
}

// later puts the first of the queue behind one that it has to be with, which waits in the queue too.
func (x *search) later(queue []int, most int) bool {
	for i, o := range queue {
		if i > 0 && slices.Contains(x.in.Services[queue[0]].With, o) {
			next := slices.Concat([]int{o}, queue[:i], queue[i+1:])
			return x.solve(next, most)
		}
	}
	return false
}

// inTheWay lists those that cannot stay where they are if s has the node: whom it must be apart from, who has to be with it or it with
// him. It is not possible if one of them may not be moved.
func (x *search) inTheWay(s int, n wire.Node) (list []int, possible bool) {
	add := func(o int) bool {
		if x.locked[o] || x.in.Services[o].Fixed {
			return false
		}
		if !slices.Contains(list, o) {
			list = append(list, o)
		}
		return true
	}
	for _, o := range x.in.Services[s].Apart {
		if x.at[o] == n && !add(o) {
			return nil, false
		}
	}
	for _, with := range [2][]int{x.in.Services[s].With, x.users[s]} {
		for _, o := range with {
			if x.at[o] != 0 && x.at[o] != n && !add(o) {
				return nil, false
			}
		}
	}
	return list, true
}

// evict gives s the node once enough of those that have it are moved: the forced ones, and from the service next on as many more as
// its room needs. All of them join the queue.
func (x *search) evict(s int, n wire.Node, out, queue []int, most, next int) bool {
	before := make([]wire.Node, len(out))
	for i, o := range out {
		before[i] = x.at[o]
		x.seat(o, 0)
	}
	found := false
	if x.short(s, x.row(n), false) < 0 {
		x.seat(s, n)
		x.locked[s] = true
		found = x.solve(slices.Concat(out, queue), most-len(out))
		if !found {
			x.locked[s] = false
			x.seat(s, 0)
		}
	}
	if !found {
		for i, o := range out {
			x.seat(o, before[i])
		}
		found = x.evictMore(s, n, out, queue, most, next)
	}
	return found
}

func (x *search) evictMore(s int, n wire.Node, out, queue []int, most, next int) bool {
	if len(out) == most || x.enough(s, n, out) {
		return false
	}
	for o := next; o < len(x.at); o++ {
		if x.at[o] != n || x.locked[o] || x.in.Services[o].Fixed || slices.Contains(out, o) {
			continue
		}
		if x.left--; x.left <= 0 {
			return false
		}
		if x.evict(s, n, append(slices.Clone(out), o), queue, most, o+1) {
			return true
		}
	}
	return false
}

// enough reports whether s would have room once the others are out: to move still more is no help.
func (x *search) enough(s int, n wire.Node, out []int) bool {
	v := x.row(n)
	for u, w := range x.in.Services[s].Weight {
		need := w + x.used[v][u]
		for _, o := range out {
			if x.at[o] == n {
				need -= x.in.Services[o].Weight[u]
			}
		}
		if have := x.in.Nodes[v].Capacity[u]; have >= 0 && w > 0 && need > have {
			return false
		}
	}
	return true
}
