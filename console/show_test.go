package console

import (
	"encoding/json"
	"strings"
	"testing"

	"locum/wire"
)

func TestStatusWithoutAnEngineShowsWhomTheHeartHearsAndTheLease(t *testing.T) {
	var b strings.Builder
	ShowStatus(&b, &Reply{Heart: &HeartStatus{Node: "alpha", Lease: wire.LeaseHeld, LeaseLeftMS: 7900, ConfigDrift: "the file was edited", Peers: []PeerStatus{
		{Node: 2, Name: "beta", State: wire.PeerUp, Engine: true, SilentMS: 40},
		{Node: 3, Name: "gamma", State: wire.PeerDead, SilentMS: 12000, Engine: true},
		{Node: 4, Name: "delta", State: wire.PeerNever},
		{Node: 5, Name: "epsilon", State: wire.PeerUp, Leaving: true},
	}}})
	want := `node alpha: the heart beats, the engine is down or does not answer; what runs here runs on untouched
lease held, for 7.9s more

NODE     HEARD        ENGINE  WHY
beta     up           up      -
gamma    dead         -       silent for 12s
delta    never heard  -       not heard since the heart began
epsilon  up           down    leaving in order
warning: the file was edited
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestAHeartThatRunsTooLateForItsWindowIsWarnedOf(t *testing.T) {
	for late, want := range map[int64]bool{24_000: false, 26_000: true} {
		got := heartWarnings(&HeartStatus{LateUS: late, WindowMS: 100})
		if (len(got) == 1) != want {
			t.Errorf("%d us late: %q", late, got)
		}
	}
}

func TestThePathsOfALoneNodeAreAnEmptyList(t *testing.T) {
	text, err := json.Marshal(PathsOf(&Reply{Version: 1, Names: map[wire.Node]string{1: "alpha"}}))
	if want := `{"version":1,"paths":[],"names":{"1":"alpha"}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}
