package cluster

import (
	"testing"

	"locum/config"
	"locum/wire"
)

// A decision makes a half quorate only if it was made for just these voters, nobody has begun another, and none of them has
// agreed since to a view of more.
func TestADecisionOfTheDisk(t *testing.T) {
	won := wire.Claim{Instance: 2, Epoch: 100, Members: wire.SetOf(1, 3)}
	voters := wire.SetOf(1, 3)
	for _, tc := range []struct {
		name   string
		disk   wire.Disk
		joint  wire.Epoch
		voters wire.Nodes
		want   bool
	}{
		{"for this half", wire.Disk{Decided: won, Begun: 2}, 90, voters, true},
		{"for the view that promised itself", wire.Disk{Decided: won, Begun: 2}, 100, voters, true},
		{"none", wire.Disk{}, 0, 0, false},
		{"for another half", wire.Disk{Decided: won, Begun: 2}, 90, wire.SetOf(2, 4), false},
		{"for a half of other members", wire.Disk{Decided: won, Begun: 2}, 90, wire.SetOf(1, 2), false},
		{"another was begun", wire.Disk{Decided: won, Begun: 3}, 90, voters, false},
		{"a member has promised a larger view since", wire.Disk{Decided: won, Begun: 2}, 101, voters, false},
	} {
		promises := []Promise{{Life: wire.Life{Node: 1}, Joint: 80}, {Life: wire.Life{Node: 3}, Joint: tc.joint}, {Life: wire.Life{Node: 4}, Joint: 900}}
		if got := claimHolds(tc.disk, promises, tc.voters); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
}

const onDiskFile = `cluster t
key /k
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
disk /dev/q
tiebreak disk
service web nodes=alpha,beta
resource web unit web.service
`

// onDisk is an engine that leads a view which rests on the disk's second decision.
func onDisk(t *testing.T) *Engine {
	cfg, problems := config.Parse("f", onDiskFile)
	if cfg == nil {
		t.Fatal(problems)
	}
	e := New(cfg, 1)
	e.view.Verdict.Claim = 2
	e.disk = wire.Disk{Good: true, From: 5000, Begun: 2, Decided: wire.Claim{Instance: 2}, DecidedAt: 3000,
		Slots: []wire.Slot{{Node: 2, Incarnation: 7, Boot: wire.ID{1}, Busy: 4000}}}
	e.known = []wire.Life{{Node: 2, Incarnation: 7, Boot: wire.ID{1}}}
	return e
}

// Proof 2 counts from the latest of: the last beat, the last stamp of a node that may run something, and this half's own claim
// (SAFETY 1).
func TestTheLastMomentAtWhichANodeMayHaveLivedOnTheDisk(t *testing.T) {
	e := onDisk(t)
	if got := e.lastGrant(2); got != 4000 {
		t.Errorf("with a stamp after the claim: %d, want 4000", got)
	}
	e.disk.Slots[0].Busy = 2000
	if got := e.lastGrant(2); got != 3000 {
		t.Errorf("with a claim after the last stamp: %d, want 3000", got)
	}
	e.disk.Slots[0] = wire.Slot{Node: 2, Incarnation: 8, Boot: wire.ID{2}, Busy: 9000}
	if got := e.lastGrant(2); got != 3000 {
		t.Errorf("with stamps of a later boot: %d, want 3000", got)
	}
}

func TestAProofByTimeNeedsAReadingOfTheDiskAfterIt(t *testing.T) {
	e := onDisk(t)
	if !e.claimSeenSince(5000) || e.claimSeenSince(5001) {
		t.Error("a round counts for what lies before its beginning, and for nothing after")
	}
	e.disk.Begun = 3
	if e.claimSeenSince(5000) {
		t.Error("a round that showed a newer claim counts")
	}
	e.view.Verdict.Claim = 0
	if !e.claimSeenSince(9000) {
		t.Error("a view that does not rest on the disk waits for it")
	}
}

// A larger view that was promised, and that came, is what it was said to be; one that did not come may be in force elsewhere, and is no reason to take the very view
// for a joint one that is promised now.
func TestALargerViewThatDidNotComeCountsAsAJointOne(t *testing.T) {
	promise := func(e *Engine, epoch wire.Epoch) wire.Epoch {
		e.proposed(2, Propose{Epoch: epoch, Members: wire.SetOf(1, 2), Quorate: true, File: e.edition()})
		if e.promised != epoch {
			t.Fatalf("epoch %d is not promised", epoch)
		}
		return e.promiseFor(e.election.pending).Joint
	}
	tied := func() *Engine {
		e := onDisk(t)
		e.started, e.admitted, e.promised = true, true, e.view.Epoch
		e.tie.Joint = 1
		return e
	}
	e := tied()
	if got := promise(e, 300); got != 1 {
		t.Errorf("with the first promise: %d, want 1", got)
	}
	if got := promise(e, 400); got != 300 {
		t.Errorf("the first view did not come: %d, want 300", got)
	}
	e = tied()
	promise(e, 300)
	e.installed(2, Install{View: View{Epoch: 300, Leader: 2, Members: wire.SetOf(1, 2), Verdict: Verdict{Quorate: true, Tie: TieDisk, Claim: 2, Have: 1, Total: 2, Voters: wire.SetOf(1)}}})
	if got := promise(e, 400); got != 1 {
		t.Errorf("the first view came, and rests on the disk: %d, want 1", got)
	}
}
