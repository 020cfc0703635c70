package inm

import (
	"slices"
	"testing"
	"time"

	"locum/wire"
)

var self, peer = wire.End{Incarnation: 5, EngineStart: 1}, wire.End{Incarnation: 8, EngineStart: 3}

func lone(paths ...PathInfo) *Session {
	s := New(self)
	s.SetPeer(peer)
	if len(paths) == 0 {
		paths = []PathInfo{{MTU: 1400, Up: true}}
	}
	s.SetPaths(1, paths)
	return s
}

// piece is a segment of the peer's.
func piece(transmission, number, length, offset uint32, text string) *wire.Segment {
	return &wire.Segment{From: peer, To: self, Transmission: transmission, Number: number, Length: length, Offset: offset, Payload: []byte(text)}
}

// transmitted takes the outputs and gives the segments among them.
func transmitted(s *Session) (all []Transmit) {
	for _, o := range s.Outputs() {
		if t, ok := o.(Transmit); ok {
			all = append(all, t)
		}
	}
	return all
}

func TestASegmentThatDoesNotCountIsDroppedForItsReason(t *testing.T) {
	ack := func(a wire.Ack) *wire.Segment { return &wire.Segment{From: peer, To: self, Ack: a} }
	named := func(from, to wire.End) *wire.Segment {
		g := piece(1, 1, 2, 0, "ab")
		g.From, g.To = from, to
		return g
	}
	older := wire.End{Incarnation: 8, EngineStart: 2}
	tests := []struct {
		name   string
		before []*wire.Segment
		g      *wire.Segment
		want   wire.Drop
	}{
		{"a piece", nil, piece(1, 1, 4, 0, "ab"), wire.DropNone},
		{"the rest", []*wire.Segment{piece(1, 1, 4, 0, "ab")}, piece(2, 1, 4, 2, "cd"), wire.DropNone},
		{"the same again", []*wire.Segment{piece(1, 1, 4, 0, "ab")}, piece(1, 1, 4, 0, "ab"), wire.DropRepeated},
		{"a piece of what is there", []*wire.Segment{piece(1, 1, 2, 0, "ab")}, piece(2, 1, 2, 1, "b"), wire.DropRepeated},
		{"another length of the same message", []*wire.Segment{piece(1, 1, 4, 0, "ab")}, piece(2, 1, 5, 2, "cd"), wire.DropMalformed},
		{"from an engine before", nil, named(older, self), wire.DropOtherSession},
		{"to an engine before", nil, named(peer, wire.End{Incarnation: 5}), wire.DropOtherSession},
		{"to another life", nil, named(peer, wire.End{Incarnation: 4, EngineStart: 1}), wire.DropOtherSession},
		{"a piece beyond its message", nil, piece(1, 1, 2, 1, "bc"), wire.DropMalformed},
		{"more messages than may be under way", nil, piece(1, wire.MaxUntaken+1, 1, 0, "x"), wire.DropNoRoom},
		{"as many as may be under way", nil, piece(1, wire.MaxUntaken, 1, 0, "x"), wire.DropNone},
		{"more bytes than may be under way", []*wire.Segment{piece(1, 2, wire.MaxMessage, 0, "x")}, piece(2, 3, 1, 0, "x"), wire.DropNoRoom},
		{"more bytes, but of the message that is next", []*wire.Segment{piece(1, 2, wire.MaxMessage, 0, "x")}, piece(2, 1, 9, 0, "x"), wire.DropNone},
		{"bytes that are delivered and not taken count", []*wire.Segment{piece(1, 1, 1, 0, "x")}, piece(2, 3, wire.MaxMessage, 0, "x"), wire.DropNoRoom},
		{"an acknowledgement of nothing", nil, ack(wire.Ack{}), wire.DropNone},
		{"of what was sent", nil, ack(wire.Ack{Taken: 1, Arrived: 1, Heard: 1}), wire.DropNone},
		{"of a message that was not sent in full", nil, ack(wire.Ack{Arrived: 2, Heard: 1}), wire.DropMalformed},
		{"of a message that was not sent at all", nil, ack(wire.Ack{Taken: 4, Arrived: 4, Heard: 1}), wire.DropMalformed},
		{"of a transmission that never was", nil, ack(wire.Ack{Heard: 99}), wire.DropMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := lone()
			for id, length := range []int{10, 100_000} { // of the second only the beginning is sent
				if err := s.Send(1, uint64(id), make([]byte, length)); err != nil {
					t.Fatal(err)
				}
			}
			for _, g := range tt.before {
				if d := s.Receive(1, 0, g); d != wire.DropNone {
					t.Fatal(d)
				}
			}
			if d := s.Receive(1, 0, tt.g); d != tt.want {
				t.Errorf("dropped as %q, want %q", d, tt.want)
			}
			wantSound(t, s)
		})
	}
}

func TestAMessageInTooManyPiecesFindsNoRoom(t *testing.T) {
	s := lone()
	for i := range uint32(wire.MaxPieces + 1) {
		want := wire.DropNone
		if i == wire.MaxPieces {
			want = wire.DropNoRoom
		}
		if d := s.Receive(1, 0, piece(i+1, 1, 4000, 2*i, "x")); d != want {
			t.Fatalf("piece %d: %q", i, d)
		}
	}
}

func TestAcknowledgementsSayWhatWasHeard(t *testing.T) {
	s := lone()
	for _, n := range []uint32{1, 4, 3, 3, 90, 89, 26, 25} {
		s.Receive(1, 0, piece(n, n, 1, 0, "x"))
	}
	// Above MaxUntaken there is no room, and what found none is not acknowledged.
	s.Due(2)
	want := wire.Ack{Arrived: 1, Heard: 26, Before: 1 | 1<<(26-4-1) | 1<<(26-3-1) | 1<<(26-1-1)}
	if out := transmitted(s); len(out) != 1 || out[0].Segment.Ack != want {
		t.Errorf("acknowledged %+v, want %+v", out, want)
	}
	s.Receive(2, 0, piece(500, 2, 1, 0, "x"))
	s.Due(3)
	if out := transmitted(s); out[0].Segment.Ack != (wire.Ack{Arrived: 4, Heard: 500}) {
		t.Errorf("acknowledged %+v after a leap", out[0].Segment.Ack)
	}
}

func TestWhatWasHeardIsNotSentAgain(t *testing.T) {
	s := lone()
	for id := range uint64(4) {
		if err := s.Send(1, id, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	transmitted(s)
	// Of four, the second was lost; the others are known from one acknowledgement.
	s.Receive(2, 0, &wire.Segment{From: peer, To: self, Ack: wire.Ack{Arrived: 1, Heard: 4, Before: 0b101}})
	s.Due(2 + wire.Instant(wire.RetryMax))
	var again []uint32
	for _, o := range transmitted(s) {
		if len(o.Segment.Payload) > 0 {
			again = append(again, o.Segment.Number)
		}
	}
	if !slices.Equal(again, []uint32{2}) {
		t.Errorf("sent again: %v, want only 2", again)
	}
}

func TestACompleteMessageNeedsNoWordOfItsPieces(t *testing.T) {
	s := lone()
	if err := s.Send(1, 1, make([]byte, 4000)); err != nil {
		t.Fatal(err)
	}
	s.Receive(2, 0, &wire.Segment{From: peer, To: self, Ack: wire.Ack{Arrived: 1, Heard: 3}})
	if n := len(s.sending.flights); n != 0 {
		t.Errorf("%d segments are still waited for", n)
	}
	wantSound(t, s)
}

func TestOnlyWhatIsMissingIsSentAgainInOtherPieces(t *testing.T) {
	s := lone(PathInfo{MTU: wire.SegmentOverhead + 100, Up: true}, PathInfo{MTU: 1400, RTT: time.Second})
	if err := s.Send(1, 7, make([]byte, 300)); err != nil {
		t.Fatal(err)
	}
	first := transmitted(s)
	if len(first) != 3 {
		t.Fatalf("%d pieces", len(first))
	}
	// The small path goes; all is sent over the large one, then word comes that the middle had arrived after all.
	s.SetPaths(2, []PathInfo{{MTU: wire.SegmentOverhead + 100}, {MTU: 1400, Up: true, RTT: time.Second}})
	if out := transmitted(s); len(out) != 1 || len(out[0].Segment.Payload) != 300 {
		t.Fatalf("sent again: %+v", out)
	}
	s.Receive(3, 0, &wire.Segment{From: peer, To: self, Ack: wire.Ack{Heard: first[1].Segment.Transmission}})
	s.Due(2 + 4*wire.Instant(wire.RetryMax))
	var again []span
	for _, o := range transmitted(s) {
		again = append(again, span{o.Segment.Offset, o.Segment.Offset + uint32(len(o.Segment.Payload))})
	}
	// One time-out halves the window, so the second piece may have to wait for the first.
	if len(again) == 0 || again[0] != (span{0, 100}) || len(again) > 1 && again[1] != (span{200, 300}) {
		t.Errorf("sent again: %v, want what is missing", again)
	}
	wantSound(t, s)
}

func TestTookCountsOnceAndOnlyUpwards(t *testing.T) {
	s := lone()
	for n := range uint32(3) {
		s.Receive(1, 0, piece(n+1, n+1, 1, 0, "x"))
	}
	for _, step := range []struct {
		took uint64
		want uint32
	}{{2, 2}, {1, 2}, {2, 2}, {4, 2}, {3, 3}, {0, 3}} {
		s.Took(1, step.took)
		if got := s.arriving.ack().Taken; got != step.want || len(s.arriving.lengths) != int(3-step.want) {
			t.Errorf("after Took(%d) %d are taken, %d kept", step.took, got, len(s.arriving.lengths))
		}
	}
}

func TestTheSessionEndsBeforeANumberComesTwice(t *testing.T) {
	s := lone()
	s.sending.transmission = ^uint32(0) - 1
	for id := range uint64(2) {
		err := s.Send(1, id, []byte("x"))
		if (err == nil) != (id == 0) {
			t.Errorf("message %d: %v", id, err)
		}
	}
	s.Due(10_000 * ms)
	if out := transmitted(s); len(out) != 1 {
		t.Errorf("%d transmissions, want the last", len(out))
	}
	if next, ok := s.Next(); ok {
		t.Errorf("waits for %d, and there is nothing to do", next)
	}
}
