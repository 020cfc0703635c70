package heartbeat

import (
	"slices"
	"testing"

	"locum/wire"
)

func (n *node) killed() int {
	count := 0
	for _, o := range n.outputs {
		if _, ok := o.(KillEngine); ok {
			count++
		}
	}
	return count
}

func TestANewEngineLearnsAllThatTheHeartKnows(t *testing.T) {
	w, a, _ := pairWithView(t)
	w.run(second)
	a.step(EngineGone{})
	a.records = nil
	a.startEngine()
	welcome := a.records[0].Welcome
	if welcome == nil || welcome.EngineStart != 2 || welcome.Resume.Epoch != 1 || welcome.Lease.State != wire.LeaseHeld ||
		welcome.Version != wire.RecordsVersion || welcome.Self != 1 || welcome.Machine != a.machine || welcome.Boot != a.boot {
		t.Fatalf("first record %+v", a.records[0])
	}
	if p := a.peer(2); p.State != wire.PeerUp || p.LastHeard == 0 {
		t.Errorf("peer %+v", p)
	}
	if !slices.ContainsFunc(a.records, func(r wire.ToEngine) bool { return len(r.Paths) == 1 }) {
		t.Error("no paths")
	}
}

func TestAnEngineThatDiedIsShownAtOnce(t *testing.T) {
	w, a, b := pairWithView(t)
	w.run(second + 40*ms)
	a.step(EngineGone{})
	w.run(30 * ms)
	if b.peer(1).EngineUp {
		t.Error("the peer still takes the engine for up")
	}
	a.startEngine()
	w.run(30 * ms)
	if p := b.peer(1); !p.EngineUp || p.EngineStart != 2 {
		t.Errorf("the new engine is not shown: %+v", p)
	}
}

func TestAnEngineThatHangs(t *testing.T) {
	w, a, b := pairWithView(t)
	a.permitAll()
	w.run(10 * second)
	a.mute = true
	w.until("it is shown as down", 2100*ms, func() bool { return !b.peer(1).EngineUp })
	down := w.now
	w.until("it is killed", 6*second, func() bool { return a.killed() > 0 })
	if w.now-down < 4900*ms {
		t.Errorf("killed after %v ms, the grace is 5 s", (w.now-down)/ms)
	}
	w.run(4 * second)
	if a.killed() != 1 || len(a.resets()) != 0 {
		t.Errorf("killed %d times, resets %q", a.killed(), a.resets())
	}
	a.step(EngineGone{})
	a.startEngine() // does not answer either
	w.until("the node is reset", 10*second, func() bool { return len(a.resets()) == 1 })
}

func TestNoNodeIsResetForItsEngineIfNoOtherHasOne(t *testing.T) {
	w, a, b := pairWithView(t)
	a.permitAll()
	a.mute, b.mute = true, true
	w.run(60 * second)
	if len(a.resets()) != 0 || a.killed() == 0 {
		t.Errorf("resets %q, killed %d", a.resets(), a.killed())
	}
}

func TestASleepOfTheHeartIsNotHeldAgainstTheEngine(t *testing.T) {
	w, a, _ := pairWithView(t)
	w.until("a ping is out", 3*second, func() bool { return !a.h.engine.answered })
	slept := a.h.sealer.Counter()
	a.sleep(7*second, false)
	w.run(8 * second)
	if a.killed() != 0 || !a.h.engine.up {
		t.Errorf("killed %d, up %v", a.killed(), a.h.engine.up)
	}
	for counter, b := range a.beats {
		if counter > slept && !b.beat.EngineUp {
			t.Error("a beat after the sleep says that the engine is down")
		}
	}
}

func TestLeavingInOrder(t *testing.T) {
	w, a, b := pairWithView(t)
	a.permitAll()
	a.step(LeaveAsked{})
	if !slices.ContainsFunc(a.records, func(r wire.ToEngine) bool { return r.Leave != nil }) {
		t.Fatal("the engine was not told")
	}
	w.run(50 * ms)
	if !b.peer(1).Leaving {
		t.Error("the peer does not know")
	}
	a.step(EngineGone{})
	a.records = nil
	a.startEngine()
	if !slices.ContainsFunc(a.records, func(r wire.ToEngine) bool { return r.Leave != nil }) {
		t.Fatal("the next engine was not told")
	}
	a.says(wire.ToHeart{Left: &wire.Leave{Clean: true}})
	if !slices.ContainsFunc(a.last, func(o Output) bool { return o == Exit{Clean: true} }) {
		t.Errorf("outputs %v", a.last)
	}
	w.run(2 * ms)
	if p := b.peer(1); !p.Leaving || !p.Idle {
		t.Errorf("the last beat says %+v", p)
	}
	if a.run.MayRun || !a.run.Idle {
		t.Errorf("left behind: %+v", a.run)
	}
	if a.permitAll() {
		t.Error("a start is permitted after the engine has left")
	}
}

func TestAReloadIsWrittenFirst(t *testing.T) {
	_, a, _ := pairWithView(t)
	a.step(Reload{})
	i := slices.IndexFunc(a.last, func(o Output) bool { p, ok := o.(Persist); return ok && p.Wait })
	j := slices.IndexFunc(a.last, func(o Output) bool { _, ok := o.(Restart); return ok })
	if i < 0 || j < i || a.run.LeaseUntil != a.h.lease.Until {
		t.Errorf("outputs %v", a.last)
	}
}
