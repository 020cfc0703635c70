package heartbeat

import (
	"fmt"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// sharing makes all paths of a test's file shared.
func sharing(c *config.Config) {
	for i := range c.Paths {
		c.Paths[i].Shared = true
	}
}

// beatsApart counts the beats that go to one node by itself from now on.
func (w *world) beatsApart() (count map[cable]int) {
	count = map[cable]int{}
	w.tapped = func(from *node, o Transmit) {
		if wire.Kind(o.Frame[1]) == wire.KindBeat {
			count[cable{o.Path, from.id, o.To}]++
		}
	}
	return count
}

func TestABeatGoesOutOnceOnASharedPathAndToEachOnOthers(t *testing.T) {
	w := newWorld(t, 1, 9, 2, func(c *config.Config) { c.Paths[1].Shared = true })
	w.meet()
	w.run(second)
	count := w.beatsApart()
	w.run(10 * second)
	for n := range w.nodes {
		if got := count[cable{1, n, Everybody}]; got < 95 || got > 105 {
			t.Errorf("node %d sent %d beats to all in 10 s, want about 100", n, got)
		}
		for to := range w.nodes {
			if got := count[cable{1, n, to}]; got != 0 {
				t.Errorf("node %d sent %d beats to %d over the shared path", n, got, to)
			}
			if got := count[cable{0, n, to}]; n != to && got != count[cable{1, n, Everybody}] {
				t.Errorf("node %d sent %d beats to %d over the other path, and %d to all", n, got, to, count[cable{1, n, Everybody}])
			}
		}
	}
}

// While all goes well nobody needs a frame of its own, not even when a node begins a new life or comes back from the dead. Whoever
// is silent is tried until it is taken for dead.
func TestNobodyIsSentBeatsByItselfWhileNoneIsMissed(t *testing.T) {
	w := newWorld(t, 2, 8, 1, sharing)
	count := w.beatsApart()
	w.meet()
	w.run(5 * second)
	w.nodes[3].start()
	w.run(5 * second)
	w.nodes[4].kill()
	w.run(5 * second)
	w.nodes[4].start()
	w.meet()
	w.run(5 * second)
	for c, n := range count {
		if c.to != Everybody && (c.to != 4 || n > 10) {
			t.Errorf("node %d sent %d beats to %d by itself", c.from, n, c.to)
		}
	}
}

// A switch that forgets who belongs to a group stops all beats to all at one moment. No node may be taken for dead by that,
// and each is told of.
func TestPeersThatGetNothingThatIsSentToAllAreSentToSingly(t *testing.T) {
	for _, c := range []struct {
		paths int
		dead  time.Duration
	}{{1, time.Second}, {2, time.Second}, {1, 300 * time.Millisecond}, {2, 300 * time.Millisecond}} {
		t.Run(fmt.Sprintf("paths=%d dead=%s", c.paths, c.dead), func(t *testing.T) {
			w := newWorld(t, 3, 4, c.paths, sharing, func(f *config.Config) { f.Beat.Dead = c.dead })
			w.meet()
			w.run(3 * second)
			w.checked = func(n *node) {
				for _, p := range n.h.peers {
					if !p.alive() {
						t.Fatalf("node %d takes %s for dead", n.id, p.name)
					}
				}
			}
			for path := range c.paths {
				for a := range w.nodes {
					for b := range w.nodes {
						w.noGroup[cable{path, a, b}] = true
					}
				}
			}
			w.run(30 * second)
			for _, n := range w.nodes {
				if !n.alarmed("is sent to all does not reach") {
					t.Errorf("node %d does not say it: %q", n.id, n.alarms)
				}
			}
			count := w.beatsApart()
			w.run(10 * second)
			if got := count[cable{0, 1, 2}]; got < 95 {
				t.Errorf("node 1 sent %d beats to node 2 by itself in 10 s", got)
			}
		})
	}
}

func TestNodesMeetThoughNothingThatIsSentToAllEverReachesAnybody(t *testing.T) {
	w := newWorld(t, 3, 3, 1, sharing)
	for a := range w.nodes {
		for b := range w.nodes {
			w.noGroup[cable{0, a, b}] = true
		}
	}
	w.meet()
	w.run(10 * second)
	for _, n := range w.nodes {
		for _, p := range n.h.peers {
			if !p.alive() || n.alarmed("is lost") {
				t.Errorf("node %d: %s alive %t; %q", n.id, p.name, p.alive(), n.alarms)
			}
		}
	}
}

func TestOnePeerThatGetsNothingThatIsSentToAllIsTheOnlyOne(t *testing.T) {
	w := newWorld(t, 4, 5, 1, sharing)
	w.noGroup[cable{0, 1, 2}] = true // from the start, as a node of an older version
	w.meet()
	w.run(10 * second)
	count := w.beatsApart()
	w.run(10 * second)
	for c, n := range count {
		// Whether it does not hear or is not heard it cannot know at first, so both send to each other by themselves.
		if c.to != Everybody && max(c.from, c.to) > 2 {
			t.Errorf("from %d to %d: %d beats", c.from, c.to, n)
		}
	}
	if n := count[cable{0, 1, 2}]; n < 95 {
		t.Errorf("from 1 to 2: %d beats in 10 s", n)
	}
	w.noGroup = map[cable]bool{}
	w.nodes[2].start() // its new version listens
	w.meet()
	w.run(5 * second)
	count = w.beatsApart()
	w.run(5 * second)
	if n := count[cable{0, 1, 2}]; n != 0 {
		t.Errorf("its new life is still sent %d beats by itself", n)
	}
}

func TestAOneWayFaultOnASharedPathIsToldOfThePeerThatHasIt(t *testing.T) {
	w := newWorld(t, 5, 4, 2, sharing)
	w.meet()
	w.run(3 * second)
	w.cut[cable{0, 1, 2}] = true
	w.run(5 * second)
	for _, n := range w.nodes {
		lost, oneWay := n.alarmed("path lan0 to n1 is lost"), n.alarmed("path lan0 carries from n2 only")
		if lost != (n.id == 2) || oneWay != (n.id == 1) {
			t.Errorf("node %d: %q", n.id, n.alarms)
		}
		for _, s := range n.h.Paths(w.now) {
			hears := !(n.id == 1 && s.Peer == 2 && s.Path == "lan0")
			up := !(n.id == 2 && s.Peer == 1 && s.Path == "lan0")
			if s.PeerHears != hears || s.Up != up {
				t.Errorf("node %d says of %s to %d: up %t, heard by it %t", n.id, s.Path, s.Peer, s.Up, s.PeerHears)
			}
		}
	}
	w.cut = map[cable]bool{}
	w.run(10 * second)
	for _, s := range w.nodes[1].h.Paths(w.now) {
		if !s.Up || !s.PeerHears {
			t.Errorf("healed, and %s to %d: up %t, heard by it %t", s.Path, s.Peer, s.Up, s.PeerHears)
		}
	}
}

// Who has not admitted a sender drops its beats, also those that are sent to all, and answers nothing.
func TestABeatToAllIsNotAnsweredByWhoHasNotAdmittedItsSender(t *testing.T) {
	w := newWorld(t, 6, 3, 1, sharing)
	w.meet()
	var beat []byte
	w.tapped = func(from *node, o Transmit) {
		if from.id == 1 && wire.Kind(o.Frame[1]) == wire.KindBeat {
			beat = append(beat[:0], o.Frame...)
		}
	}
	w.run(second)
	w.tapped = nil
	w.nodes[1].kill()
	w.run(3 * second)
	two := w.nodes[2]
	was := two.h.byNode[1].is
	two.step(Frame{Received: Received{Frame: beat, At: w.now, Stamped: true}})
	for _, o := range two.last {
		if _, sends := o.(Transmit); sends {
			t.Errorf("node 2 answers with %+v", o)
		}
	}
	if two.h.byNode[1].is != was || two.h.byNode[1].carriers[0].drops[wire.DropNotAdmitted] == 0 {
		t.Errorf("a beat that was recorded of a node that died counts: %+v", two.h.byNode[1].is)
	}
}

// What the dead cost the living does not grow with how many are dead, and who comes back is heard at once.
func TestFewOfManyDeadNodesAreGreetedWithEachBeat(t *testing.T) {
	w := newWorld(t, 7, 30, 1, sharing)
	w.meet()
	for n := wire.Node(11); n <= 30; n++ {
		w.nodes[n].kill()
	}
	w.run(3 * second)
	greeted := map[wire.Node]int{}
	w.tapped = func(from *node, o Transmit) {
		if from.id == 1 && wire.Kind(o.Frame[1]) == wire.KindHello {
			greeted[o.To]++
		}
	}
	w.run(5 * second)
	total := 0
	for n := wire.Node(11); n <= 30; n++ {
		total += greeted[n]
		if greeted[n] < 18 {
			t.Errorf("node %d was greeted %d times in 5 s", n, greeted[n])
		}
	}
	if total > 51*greetMost {
		t.Errorf("%d Hellos in 50 beats", total)
	}
	for n := wire.Node(11); n <= 30; n++ {
		w.nodes[n].start()
	}
	began := w.now
	w.meet()
	if took := w.now - began; took > second/2 {
		t.Errorf("twenty that came back were heard after %v", time.Duration(took))
	}
}
