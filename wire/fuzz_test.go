package wire

import (
	"bytes"
	"testing"
)

// FuzzOpen lets whatever comes from a wire meet an opener that knows a peer: nothing that was not sealed counts.
func FuzzOpen(f *testing.F) {
	a, b := pair(f)
	genuine := [][]byte{a.hello(1, 2), a.beat()}
	sealed, err := a.seal.Segment(nil, someSegment())
	if err != nil {
		f.Fatal(err)
	}
	for _, g := range append(genuine, sealed, nil) {
		f.Add(0, g)
	}
	f.Fuzz(func(t *testing.T, path int, frame []byte) {
		before := bytes.Clone(frame)
		drop := b.open.Open(path, frame, &b.frame)
		if !bytes.Equal(before, frame) {
			t.Fatal("Open changed the frame")
		}
		if drop != DropNone && drop != DropDuplicate {
			return
		}
		for _, g := range append(genuine, sealed) {
			if bytes.HasPrefix(frame, g) {
				return
			}
		}
		t.Fatalf("a frame that nobody sealed counts: %x", frame)
	})
}

// FuzzBodies reads what an authentic but broken or malicious sender may seal.
func FuzzBodies(f *testing.F) {
	hello := Hello{Challenge: Challenge{1}, To: 2}
	f.Add(byte(KindHello), hello.append(nil))
	f.Add(byte(KindBeat), someBeat().append(nil))
	f.Add(byte(KindSegment), someSegment().append(nil))
	ack := Segment{From: someSegment().From, To: someSegment().To, Ack: someSegment().Ack}
	f.Add(byte(KindSegment), ack.append(nil))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		var again []byte
		switch Kind(kind) {
		case KindHello:
			var h Hello
			if !h.read(body, 1) {
				return
			}
			again = h.append(nil)
		case KindBeat:
			var b Beat
			if !b.read(body, 1) {
				return
			}
			again = b.append(nil)
		case KindSegment:
			var s Segment
			if !s.read(body, 5) {
				return
			}
			again = s.append(nil)
		default:
			return
		}
		if !bytes.Equal(again, body) {
			t.Fatalf("%v reads and writes differently:\n%x\n%x", Kind(kind), body, again)
		}
	})
}

func BenchmarkSealAndOpenABeat(b *testing.B) {
	s, r := pair(b)
	beat := someBeat()
	beat.Hears = SetOf(2, 3, 4, 5, 6, 7, 8)
	frame := make([]byte, 0, MaxFrame)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if frame, err = s.seal.Beat(frame[:0], beat); err != nil {
			b.Fatal(err)
		}
		if drop := r.open.Open(0, frame, &r.frame); drop != DropNone {
			b.Fatal(drop)
		}
	}
}

// BenchmarkAStrangersHello is what one recorded Hello costs at most.
func BenchmarkAStrangersHello(b *testing.B) {
	_, r := pair(b)
	hello := start(b, 3, 5, salt1, machine1).hello(1, 2)
	b.ReportAllocs()
	for b.Loop() {
		if drop := r.open.Open(0, hello, &r.frame); drop != DropNone {
			b.Fatal(drop)
		}
	}
}

func TestABeatIsSealedAndOpenedWithoutAllocation(t *testing.T) {
	s, r := pair(t)
	beat := someBeat()
	frame := make([]byte, 0, MaxFrame)
	n := testing.AllocsPerRun(100, func() {
		frame, _ = s.seal.Beat(frame[:0], beat)
		if drop := r.open.Open(0, frame, &r.frame); drop != DropNone {
			t.Fatal(drop)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a beat", n)
	}
}
