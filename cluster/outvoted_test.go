package cluster

import (
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// A view that was long on its way says nothing of what the quorum disk has decided since its members were asked for it.
func TestWhomTheDiskHasDecidedForIsForgottenOnlyByALaterQuorum(t *testing.T) {
	cfg := &config.Config{Nodes: nodesOf(1, 1, 1), Disks: []config.Disk{{Dead: 2 * time.Second}}}
	decided := wire.Instant(10e9)
	for _, c := range []struct {
		agreed wire.Instant
		beaten wire.Nodes
	}{{decided - 1, wire.SetOf(2)}, {decided, wire.SetOf(2)}, {decided + 1, 0}} {
		e := New(cfg, 1)
		e.now = decided
		e.noteOthersWon(wire.Disk{From: 1}, wire.Disk{From: 1, Decided: wire.Claim{Instance: 1, Members: wire.SetOf(2), By: 2}})
		e.now = decided + 5
		e.noteQuorum(Verdict{Quorate: true}, c.agreed)
		if e.apart.beaten != c.beaten || e.apart.together != c.agreed {
			t.Errorf("agreed %d ns after: beaten by %v, together at %d, want %v, %d", c.agreed-decided, e.apart.beaten, e.apart.together, c.beaten, c.agreed)
		}
	}
}
