package heartbeat

import (
	"bytes"
	"fmt"
	"testing"

	"locum/config"
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

// BenchmarkManyNodes is what one heart of a large cluster does in the time between two of its beats while nothing happens: it
// takes the beat of each peer, each of which wakes it, and sends its own.
func BenchmarkManyNodes(b *testing.B) {
	for _, nodes := range []int{2, 8, 32, 64} {
		for _, way := range []string{"each", "all"} {
			b.Run(fmt.Sprintf("nodes=%d/to=%s", nodes, way), func(b *testing.B) { manyNodes(b, nodes, way == "all") })
		}
	}
}

func manyNodes(b *testing.B, nodes int, shared bool) {
	w := newWorld(b, 1, nodes, 1, func(c *config.Config) { c.Paths[0].Shared = shared })
	w.meet()
	members := make([]wire.Node, nodes)
	for i := range members {
		members[i] = wire.Node(i + 1)
	}
	w.install(view(64, nodes/2+1, members...))
	w.run(second)
	now, sent := w.now, 0
	heart := w.nodes[wire.Node(nodes)].h
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		now += 100 * ms
		var beats [][]byte
		for n := range nodes - 1 {
			for _, o := range w.nodes[wire.Node(n+1)].h.Step(now, Tick{Drained: true}) {
				if x, ok := o.(Transmit); ok && (x.To == Everybody || x.To == wire.Node(nodes)) {
					beats = append(beats, bytes.Clone(x.Frame))
				}
			}
		}
		var own []byte
		b.StartTimer()
		for i, f := range beats {
			at := now + wire.Instant(i)
			heart.Step(at, Frame{Received: Received{Frame: f, At: at, Stamped: true}})
			for _, o := range heart.Step(at, Tick{Drained: true}) {
				if x, ok := o.(Transmit); ok {
					own = append(own[:0], x.Frame...)
					sent++
				}
			}
		}
		b.StopTimer()
		for n := range nodes - 1 {
			w.nodes[wire.Node(n+1)].h.Step(now, Frame{Received: Received{Frame: own, At: now, Stamped: true}})
		}
		b.StartTimer()
	}
	for _, p := range heart.peers {
		if !p.alive() {
			b.Fatal(p.name, " is not heard any more")
		}
	}
	b.ReportMetric(float64(sent)/float64(b.N), "frames/op")
}
