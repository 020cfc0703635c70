package cluster

import (
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// What a member of a half knows of a later view, or is unsure of, its leader has to heed: by its own view it would be the first.
func TestAHalfIsAsUnsureAsAnyOfItsMembers(t *testing.T) {
	cfg := &config.Config{Nodes: nodesOf(1, 1, 1, 1)}
	cfg.Beat.Dead = time.Second
	for _, c := range []struct {
		name   string
		member Promise
		voters wire.Nodes
		want   Half
	}{
		{"it knows the same view", Promise{View: 65}, wire.SetOf(1, 2), Half{}},
		{"it knows an older one", Promise{View: 1}, wire.SetOf(1, 2), Half{}},
		{"it was in a later one", Promise{View: 129}, wire.SetOf(1, 2), Half{Doubt: true}},
		{"it is unsure itself", Promise{View: 65, Unsure: true}, wire.SetOf(1, 2), Half{Doubt: true}},
		{"its vote does not count", Promise{View: 129}, wire.SetOf(1), Half{}},
		{"it was started anew since it lost the other half", Promise{View: 65, Silent: []Silence{{Node: 3, AgeMS: 10, LostMS: -1}}}, wire.SetOf(1, 2), Half{Unphased: true}},
		{"but its leader lost it later than that", Promise{View: 65, Silent: []Silence{{Node: 3, AgeMS: 10, LostMS: -1 - 5000}}}, wire.SetOf(1, 2), Half{}},
		{"its heart was, and has not heard it since", Promise{View: 65, Silent: []Silence{{Node: 3, AgeMS: -1 - 4500}}}, wire.SetOf(1, 2), Half{Unphased: true}},
		{"and its leader lost it later than that", Promise{View: 65, Silent: []Silence{{Node: 3, AgeMS: -1 - 5000}}}, wire.SetOf(1, 2), Half{}},
	} {
		e := New(cfg, 1)
		e.tie.Common = View{Epoch: 65}
		e.now, e.peer(3).lost = 10e9, 6e9
		c.member.Life.Node = 2
		own := &proposal{promises: []Promise{{Life: wire.Life{Node: 1}}, c.member}}
		got := e.halfOf(own, View{Members: wire.SetOf(1, 2), Verdict: Verdict{Tie: TieFence, Voters: c.voters}})
		if got == nil {
			got = &Half{}
		}
		if *got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, *got, c.want)
		}
	}
}
