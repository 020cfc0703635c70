package heartbeat

import (
	"bytes"
	"testing"

	"locum/wire"
)

// BenchmarkIdle is what the hearts of two nodes do together each beat while nothing happens: each one tick with a sealed
// beat for two paths, and one beat received.
func BenchmarkIdle(b *testing.B) {
	w := newWorld(b, 1, 2, 2)
	w.meet()
	w.run(second)
	now := w.now
	// carry ticks one heart and gives what it sends to the other; both are idle, so that nothing is answered.
	carry := func(from, to wire.Node) {
		for _, o := range w.nodes[from].h.Step(now, Tick{Drained: true}) {
			if x, ok := o.(Transmit); ok && x.Path == 0 {
				w.nodes[to].h.Step(now, Frame{Received: Received{Frame: x.Frame, At: now, Stamped: true}})
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		now += 100 * ms
		carry(1, 2)
		carry(2, 1)
	}
	if !w.nodes[1].h.byNode[2].alive() || !w.nodes[2].h.byNode[1].alive() {
		b.Fatal("they do not hear each other any more")
	}
}

// FuzzFrames hands a heart arbitrary bytes: nothing of them may be taken for a frame.
func FuzzFrames(f *testing.F) {
	f.Add(uint8(0), []byte{})
	f.Add(uint8(9), bytes.Repeat([]byte{1}, 100))
	f.Fuzz(func(t *testing.T, path uint8, b []byte) {
		w := newWorld(t, 1, 2, 2)
		w.meet()
		is := w.nodes[1].h.byNode[2].is
		w.nodes[1].step(Frame{Path: int(path), Received: Received{Frame: b, At: w.now}})
		if w.nodes[1].h.byNode[2].is != is {
			t.Errorf("%x changed what is known of node 2", b)
		}
	})
}
