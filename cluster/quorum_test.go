package cluster

import (
	"math/rand/v2"
	"testing"

	"locum/config"
	"locum/wire"
)

func nodesOf(votes ...int) []config.Node {
	var list []config.Node
	for i, v := range votes {
		list = append(list, config.Node{Number: wire.Node(i + 1), Name: string(rune('a' + i)), Votes: v})
	}
	return list
}

func promisesOf(admitted wire.Nodes, members wire.Nodes) []Promise {
	var list []Promise
	for n := range members.All {
		list = append(list, Promise{Life: wire.Life{Node: n}, Admitted: admitted.Has(n), Writable: true})
	}
	return list
}

func TestQuorum(t *testing.T) {
	fence := []config.Tiebreak{{Type: "fence"}}
	unsafe := []config.Tiebreak{{Type: "unsafe"}}
	clean := func(p Proof, nodes ...wire.Node) (list []Clean) {
		for _, n := range nodes {
			list = append(list, Clean{Node: n, Proof: p})
		}
		return list
	}
	for _, tc := range []struct {
		name     string
		votes    []int
		ties     []config.Tiebreak
		dynamic  bool
		members  wire.Nodes
		admitted wire.Nodes
		clean    []Clean
		quorate  bool
		tie      Tie
	}{
		{"two of three are more than half", []int{1, 1, 1}, fence, false, 3, 3, nil, true, TieNone},
		{"one of three is less, and no tie-break helps", []int{1, 1, 1}, fence, false, 1, 1, nil, false, TieNone},
		{"one of two is exactly half: the other must be proven off", []int{1, 1}, fence, true, 1, 1, nil, false, TieFence},
		{"one of two, the other confirmed off, is quorate with dynamic votes", []int{1, 1}, fence, true, 1, 1, clean(ProofPowerOff, 2), true, TieNone},
		{"one of two, the other confirmed off, wins the tie without them", []int{1, 1}, fence, false, 1, 1, clean(ProofPowerOff, 2), true, TieFence},
		{"a lease that is over frees no vote", []int{1, 1}, fence, true, 1, 1, clean(ProofLease, 2), false, TieFence},
		{"a node in a new boot has no vote while another is away", []int{1, 1}, fence, true, 1, 0, nil, false, TieNone},
		{"a lone starter does not act on a switch's word alone: it may have missed commands", []int{1, 1}, fence, true, 1, 0, clean(ProofPowerOff, 2), false, TieNone},
		{"a lone starter acts on an operator's word", []int{1, 1}, fence, true, 1, 0, clean(ProofOperator, 2), true, TieNone},
		{"two of three start cold once the third's switch says off", []int{1, 1, 1}, fence, false, 3, 0, clean(ProofPowerOff, 3), true, TieNone},
		{"two of three start cold in vain while the third is not proven", []int{1, 1, 1}, fence, false, 3, 0, nil, false, TieNone},
		{"all present start cold", []int{1, 1}, fence, true, 3, 0, nil, true, TieNone},
		{"a returning node does not count before it was admitted", []int{1, 1}, fence, true, 3, 1, clean(ProofPowerOff, 2), true, TieNone},
		{"unsafe goes on with exactly half", []int{1, 1}, unsafe, false, 1, 1, nil, false, TieUnsafe},
		{"unsafe also of a lone starter", []int{1, 1}, unsafe, false, 1, 0, nil, false, TieUnsafe},
		{"two halves of four", []int{1, 1, 1, 1}, fence, false, 3, 3, nil, false, TieFence},
		{"votes weigh", []int{3, 1, 1}, fence, false, 1, 1, nil, true, TieNone},
		{"a node without votes makes no quorum", []int{0, 1, 1}, fence, false, 3, 3, nil, false, TieFence},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := &config.Config{Nodes: nodesOf(tc.votes...), Tiebreaks: tc.ties, Quorum: config.Quorum{Dynamic: tc.dynamic}}
			v := judge(cfg, promisesOf(tc.admitted, tc.members), tc.members, evidence{clean: tc.clean})
			if v.Quorate != tc.quorate || v.Tie != tc.tie {
				t.Errorf("got quorate %v, tie %v (%s)", v.Quorate, v.Tie, v.Why())
			}
		})
	}
}

func TestALoneStarterActsOnASwitchsWordIfTheDiskShowsThatItMissedNothing(t *testing.T) {
	cfg := &config.Config{Nodes: nodesOf(1, 1, 1), Quorum: config.Quorum{Dynamic: true}}
	off := []Clean{{Node: 2, Proof: ProofPowerOff}, {Node: 3, Proof: ProofPowerOff}}
	mixed := []Clean{{Node: 2, Proof: ProofPowerOff}, {Node: 3, Proof: ProofOperator}}
	for _, tc := range []struct {
		name     string
		clean    []Clean
		caughtUp wire.Nodes
		quorate  bool
	}{
		{"with all absent nodes", off, wire.SetOf(2, 3), true},
		{"with one of them", off, wire.SetOf(2), false},
		{"with one, and an operator vouches for the other", mixed, wire.SetOf(2), true},
		{"with all, but one may live", off[:1], wire.SetOf(2, 3), false},
	} {
		v := judge(cfg, promisesOf(0, wire.SetOf(1)), wire.SetOf(1), evidence{clean: tc.clean, caughtUp: tc.caughtUp})
		if v.Quorate != tc.quorate {
			t.Errorf("%s: quorate %t (%s)", tc.name, v.Quorate, v.Why())
		}
	}
}

// Two disjoint sets of one cluster are never both quorate, whatever each side believes truly.
func TestTwoDisjointSetsAreNeverBothQuorate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		n := 2 + rnd.IntN(4)
		cfg := &config.Config{Quorum: config.Quorum{Dynamic: rnd.IntN(2) == 0}, Tiebreaks: []config.Tiebreak{{Type: "fence"}}}
		votes := make([]int, n)
		for i := range votes {
			votes[i] = rnd.IntN(3)
		}
		cfg.Nodes = nodesOf(votes...)
		all := wire.Nodes(1)<<n - 1
		a := wire.Nodes(rnd.Uint64()) & all
		b := wire.Nodes(rnd.Uint64()) & all &^ a
		// Only nodes that are in neither set can truly be proven off; each side knows some of that.
		var sure []Clean
		for x := range (all &^ a &^ b).All {
			sure = append(sure, Clean{Node: x, Proof: ProofPowerOff})
		}
		known := func() (list []Clean) {
			for _, c := range sure {
				if rnd.IntN(2) == 0 {
					list = append(list, c)
				}
			}
			return list
		}
		if judge(cfg, promisesOf(a, a), a, evidence{clean: known()}).Quorate && judge(cfg, promisesOf(b, b), b, evidence{clean: known()}).Quorate {
			t.Fatalf("votes %v: %v and %v are both quorate", votes, a, b)
		}
	}
}
