// Package plan says where services should run.
//
// Make is a pure function of what the services need, what the nodes can carry, and where things run now. It takes one service after
// the other, the more important first, and finds each a node; what has a node already keeps it, unless that is the only way to find
// one for something that comes before. A service that comes later never keeps an earlier one from running, and nothing moves for the
// sake of order. Why and Refusals give the reasons; orders.go of package cluster makes it so.
package plan

import (
	"cmp"
	"slices"

	"locum/config"
	"locum/wire"
)

// Node is a node that may run services.
type Node struct {
	Number   wire.Node
	Name     string
	Capacity []config.Amount // of each unit of Input; negative: not limited
	Ailing   string          // why nothing new is to be placed there if another node can have it, "" if it is well
}

// Service is one service, or one instance of a parallel one. The places in With and Apart are those in Input.Services.
type Service struct {
	Name  string
	Nodes []wire.Node // the failover path, most wanted first
	Able  wire.Nodes  // of them those that can run it now
	At    wire.Node   // where it runs or starts, 0 nowhere
	// Due is the node that it was given before and does not run on yet, 0 if there is none: on its way a service ranks as one that runs,
	// and does not lose its place to another that is as important.
	Due   wire.Node
	Fixed bool // stays at At, or nowhere, whatever fits
	// Asked is the node that an operator has named, 0 if none has; AskedWhy says so.
	Asked    wire.Node
	AskedWhy string
	Back     string // why it goes back to an earlier node of its path now, "" if it does not
	Spread   bool   // to the least loaded of its nodes
	Extra    bool   // above the least number of instances: after all that are not
	Priority int
	Weight   []config.Amount // of each unit of Input
	With     []int           // it needs the node of each of these
	Apart    []int           // it must not be on a node with any of these
}

// Input is all that decides.
type Input struct {
	Units    []string
	Nodes    []Node // in order of number
	Services []Service
}

// Choice is where a service should be, 0 nowhere, and why.
type Choice struct {
	Node wire.Node
	Why  string
}

// Make plans all services at once. The order of the answers is that of the services.
func Make(in Input) []Choice {
	t := newTable(&in)
	turns := order(&in)
	for _, s := range turns {
		t.place(s)
	}
	for _, s := range turns {
		t.stayAfterAll(s)
	}
	choices := make([]Choice, len(in.Services))
	for s := range in.Services {
		choices[s] = Choice{t.at[s], t.why(s)}
	}
	return choices
}

// order is the one in which services are taken: those that cannot be moved, then by their importance, which is at least that of
// whatever has to be with them, those that run before those that do not, in file order. What a service has to be with comes first.
func order(in *Input) []int {
	rank := make([]int, len(in.Services))
	for s := range rank {
		rank[s] = in.Services[s].Priority
		if !in.Services[s].Extra {
			rank[s] += 1 << 20
		}
	}
	for range in.Services { // importance is handed on along with=, at most once through all
		changed := false
		for s := range in.Services {
			for _, w := range in.Services[s].With {
				if rank[w] < rank[s] {
					rank[w], changed = rank[s], true
				}
			}
		}
		if !changed {
			break
		}
	}
	list := make([]int, len(in.Services))
	for i := range list {
		list[i] = i
	}
	slices.SortStableFunc(list, func(a, b int) int {
		x, y := &in.Services[a], &in.Services[b]
		return cmp.Or(before(x.Fixed, y.Fixed), cmp.Compare(rank[b], rank[a]), before(x.has() != 0, y.has() != 0))
	})
	o := ordering{in: in, seen: make([]bool, len(list))}
	for _, s := range list {
		o.add(s)
	}
	return o.list
}

// has is the node that a service has already: where it runs, or is due.
func (s *Service) has() wire.Node {
	if s.At != 0 {
		return s.At
	}
	return s.Due
}

// GoesBack reports whether a service that goes to a node goes back to an earlier one of its path.
func (s *Service) GoesBack(to wire.Node) bool {
	at, now := slices.Index(s.Nodes, to), slices.Index(s.Nodes, s.At)
	return s.Back != "" && at >= 0 && at < now
}

// before puts what holds for a before what holds for b.
func before(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

type ordering struct {
	in   *Input
	seen []bool
	list []int
}

func (o *ordering) add(s int) {
	if o.seen[s] {
		return
	}
	o.seen[s] = true
	for _, w := range o.in.Services[s].With {
		o.add(w)
	}
	o.list = append(o.list, s)
}
