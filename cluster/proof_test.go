package cluster

import (
	"testing"

	"locum/config"
	"locum/wire"
)

// A file that takes effect makes one vote of three two of four: who has them may not go on with what three have agreed on, because the others may be half by now, and win the disk.
func TestWhoGoesOnIsMoreThanHalfByTheFileInForceToo(t *testing.T) {
	for votes, want := range map[string]bool{"": false, " votes=2": false, " votes=3": true} {
		cfg, problems := config.Parse("test", "cluster t\nkey /k\nquorum dynamic=yes\nnode 1 alpha"+votes+"\nnode 2 beta\nnode 3 gamma\nnode 4 delta\n"+
			"path udp lan alpha=192.0.2.1 beta=192.0.2.2 gamma=192.0.2.3 delta=192.0.2.4\nservice web nodes=alpha\nresource web unit web.service\n")
		if cfg == nil {
			t.Fatal(problems)
		}
		e := New(cfg, 1)
		e.view = View{Epoch: 65, Verdict: Verdict{Quorate: true, Voters: wire.SetOf(1, 2, 3), Have: 3, Total: 3}}
		own := &proposal{promises: []Promise{{Life: wire.Life{Node: 1}, View: 65}}}
		if got := e.goesOn(own); got != want {
			t.Errorf("votes of alpha %q: it goes on %v, want %v", votes, got, want)
		}
	}
}
