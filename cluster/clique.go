package cluster

import "locum/wire"

// cliqueBudget bounds the search for the largest set whose members all hear one another. Cables fail in few places at a
// time, so the search ends far below it; past it the best set found so far is taken, which is the same on every run.
const cliqueBudget = 20000

// bestClique finds the largest subset of all whose members all hear one another; of several the one with the lowest
// numbers. hears must be symmetric.
func bestClique(all wire.Nodes, hears func(a, b wire.Node) bool) wire.Nodes {
	s := cliqueSearch{budget: cliqueBudget}
	for n := range all.All {
		var near wire.Nodes
		for m := range all.All {
			if m != n && hears(n, m) {
				near = near.With(m)
			}
		}
		s.near[n] = near
	}
	s.grow(0, all)
	return s.best
}

type cliqueSearch struct {
	near   [wire.MaxNodes + 1]wire.Nodes
	best   wire.Nodes
	budget int
}

// grow adds each of the possible nodes to the set in turn, lowest first, so that the first of the largest sets that it
// meets has the lowest numbers.
func (s *cliqueSearch) grow(set, possible wire.Nodes) {
	if set.Count() > s.best.Count() {
		s.best = set
	}
	for possible != 0 && set.Count()+possible.Count() > s.best.Count() {
		if s.budget--; s.budget < 0 {
			return
		}
		n := possible.First()
		s.grow(set.With(n), possible&s.near[n])
		possible = possible.Without(n)
	}
}
