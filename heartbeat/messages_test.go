package heartbeat

import (
	"bytes"
	"slices"
	"testing"

	"locum/wire"
)

func send(n *node, id uint64, to wire.Node, text string) {
	n.says(wire.ToHeart{Send: &wire.Send{ID: id, To: to, Payload: []byte(text)}})
}

func TestAMessageLeavesInTheSameStepAndIsDoneOnceTheOtherEngineTookIt(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	a, b := w.nodes[1], w.nodes[2]
	send(a, 11, 2, "propose")
	if !slices.ContainsFunc(a.last, func(o Output) bool { x, ok := o.(Transmit); return ok && wire.Kind(x.Frame[1]) == wire.KindSegment }) {
		t.Fatalf("nothing left in the step: %v", a.last)
	}
	w.until("it arrives", 5*ms, func() bool { return len(b.arrived()) == 1 })
	m := b.arrived()[0]
	want := wire.Life{Node: 1, Boot: a.boot, Machine: a.machine, Incarnation: 1, EngineStart: 1}
	if !bytes.Equal(m.Payload, []byte("propose")) || m.From != 1 || m.Life != want {
		t.Errorf("arrived %+v", m)
	}
	w.run(3 * second)
	if _, known := a.fates()[11]; known {
		t.Fatal("its fate is told before the engine took it")
	}
	b.says(wire.ToHeart{Took: &wire.Took{From: 1, Number: m.Number}})
	w.until("done", 5*ms, func() bool { return a.fates()[11] == wire.OutcomeDone })
}

func TestMessagesSurviveLossAndComeOnceAndInOrder(t *testing.T) {
	w := newWorld(t, 4, 2, 2)
	w.meet()
	w.loss = 0.3
	a, b := w.nodes[1], w.nodes[2]
	for i := range 50 {
		send(a, uint64(i), 2, string(rune('A'+i)))
		w.run(20 * ms)
	}
	w.until("all arrive", 60*second, func() bool { return len(b.arrived()) == 50 })
	for i, m := range b.arrived() {
		if string(m.Payload) != string(rune('A'+i)) {
			t.Fatalf("message %d is %q", i, m.Payload)
		}
		b.says(wire.ToHeart{Took: &wire.Took{From: 1, Number: m.Number}})
	}
	w.until("all are done", 60*second, func() bool { return len(a.fates()) == 50 })
}

func TestAMessageGoesOverTheNextPathWhenTheFirstFails(t *testing.T) {
	w := newWorld(t, 1, 2, 2)
	w.meet()
	w.run(second)
	w.cut[cable{0, 1, 2}] = true
	send(w.nodes[1], 1, 2, "hello")
	w.until("it arrives", 300*ms, func() bool { return len(w.nodes[2].arrived()) == 1 })
}

func TestAnEngineRestartRenamesItsSessions(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	a, b := w.nodes[1], w.nodes[2]
	send(a, 1, 2, "for the first engine")
	w.run(10 * ms)
	old := b.arrived()[0]
	b.step(EngineGone{})
	b.records = nil
	b.startEngine()
	w.until("its fate is unknown", second, func() bool { o, known := a.fates()[1]; return known && o == wire.OutcomeUnknown })
	w.run(3 * second)
	if len(b.arrived()) != 0 {
		t.Fatal("the new engine got a message that was for the old one")
	}
	send(a, 2, 2, "for the second engine")
	w.run(10 * ms)
	b.says(wire.ToHeart{Took: &wire.Took{From: 1, Number: old.Number}}) // late, of the session before
	w.run(second)
	if _, known := a.fates()[2]; known {
		t.Error("an old acknowledgement ended a new message")
	}
	if m := b.arrived(); len(m) != 1 || string(m[0].Payload) != "for the second engine" {
		t.Errorf("arrived %v", m)
	}

	// And on the other side: what our former engine sent is not told to the new one.
	a.step(EngineGone{})
	a.records = nil
	a.startEngine()
	w.run(3 * second)
	if len(a.fates()) != 0 {
		t.Errorf("the new engine was told of %v", a.fates())
	}
	send(a, 2, 2, "again")
	w.until("it arrives", second, func() bool { return len(b.arrived()) == 2 })
	if m := b.arrived()[1]; m.Life.EngineStart != 2 {
		t.Errorf("from engine %d", m.Life.EngineStart)
	}
}

func TestTheFateOfWhatWasSentToADeadPeerIsUnknown(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	a := w.nodes[1]
	w.nodes[2].kill()
	send(a, 1, 2, "into the void")
	w.run(3 * second)
	send(a, 2, 2, "to a dead peer")
	send(a, 3, 9, "to nobody")
	for id := range uint64(3) {
		if o, known := a.fates()[id+1]; !known || o != wire.OutcomeUnknown {
			t.Errorf("message %d: %v, known %v", id+1, o, known)
		}
	}
}
