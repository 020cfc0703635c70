package heartbeat

import (
	"bytes"
	"slices"
	"testing"

	"locum/wire"
)

func TestTwoNodesHearEachOtherSoon(t *testing.T) {
	w := newWorld(t, 1, 2, 2)
	w.until("both up", 50*ms, func() bool {
		return w.nodes[1].peer(2).State == wire.PeerUp && w.nodes[2].peer(1).State == wire.PeerUp
	})
	w.meet()
	p := w.nodes[1].peer(2)
	if p.Boot != w.nodes[2].boot || p.Machine != w.nodes[2].machine || p.Incarnation != 1 || !p.Hears.Has(1) || p.EngineStart != 1 ||
		!p.Armed || p.WatchdogMS != 10000 || p.LeaseMS != 8000 || !p.ObeysLease {
		t.Errorf("record of node 2: %+v", p)
	}
}

func TestThreeNodesHearEachOtherThroughHeavyLoss(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, seed, 3, 1)
		w.loss = 0.3
		w.until("all up", 10*second, func() bool {
			for _, a := range w.nodes {
				for _, b := range w.nodes {
					if a != b && a.peer(b.id).State != wire.PeerUp {
						return false
					}
				}
			}
			return true
		})
	}
}

func TestNoHelloIsSentBetweenNodesThatKnowEachOther(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	w.run(second)
	kinds := map[wire.Kind]int{}
	w.carried = func(_, _ *node, _ wire.Instant, frame []byte) { kinds[wire.Kind(frame[1])]++ }
	w.run(10 * second)
	if kinds[wire.KindBeat] != 200 || len(kinds) != 1 {
		t.Errorf("in 10 s two idle nodes sent %v, want 200 beats and nothing else", kinds)
	}
}

func TestAPeerIsDeadAtDeadExactly(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	w.run(250 * ms)
	w.nodes[2].kill()
	w.run(5 * ms) // what is under way
	heard := w.nodes[1].h.detector.LastHeard(2)
	w.until("late", second, func() bool { return w.nodes[1].peer(2).State == wire.PeerLate })
	if w.now-heard != 500*ms {
		t.Errorf("late %v ms after it was heard, want 500", (w.now-heard)/ms)
	}
	w.until("dead", second, func() bool { return w.nodes[1].peer(2).State == wire.PeerDead })
	if w.now-heard != 1000*ms || w.nodes[1].peer(2).LastHeard != heard {
		t.Errorf("dead %v ms after it was heard, want 1000", (w.now-heard)/ms)
	}
}

func TestReplayedFramesOfADeadLifeNeverMakeItUp(t *testing.T) {
	w := newWorld(t, 1, 2, 2)
	w.cut[cable{1, 1, 2}] = true // so that path 1 has not brought what path 0 has
	var recorded [][]byte
	w.carried = func(from, to *node, _ wire.Instant, frame []byte) {
		if to.id == 2 {
			recorded = append(recorded, bytes.Clone(frame))
		}
	}
	w.meet()
	w.run(3 * second)
	dead := w.nodes[1]
	dead.kill()
	w.carried = nil
	w.run(10 * ms)
	heard := w.nodes[2].h.detector.LastHeard(1)
	replay := func(times int) {
		for range times {
			for _, f := range recorded {
				w.hand(dead, w.nodes[2], 0, f)
				w.hand(dead, w.nodes[2], 1, f)
				w.run(20 * ms)
				if s := w.nodes[2].peer(1).State; (s == wire.PeerUp || s == wire.PeerLate) && w.now >= heard+second {
					t.Fatalf("%v at %v after the last true beat", s, w.now-heard)
				}
			}
		}
	}
	replay(3)
	if w.nodes[2].peer(1).State != wire.PeerDead {
		t.Fatal("recordings kept the dead from being found dead")
	}
	// A heart that was started anew remembers nobody, and is not taken in either.
	w.nodes[2].kill()
	w.nodes[2].start()
	heard = -second
	replay(2)
	if s := w.nodes[2].peer(1).State; s != wire.PeerNever {
		t.Errorf("%v to a new heart, want never heard", s)
	}
}

func TestANewLifeOfTheSameBootTakesTheOldOnesPlaceAtOnce(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	w.nodes[2].kill()
	w.nodes[2].start()
	w.until("the new life is up", 100*ms, func() bool {
		p := w.nodes[1].peer(2)
		return p.State == wire.PeerUp && p.Incarnation == 2
	})
	for _, r := range w.nodes[1].records {
		if r.Peer != nil && r.Peer.State == wire.PeerDead {
			t.Error("it was dead in between")
		}
	}
}

func TestANewBootIsAdmittedOnlyOnceTheOldOneWasSilentForDead(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	w.nodes[2].kill()
	w.run(5 * ms)
	heard := w.nodes[1].h.detector.LastHeard(2)
	w.nodes[2].boot, w.nodes[2].run = wire.ID{1, 99}, nil
	w.nodes[2].start()
	w.until("the new boot is up", 3*second, func() bool {
		p := w.nodes[1].peer(2)
		return p.State == wire.PeerUp && p.Incarnation == 2
	})
	if w.now-heard < second {
		t.Errorf("admitted %v ms after the old boot was heard", (w.now-heard)/ms)
	}
	if !slices.ContainsFunc(w.nodes[1].records, func(r wire.ToEngine) bool { return r.Peer != nil && r.Peer.State == wire.PeerDead }) {
		t.Error("the old boot was never said to be dead")
	}
	if w.nodes[1].alarmed("one was cloned") {
		t.Errorf("a boot is taken for a clone: %q", w.nodes[1].alarms)
	}
}

// second starts another machine as node 2; what node 1 sends reaches that one too.
func (w *world) second(machine wire.ID) *node {
	twin := &node{w: w, id: 2, boot: wire.ID{1, 50}, machine: machine, incarnation: 40}
	twin.start()
	// The two fight for the address; what node 1 sends reaches the second.
	w.cut[cable{0, 1, 2}] = true
	w.tapped = func(from *node, o Transmit) {
		if from.id == 1 {
			frame := bytes.Clone(o.Frame)
			w.in(ms, func() { w.hand(from, twin, 0, frame) })
		}
	}
	return twin
}

func TestACloneIsKeptOutWhileTheOriginalIsHeardAndSaid(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	w.second(w.nodes[2].machine)
	w.run(4 * second)
	if p := w.nodes[1].peer(2); p.Boot != w.nodes[2].boot || p.State != wire.PeerUp {
		t.Errorf("node 2 is now boot %v, %v", p.Boot, p.State)
	}
	if n := w.nodes[1]; !n.alarmed("two machines were started with number 2 (") || !n.alarmed("one was cloned") {
		t.Errorf("alarms %q", n.alarms)
	}
}

func TestASecondMachineWithANumberIsKeptOutWhileTheFirstIsHeard(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	twin := w.second(wire.ID{2, 50})
	w.run(3 * second)
	p := w.nodes[1].peer(2)
	if p.Machine != w.nodes[2].machine || p.State != wire.PeerUp {
		t.Errorf("node 2 is now machine %v, %v", p.Machine, p.State)
	}
	if !w.nodes[1].alarmed("two machines were started with number 2") {
		t.Errorf("alarms %q", w.nodes[1].alarms)
	}
	w.nodes[2].kill()
	w.until("the second machine takes its place", 3*second, func() bool { return w.nodes[1].peer(2).Machine == twin.machine })
	if !w.nodes[1].alarmed("another machine than before") {
		t.Errorf("alarms %q", w.nodes[1].alarms)
	}
}

func TestOurOwnNumberOnAnotherMachineIsAlarmedAndCounted(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	twin := &node{w: w, id: 1, boot: wire.ID{1, 50}, machine: wire.ID{2, 50}}
	var hellos [][]byte
	twin.w = newWorld(t, 2, 2, 1)
	twin.w.carried = func(from, _ *node, _ wire.Instant, frame []byte) {
		if from == twin && wire.Kind(frame[1]) == wire.KindHello {
			hellos = append(hellos, bytes.Clone(frame))
		}
	}
	twin.start()
	twin.w.run(second)
	if len(hellos) == 0 {
		t.Fatal("the twin said nothing")
	}
	for _, f := range hellos {
		w.hand(w.nodes[2], w.nodes[1], 0, f)
	}
	if n := w.nodes[1]; !n.alarmed("two nodes were started with number 1") || len(n.alarms) != 1 {
		t.Errorf("alarms %q", n.alarms)
	}
	if got := w.nodes[1].h.Paths(w.now)[0].Drops["own_number_on_another_machine"]; got != uint64(len(hellos)) {
		t.Errorf("%d counted, %d heard", got, len(hellos))
	}
}

func TestANodeWhoseStateWasBroughtBackIsToldItsIncarnation(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.nodes[2].incarnation = 7
	w.nodes[2].kill()
	w.nodes[2].start()
	w.meet()
	w.nodes[2].kill()
	w.nodes[2].incarnation = 2 // restored from a backup; the next life is 3
	w.nodes[2].start()
	want := Restart{AtLeast: 9}
	w.until("it is told", second, func() bool {
		return slices.ContainsFunc(w.nodes[2].outputs, func(o Output) bool {
			r, ok := o.(Restart)
			return ok && r.AtLeast == want.AtLeast
		})
	})
	if p := w.nodes[1].peer(2); p.Incarnation != 8 {
		t.Errorf("admitted as incarnation %d", p.Incarnation)
	}
}

// A state directory that cannot be written, or was brought back, gives two boots one incarnation. The second may have admitted
// its peer before that peer, by an answer that was long under way, admits the first.
func TestABootThatBearsTheIncarnationOfAnEarlierOneIsTold(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.nodes[2].kill()
	w.run(2 * second)
	toFirst, slow := cable{0, 2, 1}, 900*ms
	w.delay = func() wire.Instant { return slow }
	w.tapped = func(from *node, _ Transmit) {
		slow = ms
		if from.id == 2 && from.boot == (wire.ID{1, 1}) {
			slow = 900 * ms
		}
	}
	w.nodes[2].start()
	w.run(200 * ms)
	w.nodes[2].kill()
	w.nodes[2].boot, w.nodes[2].incarnation, w.nodes[2].outputs = wire.ID{3, 1}, w.nodes[2].incarnation-1, nil
	w.nodes[2].start()
	w.cut[toFirst] = true
	w.until("the first boot is admitted", 2*second, func() bool { return w.nodes[1].h.byNode[2].life.boot == wire.ID{1, 1} })
	if w.nodes[2].h.byNode[1].admitted == 0 {
		t.Fatal("the second boot has not admitted its peer: the case is not the one meant")
	}
	w.cut[toFirst] = false
	w.until("the second boot is told", 3*second, func() bool {
		return slices.ContainsFunc(w.nodes[2].outputs, func(o Output) bool { r, ok := o.(Restart); return ok && r.AtLeast == w.nodes[2].incarnation+1 })
	})
}

func TestAFrameThatWasHeldBackDoesNotBringADeadPeerToLife(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	w.delay = func() wire.Instant { return 3 * second }
	w.run(200 * ms)
	w.nodes[2].kill()
	w.until("dead", 2*second, func() bool { return w.nodes[1].peer(2).State == wire.PeerDead })
	w.checked = func(n *node) {
		if s := n.peer(2).State; n.id == 1 && s != wire.PeerDead {
			t.Fatalf("now it is %v", s)
		}
	}
	drops := func() uint64 { return w.nodes[1].h.Paths(w.now)[0].Drops["not_admitted"] }
	before := drops()
	w.run(5 * second)
	if drops() == before {
		t.Error("nothing was held back: the case is not the one meant")
	}
}

func TestAPeerThatSaidHelloAndNeverBeatIsForgottenAfterDead(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.tapped = func(from *node, o Transmit) {
		w.cut[cable{0, 2, 1}] = from.id == 2 && wire.Kind(o.Frame[1]) == wire.KindBeat // one was held back
	}
	w.until("admitted", second, func() bool { return w.nodes[1].h.byNode[2].admitted != 0 })
	w.nodes[2].kill()
	w.run(2 * second)
	if _, admitted := w.nodes[1].h.opener.Admitted(2); admitted || w.nodes[1].h.byNode[2].admitted != 0 {
		t.Error("a held back beat would make it look alive")
	}
}

func TestAFrameThatWaitedForDeadShowsNothing(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	var late []byte
	w.tapped = func(from *node, o Transmit) {
		if from.id == 2 && wire.Kind(o.Frame[1]) == wire.KindBeat {
			late = bytes.Clone(o.Frame)
		}
	}
	w.nodes[2].step(WatchdogChanged{}) // what it says next differs from what is known
	w.until("one more beat", second, func() bool { return late != nil })
	w.cut[cable{0, 2, 1}] = true
	w.nodes[2].kill()
	w.queue = slices.DeleteFunc(w.queue, func(e event) bool { return e.at == w.now+ms }) // it does not arrive by itself
	n := w.nodes[1]
	at := n.h.detector.LastHeard(2) + 1
	was := n.h.byNode[2].is
	n.h.wake = 0 // it did not sleep: the frame lay in a path that was drained late
	w.now = at + 1000*ms
	n.step(Frame{Received: Received{Frame: late, At: at, Stamped: true}})
	if is := n.h.byNode[2].is; is != was {
		t.Errorf("a frame of dead ago changed %+v to %+v", was, is)
	}
}

func TestRecordedHellosAreAnsweredNoFasterThanFourTimesTheBeat(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	var hello []byte
	w.tapped = func(from *node, o Transmit) {
		if from.id == 2 && wire.Kind(o.Frame[1]) == wire.KindHello && hello == nil {
			hello = bytes.Clone(o.Frame)
		}
	}
	w.run(3 * second)
	w.nodes[2].kill()
	w.nodes[1].kill()
	w.nodes[1].start() // which knows no life of node 2
	sent := 0
	w.tapped = func(from *node, o Transmit) {
		if from.id == 1 && wire.Kind(o.Frame[1]) == wire.KindHello {
			sent++
		}
	}
	for range 1000 {
		w.hand(w.nodes[2], w.nodes[1], 0, hello)
		w.run(ms)
	}
	if sent == 0 || sent > 50 {
		t.Errorf("%d Hellos in a second", sent)
	}
}
