package inm

import (
	"bytes"
	"encoding/binary"
	"testing"

	"locum/wire"
)

// input hands out the bytes of a fuzzer as choices.
type input struct{ b []byte }

func (in *input) empty() bool { return len(in.b) == 0 }

func (in *input) byte() byte {
	if len(in.b) == 0 {
		return 0
	}
	c := in.b[0]
	in.b = in.b[1:]
	return c
}

func (in *input) uint32() uint32 {
	var b [4]byte
	n := copy(b[:], in.b)
	in.b = in.b[n:]
	// Small numbers are the interesting ones; large ones come from the highest bit.
	if v := binary.LittleEndian.Uint32(b[:]); v>>31 != 0 {
		return ^(v << 1)
	} else {
		return v & 0xff
	}
}

// segment makes any segment, valid or not, between the two ends.
func (in *input) segment(from, to wire.End) *wire.Segment {
	g := &wire.Segment{
		From: from, To: to, Transmission: in.uint32(), Number: in.uint32(), Length: in.uint32(), Offset: in.uint32(),
		Ack: wire.Ack{Taken: in.uint32(), Arrived: in.uint32(), Heard: in.uint32(), Before: uint64(in.uint32())},
	}
	g.Payload = make([]byte, min(int(in.byte())*6, wire.MaxFrame))
	if in.byte()&1 != 0 {
		g.Length = min(g.Length*1024, wire.MaxMessage)
	}
	return g
}

// FuzzAHostilePeer is one whose frames are authentic and whose fields are anything: it must not make this end panic, keep
// more than it has room for, deliver out of order, or acknowledge what it did not get.
func FuzzAHostilePeer(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00"))
	f.Add(bytes.Repeat([]byte{1, 0, 0, 0, 3, 0, 0, 0, 200, 0, 0, 0}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := &input{b}
		self, peer := wire.End{Incarnation: 5, EngineStart: 1}, wire.End{Incarnation: 8, EngineStart: 1}
		s := New(self)
		s.SetPeer(peer)
		s.SetPaths(1, []PathInfo{{MTU: 1400, Up: true}, {MTU: 200, Up: true}})
		sent, ended := map[uint64]bool{}, map[uint64]bool{}
		var last uint64
		now := wire.Instant(1)
		for id := uint64(1); !in.empty(); id++ {
			now += wire.Instant(in.byte()) * ms
			switch in.byte() % 8 {
			case 0:
				if s.Send(now, id, make([]byte, 1+in.uint32()%5000)) == nil {
					sent[id] = true
				}
			case 1:
				s.Took(now, uint64(in.uint32()))
			case 2:
				s.Due(now)
				if next, ok := s.Next(); ok && next <= now {
					t.Fatalf("after Due at %d Next is %d", now, next)
				}
			case 3:
				s.SetPaths(now, []PathInfo{{MTU: 1400, Up: in.byte()&1 == 0}, {MTU: int(in.byte()), Up: true}})
			default:
				s.Receive(now, int(in.byte())%4-1, in.segment(peer, self))
			}
			for _, o := range s.Outputs() {
				switch o := o.(type) {
				case Deliver:
					if o.Number != last+1 {
						t.Fatalf("%d delivered after %d", o.Number, last)
					}
					last = o.Number
				case Acked:
					if !sent[o.ID] || ended[o.ID] {
						t.Fatalf("message %d ended twice, or was never sent", o.ID)
					}
					ended[o.ID] = true
				case Transmit:
					if !o.Segment.Valid() || uint64(o.Segment.Ack.Arrived) > last {
						t.Fatalf("transmits %+v, having delivered %d", o.Segment, last)
					}
				case Lost:
					t.Fatal("lost without a new session")
				}
			}
			wantSound(t, s)
		}
	})
}

// FuzzNothingUnsentArrives lets a fuzzer lose, double, hold back and reorder the honest segments of a session, and mix in
// segments of its own that bear other names.
func FuzzNothingUnsentArrives(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Add(bytes.Repeat([]byte{0, 5, 1, 3, 2, 4, 4, 0}, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := &input{b}
		w := newWorld(t, 1)
		for i := range w.ends {
			w.ends[i].s.SetPaths(w.now, []PathInfo{{MTU: 1400, Up: true}, {MTU: 140, Up: true}})
		}
		var wires [2][]wire.Segment // from each end
		gather := func() {
			for i, e := range w.ends {
				for _, o := range e.s.Outputs() {
					switch o := o.(type) {
					case Transmit:
						g := o.Segment
						g.Payload = bytes.Clone(g.Payload)
						wires[i] = append(wires[i], g)
					case Deliver:
						e.delivered = append(e.delivered, o.Payload)
					case Acked:
						e.acked = append(e.acked, o.ID)
					}
				}
			}
		}
		for !in.empty() {
			w.now += wire.Instant(in.byte()) * ms
			i := int(in.byte() & 1)
			e, other := w.ends[i], w.ends[1-i]
			switch in.byte() % 5 {
			case 0:
				text := letter(len(e.sent), int(in.byte())*20)
				if e.s.Send(w.now, uint64(len(e.sent)+1), text) == nil {
					e.sent = append(e.sent, text)
				}
			case 1:
				e.s.Took(w.now, uint64(min(int(in.byte()), len(e.delivered))))
			case 2:
				g := in.segment(wire.End{Incarnation: 8, EngineStart: uint16(in.byte())}, wire.End{Incarnation: 5, EngineStart: 2})
				if d := e.s.Receive(w.now, 0, g); d != wire.DropOtherSession && d != wire.DropMalformed {
					t.Fatalf("a segment of another session gives %q", d)
				}
			default:
				if n := len(wires[1-i]); n > 0 {
					g := wires[1-i][int(in.byte())%n]
					if d := e.s.Receive(w.now, 0, &g); d == wire.DropMalformed || d == wire.DropOtherSession {
						t.Fatalf("an honest segment gives %q", d)
					}
				}
			}
			w.ends[0].s.Due(w.now)
			w.ends[1].s.Due(w.now)
			gather()
			if len(e.delivered) > len(other.sent) || len(e.acked) > len(other.delivered) {
				t.Fatalf("%d of %d delivered, %d acknowledged", len(e.delivered), len(other.sent), len(e.acked))
			}
		}
		for i, e := range w.ends {
			for n, text := range e.delivered {
				if !bytes.Equal(text, w.ends[1-i].sent[n]) {
					t.Fatalf("end %d got another message %d than was sent", i, n+1)
				}
			}
		}
	})
}
