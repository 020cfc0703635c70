package cluster

import (
	"testing"

	"locum/config"
	"locum/wire"
)

// Of two proofs about one node the one that frees its vote is kept, whoever has it.
func TestAProofThatFreesAVoteIsTakenFromAMember(t *testing.T) {
	life := wire.Life{Node: 3, Incarnation: 1}
	byLease, off := Clean{Node: 3, Life: life, Proof: ProofLease, Epoch: 65}, Clean{Node: 3, Life: life, Proof: ProofPowerOff, Epoch: 65}
	for _, c := range []struct{ own, told, want Proof }{
		{ProofLease, ProofPowerOff, ProofPowerOff},
		{ProofPowerOff, ProofLease, ProofPowerOff},
		{ProofNone, ProofLease, ProofLease},
		{ProofOperator, ProofPowerOff, ProofOperator},
	} {
		e := New(&config.Config{Nodes: nodesOf(1, 1, 1)}, 1)
		of := map[Proof]Clean{ProofLease: byLease, ProofPowerOff: off, ProofOperator: {Node: 3, Life: life, Proof: ProofOperator, Epoch: 65}}
		if c.own != ProofNone {
			e.clean = []Clean{of[c.own]}
		}
		e.takeProofs(&proposal{promises: []Promise{{Life: wire.Life{Node: 1}}, {Life: wire.Life{Node: 2}, Clean: []Clean{of[c.told]}}}})
		if got, _ := e.cleanOf(3); got.Proof != c.want {
			t.Errorf("%s here, %s there: %s", c.own, c.told, got.Proof)
		}
	}
}

// A vote that counts again because another's view was promised is free again only by the word of who knows that no such view came.
func TestAVoteIsFreeAgainOnlyByWhoKnowsThatNoSuchViewCame(t *testing.T) {
	boot := wire.ID{7}
	gamma, other := wire.Life{Node: 3, Boot: boot, Incarnation: 2}, wire.Life{Node: 4, Boot: wire.ID{9}, Incarnation: 1, EngineStart: 1}
	beta := wire.Life{Node: 2, Boot: wire.ID{8}, Incarnation: 1, EngineStart: 1}
	again := beta
	again.EngineStart = 2
	for name, c := range map[string]struct {
		asked    []wire.Life
		promises []Promise
		free     bool
	}{
		"who asked for it knows of none":       {[]wire.Life{beta}, []Promise{{Life: beta, Admitted: true}}, true},
		"who asked for it twice":               {[]wire.Life{beta, beta}, []Promise{{Life: beta, Admitted: true}}, true},
		"its engine is another one":            {[]wire.Life{beta}, []Promise{{Life: again, Admitted: true}}, false},
		"another has asked for one too":        {[]wire.Life{beta, other}, []Promise{{Life: beta, Admitted: true}}, false},
		"the other, who was the second":        {[]wire.Life{beta, other}, []Promise{{Life: other, Admitted: true}}, false},
		"the node was in no view in this boot": {[]wire.Life{beta, other}, []Promise{{Life: gamma}}, true},
		"the node was in one":                  {[]wire.Life{beta}, []Promise{{Life: gamma, Admitted: true}}, false},
		"somebody else":                        {[]wire.Life{beta}, []Promise{{Life: other, Admitted: true}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(&config.Config{Nodes: nodesOf(1, 1, 1, 1)}, 1)
			e.peer(3).Boot = boot
			e.proven(Clean{Node: 3, Life: wire.Life{Node: 3, Incarnation: 1}, Proof: ProofNewBoot, Epoch: 65})
			for _, by := range c.asked {
				e.countAgain(wire.SetOf(3), by)
			}
			e.neverCame(c.promises)
			if _, free := e.cleanOf(3); free != c.free {
				t.Errorf("free: %t, want %t", free, c.free)
			}
		})
	}
}
