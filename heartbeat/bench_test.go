package heartbeat

import (
	"bytes"
	"testing"

	"locum/wire"
)

// BenchmarkIdle is what a heart of two nodes does each beat while nothing happens: one tick with a sealed beat, and one
// beat received.
func BenchmarkIdle(b *testing.B) {
	hearts := [3]*Heart{}
	cfg := testConfig(2, 2)
	key, err := wire.ParseKey([]byte("3031323334353637383961626364656630313233343536373839616263646566"))
	if err != nil {
		b.Fatal(err)
	}
	for n := wire.Node(1); n <= 2; n++ {
		hearts[n], err = New(Settings{Config: cfg, Self: n, Incarnation: 1, Boot: wire.ID{byte(n)}, Machine: wire.ID{byte(n)},
			Keys: []wire.Key{key}, Salt: wire.Salt{byte(n)}, Seed: [32]byte{byte(n)}})
		if err != nil {
			b.Fatal(err)
		}
	}
	now := wire.Instant(second)
	// carry ticks one heart and gives what it sends to the other.
	carry := func(from, to wire.Node) {
		for _, o := range hearts[from].Step(now, Tick{Drained: true}) {
			if x, ok := o.(Transmit); ok && x.Path == 0 {
				hearts[to].Step(now, Frame{Received: Received{Frame: x.Frame, At: now, Stamped: true}})
			}
		}
	}
	for range 20 {
		now += 100 * ms
		carry(1, 2)
		carry(2, 1)
	}
	if !hearts[1].byNode[2].alive() || !hearts[2].byNode[1].alive() {
		b.Fatal("they do not hear each other")
	}
	b.ReportAllocs()
	for b.Loop() {
		now += 100 * ms
		carry(1, 2)
		carry(2, 1)
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
