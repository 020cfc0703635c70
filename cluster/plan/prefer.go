package plan

import (
	"slices"

	"locum/config"
	"locum/wire"
)

// preferred lists the nodes that can run a service, in the order in which they are tried: the one that was asked for; where it
// runs, unless it goes back; where those run that have to be with it; its path, or the least loaded first. A node that ails comes last, unless the service runs there.
func (t *table) preferred(s int) []wire.Node {
	is := &t.in.Services[s]
	list := make([]wire.Node, 0, len(is.Nodes)+1)
	add := func(n wire.Node) {
		if is.Able.Has(n) && t.row(n) >= 0 && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	add(is.Asked)
	if is.Back == "" {
		add(is.At)
	}
	known := len(list)
	if is.At == 0 {
		t.whereUsersRun(s, add)
	}
	if is.Spread {
		add(is.Due) // the least loaded changes with whatever else is on its way: without this, services that go together went to and fro
	}
	users := len(list)
	for _, n := range is.Nodes {
		add(n)
	}
	if is.Spread {
		t.leastLoadedFirst(s, list[users:])
	}
	last := func(n wire.Node) bool { return n != is.At && t.ails(n) } // also what goes back leaves a node that ails only when it is handed over
	slices.SortStableFunc(list[known:], func(a, b wire.Node) int { return -before(last(a), last(b)) })
	return list
}

// whereUsersRun adds the nodes of those that have to be with a service, directly or through others.
func (t *table) whereUsersRun(s int, add func(wire.Node)) {
	all := slices.Clone(t.users[s])
	for i := 0; i < len(all); i++ {
		add(t.in.Services[all[i]].has())
		for _, u := range t.users[all[i]] {
			if !slices.Contains(all, u) {
				all = append(all, u)
			}
		}
	}
}

func (t *table) ails(n wire.Node) bool { return t.in.Nodes[t.row(n)].Ailing != "" }

// leastLoadedFirst sorts nodes by how loaded each would be with the service, those that run there and wait for their turn counted.
func (t *table) leastLoadedFirst(s int, nodes []wire.Node) {
	slices.SortStableFunc(nodes, func(a, b wire.Node) int {
		return t.loadOf(t.row(a), s).compare(t.loadOf(t.row(b), s))
	})
}

// load is how loaded a node is: the fullest of its units, in thousandths of its capacity, then how many services it has.
type load struct {
	share config.Amount
	count int
}

func (l load) compare(o load) int {
	if l.share != o.share {
		return int(max(-1, min(1, l.share-o.share)))
	}
	return l.count - o.count
}

// loadOf is the load of a node with one more service; s negative: as it is.
func (t *table) loadOf(v, s int) load {
	l := load{count: t.count[v] + t.waiting[v]}
	if s >= 0 {
		l.count++
	}
	for u := range t.in.Units {
		have := t.in.Nodes[v].Capacity[u]
		if have <= 0 {
			continue
		}
		need := t.used[v][u] + t.reserved[v][u]
		if s >= 0 {
			need += t.in.Services[s].Weight[u]
		}
		l.share = max(l.share, share(need, have))
	}
	return l
}

// share is need in thousandths of have; both are below 2^62.
func share(need, have config.Amount) config.Amount {
	for need > 1<<52 {
		need, have = need>>1, max(1, have>>1)
	}
	return need * 1000 / have
}
