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
