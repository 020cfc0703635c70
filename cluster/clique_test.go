package cluster

import (
	"math/rand/v2"
	"testing"

	"locum/wire"
)

// dumbClique tries every subset, largest first, lowest numbers first.
func dumbClique(n int, hears func(a, b wire.Node) bool) wire.Nodes {
	var best wire.Nodes
	better := func(a, b wire.Nodes) bool {
		if a.Count() != b.Count() {
			return a.Count() > b.Count()
		}
		for a != 0 {
			if a.First() != b.First() {
				return a.First() < b.First()
			}
			a, b = a.Without(a.First()), b.Without(b.First())
		}
		return false
	}
	for set := wire.Nodes(1); set < 1<<n; set++ {
		whole := true
		for a := range set.All {
			for b := range set.All {
				whole = whole && (a == b || hears(a, b))
			}
		}
		if whole && better(set, best) {
			best = set
		}
	}
	return best
}

func TestTheLargestSetThatHearsItselfIsFound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + rnd.IntN(8)
		var links [wire.MaxNodes + 1]wire.Nodes
		var all wire.Nodes
		for a := wire.Node(1); int(a) <= n; a++ {
			all = all.With(a)
			for b := a + 1; int(b) <= n; b++ {
				if rnd.IntN(3) > 0 {
					links[a], links[b] = links[a].With(b), links[b].With(a)
				} else if rnd.IntN(2) == 0 {
					links[a] = links[a].With(b) // in one direction only
				}
			}
		}
		hears := func(a, b wire.Node) bool { return links[a].Has(b) && links[b].Has(a) }
		if got, want := bestClique(all, func(n wire.Node) wire.Nodes { return links[n] }), dumbClique(n, hears); got != want {
			t.Fatalf("links %v: got %v, want %v", links[1:n+1], got, want)
		}
	}
}

func TestSixtyFourNodesWithFewBrokenCablesStayWithinTheBudget(t *testing.T) {
	all := ^wire.Nodes(0)
	hears := func(n wire.Node) wire.Nodes {
		heard := all.Without(60 - n)
		switch n {
		case 1:
			heard = heard.Without(64)
		case 64:
			heard = heard.Without(1)
		}
		return heard
	}
	if got := bestClique(all, hears).Count(); got < 34 {
		t.Errorf("found only %d of 64", got)
	}
}
