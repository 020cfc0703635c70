package cluster

import "testing"

// What was known of a proof ends with it: asked long ago, it would make one that another tells of later, about a later life, as old, and a node that lived in between would be no rival.
func TestWhatIsKnownOfAProofEndsWithIt(t *testing.T) {
	first, later := Clean{Node: 2, Proof: ProofPowerOff}, Clean{Node: 2, Proof: ProofLeft}
	for _, between := range [][]Clean{nil, {first}} { // it was a member again; or the next view names another proof at once
		e := onDisk(t)
		e.now = 10
		e.proven(first)
		e.peer(2).proven.asked = 5
		e.noteClean()
		if got := e.askedAt(first); got != 5 {
			t.Errorf("asked at %d, want 5", got)
		}
		e.now, e.clean = 20, between
		e.noteClean()
		e.now, e.clean = 30, []Clean{later}
		e.keepOwnProofs(between, View{Leader: 1}, 30, true)
		e.noteClean()
		if got := e.askedAt(later); got != 30 {
			t.Errorf("asked at %d, want 30: when this one came", got)
		}
	}
}
