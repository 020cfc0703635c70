package cluster

import "locum/wire"

// cliqueBudget bounds the search for the largest set whose members all hear one another. Cables fail in few places at a
// time, so the search ends far below it; past it the best set found so far is taken, which is the same on every run.
const cliqueBudget = 20000

// bestClique finds the largest subset of all whose members all hear one another; of several the one with the lowest
// numbers. hears gives whom a node hears; only what is mutual counts.
func bestClique(all wire.Nodes, hears func(wire.Node) wire.Nodes) wire.Nodes {
	s := cliqueSearch{budget: cliqueBudget}
	whole := true
	for n := range all.All {
		s.near[n] = hears(n) & all
		whole = whole && s.near[n].With(n) == all
	}
	if whole {
		return all
	}
	for n := range all.All {
		for m := range s.near[n].All {
			if !s.near[m].Has(n) {
				s.near[n] = s.near[n].Without(m)
			}
		}
		s.near[n] = s.near[n].Without(n)
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
