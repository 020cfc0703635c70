package heartbeat

import (
	"strings"
	"testing"

	"locum/wire"
)

func TestALostPathIsNoDeathAndTheLastOneIsSaidLoudly(t *testing.T) {
	w := newWorld(t, 1, 2, 3)
	w.meet()
	w.run(2 * second)
	n := w.nodes[1]
	if len(n.alarms) != 0 {
		t.Fatalf("alarms while all is well: %q", n.alarms)
	}
	w.cut[cable{0, 1, 2}], w.cut[cable{0, 2, 1}] = true, true
	w.run(2 * second)
	if !n.alarmed("path lan0 to n2 is lost") || n.alarmed("only one path") || n.peer(2).State != wire.PeerUp {
		t.Errorf("one of three cut: %q, %v", n.alarms, n.peer(2).State)
	}
	w.cut[cable{1, 1, 2}] = true
	w.run(3 * second)
	if !n.alarmed("path lan1 carries from n2 only") || !n.alarmed("only one path to n2 is left: lan2") {
		t.Errorf("a second cut one way: %q", n.alarms)
	}
	states := n.h.Paths(w.now)
	if states[0].Up || !states[1].Up || states[1].PeerHears || !states[2].PeerHears || states[0].LossPct != 100 {
		t.Errorf("paths %+v", states)
	}
	w.cut = map[cable]bool{}
	w.run(2 * second)
	if !n.alarmed("path lan0 to n2 carries again") || !n.alarmed("path lan1 to n2 carries both ways again") {
		t.Errorf("after the repair: %q", n.alarms)
	}
}

func TestLossIsReckonedFromTheGapsBetweenBeats(t *testing.T) {
	w := newWorld(t, 3, 2, 1)
	w.meet()
	w.loss = 0.2
	w.run(100 * second)
	if got := w.nodes[1].h.Paths(w.now)[0].LossPct; got < 10 || got > 30 {
		t.Errorf("a loss of 20 %% is reckoned as %.1f %%", got)
	}
}

func TestAPathThatCannotSendCarriesNoMessagesAndIsTriedOn(t *testing.T) {
	w := newWorld(t, 1, 2, 2)
	w.meet()
	w.run(2 * second)
	a := w.nodes[1]
	a.step(PathDown{Path: 0, Err: unreachable{}})
	if !a.alarmed("path lan0 cannot send: network is unreachable") {
		t.Errorf("alarms %q", a.alarms)
	}
	kinds := map[wire.Kind]int{}
	w.tapped = func(from *node, o Transmit) {
		if from == a && o.Path == 0 {
			kinds[wire.Kind(o.Frame[1])]++
		}
	}
	send(a, 1, 2, "over the other path")
	w.run(second)
	if len(w.nodes[2].arrived()) != 1 || kinds[wire.KindSegment] != 0 || kinds[wire.KindBeat] == 0 {
		t.Errorf("arrived %v; on the path that is down: %v", w.nodes[2].arrived(), kinds)
	}
	a.step(PathUp{Path: 0})
	if a.step(PathUp{Path: 0}); len(a.alarms) != 2 {
		t.Errorf("alarms %q", a.alarms)
	}
	send(a, 2, 2, "over the first path")
	w.run(second)
	if kinds[wire.KindSegment] == 0 {
		t.Error("messages do not use the path that came back")
	}
}

type unreachable struct{}

func (unreachable) Error() string { return "network is unreachable" }

func TestAMessageIsCutToTheMTUThatItsPathHasNow(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	a, b := w.nodes[1], w.nodes[2]
	a.step(PathMTU{Path: 0, MTU: 300})
	longest := 0
	w.tapped = func(from *node, o Transmit) {
		if from == a {
			longest = max(longest, len(o.Frame))
		}
	}
	send(a, 11, 2, strings.Repeat("x", 2000))
	w.until("it arrives", 2*second, func() bool { return len(b.arrived()) == 1 })
	if longest > 300 || longest < 250 {
		t.Errorf("the longest frame on a path of 300 bytes has %d", longest)
	}
}
