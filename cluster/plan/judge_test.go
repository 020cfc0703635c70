package plan

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"locum/config"
	"locum/wire"
)

// The judge knows nothing of tables, turns or searches: it tries every assignment there is.

// allowed reports whether an assignment breaks no rule.
func allowed(in *Input, at []wire.Node) bool {
	for s := range in.Services {
		is := &in.Services[s]
		if at[s] == 0 {
			continue
		}
		if is.Fixed {
			if at[s] != is.At {
				return false
			}
			continue
		}
		if !is.Able.Has(at[s]) {
			return false
		}
		for _, w := range is.With {
			if at[w] != at[s] {
				return false
			}
		}
		for _, o := range is.Apart {
			if at[o] == at[s] {
				return false
			}
		}
	}
	for _, n := range in.Nodes {
		for u := range in.Units {
			var sum config.Amount
			for s := range in.Services {
				if at[s] == n.Number {
					sum += in.Services[s].Weight[u]
				}
			}
			if n.Capacity[u] >= 0 && sum > n.Capacity[u] {
				return false
			}
		}
	}
	return true
}

// each hands every assignment to f in which just the services of the set have a node.
func each(in *Input, set []bool, f func(at []wire.Node)) {
	at := make([]wire.Node, len(in.Services))
	var from func(s int)
	from = func(s int) {
		if s == len(at) {
			f(at)
			return
		}
		if !set[s] {
			at[s] = 0
			from(s + 1)
			return
		}
		for _, n := range in.Nodes {
			at[s] = n.Number
			from(s + 1)
		}
		at[s] = 0
	}
	from(0)
}

// best takes the planner's word for instances above the least number, for which nothing is moved. It says which services can have a node if each in turn gets one where that is possible beside those before it, and how few of
// those that run have to move for that.
func best(in *Input, planned []wire.Node) (set []bool, moves int) {
	set = make([]bool, len(in.Services))
	for _, s := range order(in) {
		set[s] = true
		if in.Services[s].Extra {
			set[s] = planned[s] != 0
			continue
		}
		found := false
		each(in, set, func(at []wire.Node) { found = found || allowed(in, at) })
		set[s] = found
	}
	moves = len(in.Services) + 1
	each(in, set, func(at []wire.Node) {
		if allowed(in, at) {
			moves = min(moves, moved(in, at))
		}
	})
	return set, moves
}

// moved counts those that run on a node which can go on running them, and are given another.
func moved(in *Input, at []wire.Node) int {
	n := 0
	for s, is := range in.Services {
		if at[s] != 0 && is.At != 0 && is.Able.Has(is.At) && at[s] != is.At {
			n++
		}
	}
	return n
}

// drawn is a small cluster in the middle of something: a plan was made, then a node was lost or services were added.
func drawn(rnd *rand.Rand) Input {
	in := Input{Units: []string{"cpu", "mem"}[:1+rnd.IntN(2)]}
	for n := range 2 + rnd.IntN(3) {
		node := Node{Number: wire.Node(n + 1), Name: fmt.Sprintf("n%d", n+1)}
		for range in.Units {
			node.Capacity = append(node.Capacity, config.Amount(rnd.IntN(9)-1))
		}
		in.Nodes = append(in.Nodes, node)
	}
	priorities := 1 + rnd.IntN(3)
	for s := range 1 + rnd.IntN(6) {
		is := Service{Name: fmt.Sprintf("s%d", s), Spread: rnd.IntN(3) == 0, Priority: rnd.IntN(priorities), Extra: rnd.IntN(8) == 0}
		for _, n := range rnd.Perm(len(in.Nodes))[:1+rnd.IntN(len(in.Nodes))] {
			is.Nodes = append(is.Nodes, wire.Node(n+1))
		}
		is.Able = wire.SetOf(is.Nodes...)
		for range in.Units {
			is.Weight = append(is.Weight, config.Amount(rnd.IntN(5)))
		}
		if s > 0 && rnd.IntN(4) == 0 {
			is.With = append(is.With, rnd.IntN(s))
		}
		if o := rnd.IntN(s + 1); o != s && rnd.IntN(4) == 0 {
			is.Apart = append(is.Apart, o)
		}
		in.Services = append(in.Services, is)
	}
	for s := range in.Services { // apart is meant both ways
		for _, o := range in.Services[s].Apart {
			in.Services[o].Apart = append(in.Services[o].Apart, s)
		}
	}
	for s, c := range Make(in) {
		if rnd.IntN(4) > 0 {
			in.Services[s].At = c.Node
		}
	}
	lost := wire.Node(1 + rnd.IntN(len(in.Nodes)))
	for s := range in.Services {
		is := &in.Services[s]
		if rnd.IntN(2) == 0 {
			is.Able = is.Able.Without(lost)
		}
		if !is.Able.Has(is.At) {
			is.At = 0
		}
	}
	return in
}

func seats(choices []Choice) []wire.Node {
	at := make([]wire.Node, len(choices))
	for s, c := range choices {
		at[s] = c.Node
	}
	return at
}

// Every service that can have a node beside those that come before it has one, no rule is broken, and what runs moves only where that
// is the way to it.
func TestThePlannerPlacesWhatTheJudgePlaces(t *testing.T) {
	more, of := 0, 0
	for seed := range uint64(2000) {
		in := drawn(rand.New(rand.NewPCG(seed, 1)))
		choices := Make(in)
		at := seats(choices)
		if !allowed(&in, at) {
			t.Fatalf("seed %d: a rule is broken: %v\n%+v", seed, at, in)
		}
		set, moves := best(&in, at)
		for s := range set {
			if set[s] != (at[s] != 0) {
				t.Errorf("seed %d: service %d: the judge places it: %v; the planner: %v: %s\n%+v", seed, s, set[s], at[s], choices[s].Why, in)
			}
		}
		of += moves
		if n := moved(&in, at); n > moves {
			more += n - moves
		}
		if t.Failed() {
			return
		}
	}
	// Those that are more come of services that yield to more important ones, one after the other, without looking ahead.
	t.Logf("%d moves, %d more than the fewest possible", of, more)
	if more*20 > of {
		t.Errorf("%d moves where %d would do", of+more, of)
	}
}
