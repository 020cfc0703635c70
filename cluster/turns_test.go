package cluster

import (
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// Each kind of side has a turn of its own in a round, and who cannot know when the tie began comes a round later: by then each other that can shoot has done so.
func TestNoTwoSidesOfATieShareATurn(t *testing.T) {
	const delay = 3 * time.Second
	for _, c := range []struct {
		name  string
		disk  bool // breaks ties too, and is away
		tie   tieState
		turns [2]int // of the side with the lowest number, and of the other
	}{
		{"sure", false, tieState{}, [2]int{0, 1}},
		{"in doubt", false, tieState{Doubt: true}, [2]int{2, 3}},
		{"without the disk", true, tieState{}, [2]int{2, 3}},
		{"without the disk and in doubt", true, tieState{Doubt: true}, [2]int{4, 5}},
		{"started anew", false, tieState{Unphased: true}, [2]int{4 + 2, 4 + 3}},
		{"started anew, without the disk", true, tieState{Unphased: true}, [2]int{6 + 4, 6 + 5}},
	} {
		cfg := &config.Config{Nodes: nodesOf(1, 1), Tiebreaks: []config.Tiebreak{{Type: "fence", Delay: delay}}}
		tie := TieFence
		if c.disk {
			cfg.Tiebreaks, tie = append([]config.Tiebreak{{Type: "disk"}}, cfg.Tiebreaks...), TieDisk
		}
		for i, self := range []wire.Node{1, 2} {
			e := New(cfg, self)
			e.tie, e.view = c.tie, View{Members: wire.SetOf(self), Verdict: Verdict{Tie: tie, Voters: wire.SetOf(self)}}
			if got, want := e.tieDelay(), time.Duration(c.turns[i])*delay; got != want {
				t.Errorf("%s, node %d: after %v, want %v", c.name, self, got, want)
			}
		}
	}
}
