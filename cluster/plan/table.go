package plan

import (
	"locum/config"
	"locum/wire"
)

// table is a plan in the making: who has which node.
type table struct {
	in       *Input
	node     [wire.MaxNodes + 1]int // place of a node in in.Nodes plus one, by its number
	at       []wire.Node            // of each service that has a node
	taken    []bool                 // services whose turn has come
	locked   []bool                 // services that may not be moved in the present search
	used     [][]config.Amount      // by node and unit: of those that have one
	count    []int                  // by node: how many have it
	reserved [][]config.Amount      // by node and unit: of those that run there, and whose turn has not come
	waiting  []int                  // by node: how many these are
	users    [][]int                // by service: those that have to be with it
	steps    int                    // of all searches
	gaveUp   []bool                 // services for which the search was ended before it had tried everything
}

func newTable(in *Input) *table {
	n := len(in.Services)
	t := &table{in: in, at: make([]wire.Node, n), taken: make([]bool, n), locked: make([]bool, n), gaveUp: make([]bool, n), users: make([][]int, n),
		count: make([]int, len(in.Nodes)), waiting: make([]int, len(in.Nodes))}
	for i, node := range in.Nodes {
		t.node[node.Number] = i + 1
	}
	t.used, t.reserved = amounts(len(in.Nodes), len(in.Units)), amounts(len(in.Nodes), len(in.Units))
	for s := range in.Services {
		if v := t.row(in.Services[s].has()); v >= 0 {
			t.add(t.reserved[v], s, 1)
			t.waiting[v]++
		}
		for _, w := range in.Services[s].With {
			t.users[w] = append(t.users[w], s)
		}
	}
	return t
}

func amounts(rows, columns int) [][]config.Amount {
	all := make([]config.Amount, rows*columns)
	list := make([][]config.Amount, rows)
	for i := range list {
		list[i] = all[i*columns : (i+1)*columns : (i+1)*columns]
	}
	return list
}

// row is a node's place in the tables, -1 if there is no such node.
func (t *table) row(n wire.Node) int {
	if int(n) >= len(t.node) {
		return -1
	}
	return t.node[n] - 1
}

func (t *table) add(to []config.Amount, s int, sign config.Amount) {
	for u, w := range t.in.Services[s].Weight {
		to[u] += sign * w
	}
}

// seat gives a service a node; 0 takes it away.
func (t *table) seat(s int, n wire.Node) {
	if v := t.row(t.at[s]); v >= 0 {
		t.add(t.used[v], s, -1)
		t.count[v]--
	}
	t.at[s] = n
	if v := t.row(n); v >= 0 {
		t.add(t.used[v], s, 1)
		t.count[v]++
	}
}

// take begins a service's turn: what it has reserved is free for it.
func (t *table) take(s int) {
	t.taken[s] = true
	if v := t.row(t.in.Services[s].has()); v >= 0 {
		t.add(t.reserved[v], s, -1)
		t.waiting[v]--
	}
}

// short is the first unit of which a node has too little left for a service, -1 if it has enough of each. With all, what is reserved
// counts too.
func (t *table) short(s, v int, all bool) int {
	for u, w := range t.in.Services[s].Weight {
		have := t.in.Nodes[v].Capacity[u]
		need := w + t.used[v][u]
		if all {
			need += t.reserved[v][u]
		}
		if have >= 0 && w > 0 && need > have {
			return u
		}
	}
	return -1
}

// free is what a node has left of a unit, at least 0.
func (t *table) free(v, u int) config.Amount {
	return max(0, t.in.Nodes[v].Capacity[u]-t.used[v][u])
}

// fits reports whether a service can have a node beside all that have one.
func (t *table) fits(s int, n wire.Node) bool {
	v := t.row(n)
	if v < 0 || !t.in.Services[s].Able.Has(n) || t.short(s, v, false) >= 0 {
		return false
	}
	for _, o := range t.in.Services[s].Apart {
		if t.at[o] == n {
			return false
		}
	}
	return t.missing(s) < 0 && t.elsewhere(s, n) < 0
}

// missing is the first service that s has to be with and that has no node, -1 if there is none.
func (t *table) missing(s int) int {
	for _, w := range t.in.Services[s].With {
		if t.at[w] == 0 {
			return w
		}
	}
	return -1
}

// elsewhere is the first service that s has to be with, or that has to be with s, and that has another node; -1 if there is none.
func (t *table) elsewhere(s int, n wire.Node) int {
	for _, list := range [2][]int{t.in.Services[s].With, t.users[s]} {
		for _, o := range list {
			if t.at[o] != 0 && t.at[o] != n {
				return o
			}
		}
	}
	return -1
}

// crowds reports whether a service, given a node, would take from one that runs there and whose turn has not come.
func (t *table) crowds(s int, n wire.Node) bool {
	if t.short(s, t.row(n), true) >= 0 {
		return true
	}
	for _, o := range t.in.Services[s].Apart {
		if !t.taken[o] && t.in.Services[o].has() == n {
			return true
		}
	}
	return false
}
