package inm

import (
	"errors"
	"slices"
	"testing"
	"time"

	"locum/wire"
)

func TestEveryMessageArrivesOnceInOrderWhateverThePathsDo(t *testing.T) {
	tests := []struct {
		name   string
		cables func() []*cable
	}{
		{"one good path", func() []*cable { return []*cable{lan()} }},
		{"a path that loses a third", func() []*cable { c := lan(); c.loss = 0.33; return []*cable{c} }},
		{"a path that doubles and reorders", func() []*cable {
			c := lan()
			c.twice, c.jitter = 0.3, 5*time.Millisecond
			return []*cable{c}
		}},
		{"two paths, each of which loses, doubles and reorders", func() []*cable {
			a, b := lan(), lan()
			a.loss, a.twice, a.jitter = 0.2, 0.2, 3*time.Millisecond
			b.loss, b.twice, b.jitter, b.info.MTU = 0.4, 0.1, 20*time.Millisecond, 300
			return []*cable{a, b}
		}},
		{"a path that is dead and believed alive, and a serial cable", func() []*cable {
			a := lan()
			a.cut = [2]bool{true, true}
			return []*cable{a, serial()}
		}},
		{"a path that carries one way only, and a lossy one", func() []*cable {
			a, b := lan(), lan()
			a.cut[1], b.loss = true, 0.2
			return []*cable{a, b}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(15) {
				w := newWorld(t, seed, tt.cables()...)
				for n := range 60 {
					from := w.rand.IntN(2)
					length := w.rand.IntN(200)
					if w.rand.IntN(10) == 0 {
						length = w.rand.IntN(4000)
					}
					if err := w.send(from, letter(n, length)); err != nil {
						t.Fatal(err)
					}
					w.run(w.now + wire.Instant(w.rand.Int64N(int64(20*ms))))
				}
				w.run(w.now + 120_000*ms)
				w.wantAll()
				for _, d := range []wire.Drop{wire.DropMalformed, wire.DropNoRoom, wire.DropOtherSession} {
					if n := w.ends[0].drops[d] + w.ends[1].drops[d]; n != 0 {
						t.Fatalf("seed %d: %d honest segments were dropped as %q", seed, n, d)
					}
				}
			}
		})
	}
}

func TestAMessageOf32KBCrosses(t *testing.T) {
	tests := []struct {
		name   string
		cable  *cable
		within wire.Instant
		frames int
	}{
		{"a LAN", lan(), 10 * ms, 80},
		{"a serial cable, without clogging it", serial(), 6000 * ms, 480},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1, tt.cable)
			if err := w.send(0, letter(1, 32<<10)); err != nil {
				t.Fatal(err)
			}
			w.run(w.now + tt.within)
			w.wantAll()
			if w.frames > tt.frames {
				t.Errorf("it took %d frames", w.frames)
			}
			// What waits in the cable delays a beat.
			if rtt := w.ends[0].s.RTT(0); rtt > 200*time.Millisecond {
				t.Errorf("the round trip grew to %v", rtt)
			}
		})
	}
}

func TestTheLongestMessagesCrossAndNoneBeyond(t *testing.T) {
	w := newWorld(t, 1, lan())
	if err := w.send(0, make([]byte, wire.MaxMessage+1)); !errors.Is(err, ErrSize) {
		t.Errorf("a message too long: %v", err)
	}
	if err := w.send(0, nil); !errors.Is(err, ErrSize) {
		t.Errorf("a message of nothing: %v", err)
	}
	for n := range 3 {
		if err := w.send(0, letter(n, wire.MaxMessage)); err != nil {
			t.Fatal(err)
		}
	}
	w.run(w.now + 5000*ms)
	w.wantAll()
}

func TestAMessageLeavesInTheSameStep(t *testing.T) {
	s := New(wire.End{Incarnation: 5})
	if err := s.Send(1, 1, []byte("x")); !errors.Is(err, ErrNoPeer) {
		t.Errorf("without a peer: %v", err)
	}
	s.SetPeer(wire.End{Incarnation: 8})
	s.SetPaths(1, []PathInfo{{MTU: 1400, Up: true}})
	if err := s.Send(1, 1, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if out := s.Outputs(); len(out) != 1 || string(out[0].(Transmit).Segment.Payload) != "x" {
		t.Errorf("outputs %+v", out)
	}
}

func TestAMessageWaitsForAPathAndLeavesWhenThereIsOne(t *testing.T) {
	c := lan()
	c.info.Up = false
	w := newWorld(t, 1, c)
	if err := w.send(0, letter(1, 100)); err != nil {
		t.Fatal(err)
	}
	w.run(w.now + 10_000*ms)
	if w.frames != 0 {
		t.Fatalf("%d frames without a path", w.frames)
	}
	c.info.Up = true
	w.setPaths()
	w.run(w.now + 10*ms)
	w.wantAll()
}

func TestALateAcknowledgementSendsItOverTheNextPathAtOnce(t *testing.T) {
	a, b := lan(), lan()
	w := newWorld(t, 1, a, b)
	if err := w.send(0, letter(1, 100)); err != nil {
		t.Fatal(err)
	}
	w.run(w.now + 50*ms) // measured
	a.cut = [2]bool{true, true}
	if err := w.send(0, letter(2, 100)); err != nil {
		t.Fatal(err)
	}
	w.run(w.now + wire.Instant(wire.RetryMin) + 5*ms)
	w.wantAll()

	// A path that is known to be down is not even waited for.
	a.cut = [2]bool{}
	w.run(w.now + 10_000*ms)
	a.cut = [2]bool{true, true}
	if err := w.send(0, letter(3, 100)); err != nil {
		t.Fatal(err)
	}
	a.info.Up = false
	w.setPaths()
	w.run(w.now + 5*ms)
	w.wantAll()
}

func TestItIsAcknowledgedOnlyWhenTheEngineTookIt(t *testing.T) {
	w := newWorld(t, 1, lan())
	w.ends[1].hangs = true
	if err := w.send(0, letter(1, 100)); err != nil {
		t.Fatal(err)
	}
	w.run(w.now + 30_000*ms)
	if len(w.ends[1].delivered) != 1 || len(w.ends[0].acked) != 0 {
		t.Fatalf("%d delivered, %d acknowledged", len(w.ends[1].delivered), len(w.ends[0].acked))
	}
	if w.frames > 60 {
		t.Errorf("asking took %d frames in 30 s", w.frames)
	}
	w.ends[1].hangs = false
	w.run(w.now + 15*ms)
	w.wantAll()
}

func TestALostAcknowledgementIsAskedFor(t *testing.T) {
	c := lan()
	w := newWorld(t, 1, c)
	w.ends[1].hangs = true
	if err := w.send(0, letter(1, 100)); err != nil {
		t.Fatal(err)
	}
	w.run(w.now + 5*ms)
	c.cut[1] = true
	w.ends[1].hangs = false
	w.run(w.now + 15*ms) // the engine's word is lost
	c.cut[1] = false
	w.run(w.now + 2*wire.Instant(wire.RetryMax))
	w.wantAll()
}

func TestTheQueueIsBounded(t *testing.T) {
	w := newWorld(t, 1, lan())
	w.ends[1].hangs = true
	n := 0
	for ; n < 10_000; n++ {
		if err := w.send(0, letter(n, 10)); err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			break
		}
		w.run(w.now + ms)
	}
	if n != wire.MaxQueued {
		t.Errorf("%d messages were accepted", n)
	}
	if n := w.ends[1].drops[wire.DropNoRoom]; n != 0 {
		t.Errorf("%d segments were sent beyond what a receiver keeps", n)
	}
	w.ends[1].hangs = false
	w.run(w.now + 1000*ms)
	w.wantAll()

	w = newWorld(t, 1, lan())
	w.ends[1].hangs = true
	for n = 0; w.send(0, letter(n, wire.MaxMessage/2)) == nil; n++ {
	}
	if n != 2*wire.MaxQueuedBytes/wire.MaxMessage {
		t.Errorf("%d long messages were accepted", n)
	}
	w.run(w.now + 5000*ms)
	if got := len(w.ends[1].delivered); got != 2 {
		t.Errorf("%d long messages wait for an engine that hangs, want 2", got)
	}
}

func TestANewEngineStartsTheSessionAnew(t *testing.T) {
	c := lan()
	w := newWorld(t, 1, c)
	if err := w.send(0, letter(1, 100)); err != nil {
		t.Fatal(err)
	}
	w.run(w.now + 20*ms)
	w.ends[1].hangs = true
	for n := 2; n <= 4; n++ {
		if err := w.send(0, letter(n, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.send(1, letter(5, 100)); err != nil {
		t.Fatal(err)
	}
	w.run(w.now + 2*ms)

	// The other end has a new engine: what the former one may or may not have done is unknown, in both directions.
	next := wire.End{Incarnation: 8, EngineStart: 4}
	w.ends[1].name = next
	if !w.ends[1].s.Rename(next) {
		t.Fatal("the session did not start anew")
	}
	w.settle(1)
	if err := w.send(1, letter(6, 100)); err != nil { // before the peer knows
		t.Fatal(err)
	}
	w.run(w.now + 50*ms)
	if w.ends[0].drops[wire.DropOtherSession] == 0 || w.ends[1].drops[wire.DropOtherSession] == 0 {
		t.Error("segments between different sessions were not dropped as such")
	}
	if !w.ends[0].s.SetPeer(next) {
		t.Fatal("the session did not start anew")
	}
	w.settle(0)
	if got := w.ends[0].lost; !slices.Equal(got, []uint64{2, 3, 4}) {
		t.Errorf("lost %v, want 2, 3 and 4", got)
	}
	w.ends[1].hangs = false
	if err := w.send(0, letter(7, 100)); err != nil {
		t.Fatal(err)
	}
	w.run(w.now + 1000*ms)
	if got := w.ends[0].acked; !slices.Equal(got, []uint64{1, 5}) {
		t.Errorf("acknowledged %v, want the 1st and the 5th", got)
	}
	if got := w.ends[1].acked; !slices.Contains(got, 2) {
		t.Errorf("acknowledged to the new engine: %v, want its own", got)
	}
}

func TestALateTookDoesNotAcknowledgeAnotherSessionsMessage(t *testing.T) {
	self, peer := wire.End{Incarnation: 5}, wire.End{Incarnation: 8, EngineStart: 1}
	s := New(self)
	s.SetPaths(1, []PathInfo{{MTU: 1400, Up: true}})
	arrive := func(from wire.End) uint64 {
		t.Helper()
		s.SetPeer(from)
		g := wire.Segment{From: from, To: self, Transmission: 1, Number: 1, Length: 1, Payload: []byte("x")}
		if d := s.Receive(1, 0, &g); d != wire.DropNone {
			t.Fatal(d)
		}
		return s.Outputs()[0].(Deliver).Number
	}
	taken := func() uint32 {
		s.Due(2)
		out := s.Outputs()
		return out[len(out)-1].(Transmit).Segment.Ack.Taken
	}
	first := arrive(peer)
	second := arrive(wire.End{Incarnation: 8, EngineStart: 2})
	s.Took(2, first)
	if n := taken(); n != 0 {
		t.Errorf("the late word acknowledged %d", n)
	}
	s.Took(2, second+1)
	s.Took(2, second)
	if n := taken(); n != 1 {
		t.Errorf("the right word acknowledged %d", n)
	}
}

func TestEndsOnlyRise(t *testing.T) {
	w := newWorld(t, 1, lan())
	w.ends[1].hangs = true
	if err := w.send(0, letter(1, 100)); err != nil {
		t.Fatal(err)
	}
	s := w.ends[0].s
	for _, e := range []wire.End{{}, {Incarnation: 8, EngineStart: 3}, {Incarnation: 8, EngineStart: 2}, {Incarnation: 7, EngineStart: 9}} {
		if s.SetPeer(e) {
			t.Errorf("the peer became %v", e)
		}
	}
	if s.Rename(wire.End{Incarnation: 5, EngineStart: 1}) {
		t.Error("the same name started the session anew")
	}
	if s.Waiting() != 1 || s.Peer() != (wire.End{Incarnation: 8, EngineStart: 3}) {
		t.Errorf("%d waiting for %v", s.Waiting(), s.Peer())
	}
}

func TestTheRoundTripIsMeasuredForEachPath(t *testing.T) {
	a, b := lan(), lan()
	a.delay, b.delay = 3*time.Millisecond, 7*time.Millisecond
	w := newWorld(t, 1, a, b)
	for n := range 20 {
		if err := w.send(0, letter(n, 10)); err != nil {
			t.Fatal(err)
		}
		w.run(w.now + 100*ms)
		if n == 10 {
			a.info.Up = false
			w.setPaths()
		}
	}
	w.wantAll()
	if ra, rb := w.ends[0].s.RTT(0), w.ends[0].s.RTT(1); ra != 6*time.Millisecond || rb != 14*time.Millisecond {
		t.Errorf("round trips %v and %v, want 6ms and 14ms", ra, rb)
	}
	if w.ends[0].s.RTT(2) != 0 || w.ends[0].s.RTT(-1) != 0 {
		t.Error("a path that does not exist has a round trip")
	}
}
