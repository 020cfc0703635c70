package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	boot1, machine1 = ID{1, 1}, ID{2, 1}
	machine2        = ID{2, 2}
	salt1, salt2    = Salt{3, 1}, Salt{3, 2}
	all             = SetOf(1, 2, 3)
)

// keyNo makes one of several keys.
func keyNo(t testing.TB, n byte) Key {
	t.Helper()
	raw := bytes.Repeat([]byte{n, 0x5a}, KeySize/2)
	text, err := NewKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// station is one life of a node, as the heart holds it.
type station struct {
	t      testing.TB
	node   Node
	seal   *Sealer
	open   *Opener
	shake  *Handshake
	frame  Frame
	number uint8
}

func start(t testing.TB, n Node, in Incarnation, salt Salt, machine ID) *station {
	t.Helper()
	k := keyNo(t, 7)
	seal, err := NewSealer("office", k, n, in, salt)
	if err != nil {
		t.Fatal(err)
	}
	open, err := NewOpener("office", []Key{k}, all, n, in, salt, machine)
	if err != nil {
		t.Fatal(err)
	}
	seed := [32]byte{byte(n), byte(in), salt[0], salt[1]}
	return &station{t: t, node: n, seal: seal, open: open, shake: NewHandshake(seed, ID{byte(n)}, machine)}
}

func (s *station) hello(now Instant, to Node) []byte {
	s.t.Helper()
	_, known := s.open.Admitted(to)
	h := s.shake.Hello(now, to, !known || !s.shake.Due(now, to))
	b, err := s.seal.Hello(nil, &h)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *station) beat() []byte {
	s.t.Helper()
	s.number++
	b, err := s.seal.Beat(nil, &Beat{Boot: ID{byte(s.node)}, Number: s.number, EngineUp: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// hear does with a frame what the heart does.
func (s *station) hear(now Instant, b []byte) (Drop, Greeting) {
	s.t.Helper()
	drop := s.open.Open(0, b, &s.frame)
	if s.frame.Kind != KindHello || drop != DropNone && drop != DropOldLife {
		return drop, Greeting{}
	}
	g := s.shake.Heard(now, &s.frame)
	if g.Fresh && drop == DropNone {
		if err := s.open.Admit(&s.frame); err != nil {
			s.t.Fatal(err)
		}
	}
	return drop, g
}

func (s *station) wantDrop(b []byte, want Drop) {
	s.t.Helper()
	if got := s.open.Open(0, b, &s.frame); got != want {
		s.t.Fatalf("Open gave %q, want %q", got, want)
	}
}

// acquaint makes each of two nodes admit the other.
func acquaint(t testing.TB, a, b *station, now Instant) {
	t.Helper()
	b.hear(now, a.hello(now, b.node))
	a.hear(now, b.hello(now, a.node))
	b.hear(now, a.hello(now, b.node))
	for _, s := range [][2]*station{{a, b}, {b, a}} {
		if _, ok := s[0].open.Admitted(s[1].node); !ok {
			t.Fatalf("node %d did not admit node %d", s[0].node, s[1].node)
		}
	}
}

func pair(t testing.TB) (a, b *station) {
	t.Helper()
	a, b = start(t, 1, 5, salt1, machine1), start(t, 2, 8, salt2, machine2)
	acquaint(t, a, b, 1)
	return a, b
}

func someBeat() *Beat {
	return &Beat{
		Boot: boot1, EngineUp: true, Quorate: true, ObeysLease: true, Epoch: 1 << 40, EngineStart: 513, LeaseMS: 8000,
		WatchdogMS: 10000, Number: 255, Hears: SetOf(2, 64),
		Echoes: [MaxNodes]Echo{1: {Counter: MaxCounter, Paths: 0x81}, 63: {Counter: 1}},
	}
}

func someSegment() *Segment {
	return &Segment{
		From: End{5, 2}, To: End{8, 3}, Ack: Ack{Taken: 1, Arrived: 2, Heard: 3, Before: 3}, Transmission: 9,
		Number: 4, Length: MaxMessage, Offset: MaxMessage - 5, Payload: []byte("hello"),
	}
}

func TestWhatIsSealedIsOpenedUnchanged(t *testing.T) {
	a, b := pair(t)
	beat, segment := someBeat(), someSegment()
	frame, err := a.seal.Beat(nil, beat)
	if err != nil {
		t.Fatal(err)
	}
	b.wantDrop(frame, DropNone)
	if d := cmp.Diff(*beat, b.frame.Beat); d != "" {
		t.Error("beat:", d)
	}
	if b.frame.Kind != KindBeat || b.frame.Sender != 1 || b.frame.Incarnation != 5 || b.frame.Counter != a.seal.Counter() {
		t.Errorf("opened as %v %d of %d/%d", b.frame.Kind, b.frame.Counter, b.frame.Sender, b.frame.Incarnation)
	}
	if frame, err = a.seal.Segment([]byte("before"), segment); err != nil {
		t.Fatal(err)
	}
	b.wantDrop(frame[len("before"):], DropNone)
	if d := cmp.Diff(*segment, b.frame.Segment); d != "" {
		t.Error("segment:", d)
	}
	hello := Hello{Boot: boot1, Machine: machine1, Challenge: Challenge{9}, Answer: Challenge{8}, To: 2, AtLeast: 77}
	if frame, err = a.seal.Hello(nil, &hello); err != nil {
		t.Fatal(err)
	}
	b.wantDrop(frame, DropNone)
	if d := cmp.Diff(hello, b.frame.Hello); d != "" {
		t.Error("hello:", d)
	}
}

func TestABeatOfEightNodesFits128Bytes(t *testing.T) {
	a := start(t, 1, 5, salt1, machine1)
	beat := someBeat()
	beat.Hears = SetOf(2, 3, 4, 5, 6, 7, 8)
	frame, err := a.seal.Beat(nil, beat)
	if err != nil {
		t.Fatal(err)
	}
	if len(frame) > 128 || len(frame) != BeatFrame(7) {
		t.Errorf("%d bytes, BeatFrame says %d", len(frame), BeatFrame(7))
	}
	if BeatFrame(MaxNodes-1) > MaxFrame || HelloFrame > 128 {
		t.Errorf("the largest beat has %d bytes, a Hello %d", BeatFrame(MaxNodes-1), HelloFrame)
	}
}

func TestAFrameThatDoesNotCountIsDroppedForItsReason(t *testing.T) {
	other := func(cluster string, key byte, n Node, in Incarnation) func(*testing.T, *station) []byte {
		return func(t *testing.T, _ *station) []byte {
			s, err := NewSealer(cluster, keyNo(t, key), n, in, salt1)
			if err != nil {
				t.Fatal(err)
			}
			b, err := s.Beat(nil, &Beat{})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	changed := func(at int, to byte) func(*testing.T, *station) []byte {
		return func(_ *testing.T, a *station) []byte {
			b := a.beat()
			b[at] ^= to
			return b
		}
	}
	tests := []struct {
		name string
		make func(*testing.T, *station) []byte
		want Drop
	}{
		{"a whole beat counts", func(_ *testing.T, a *station) []byte { return a.beat() }, DropNone},
		{"ethernet's padding is not looked at", func(_ *testing.T, a *station) []byte { return append(a.beat(), 0, 7, 9) }, DropNone},
		{"nothing", func(*testing.T, *station) []byte { return nil }, DropShort},
		{"more than any path carries", func(*testing.T, *station) []byte { return make([]byte, MaxFrame+1) }, DropLong},
		{"another version", changed(0, 2), DropVersion},
		{"another name of the cluster", other("factory", 7, 1, 5), DropCluster},
		{"another key", other("office", 8, 1, 5), DropCluster},
		{"an unknown kind", changed(1, 0x40), DropMalformed},
		{"a node that the file does not name", other("office", 7, 9, 5), DropUnknownSender},
		{"our own number", other("office", 7, 2, 8), DropOwn},
		{"a node that never said Hello", other("office", 7, 3, 1), DropNotAdmitted},
		{"an older life", other("office", 7, 1, 4), DropNotAdmitted},
		{"a newer life that was not admitted", other("office", 7, 1, 6), DropNotAdmitted},
		{"another kind than was sealed", changed(1, byte(KindBeat^KindSegment)), DropForged},
		{"another counter than was sealed", changed(12, 1), DropForged},
		{"another body than was sealed", changed(headerSize+3, 1), DropForged},
		{"another seal", changed(BeatFrame(0)-1, 1), DropForged},
		{"a length beyond the frame", changed(17, 1), DropShort},
		{"a length below the least", changed(18, byte(BeatFrame(0))), DropMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair(t)
			b.open.SetNodes(SetOf(1, 2, 3))
			b.wantDrop(tt.make(t, a), tt.want)
		})
	}
}

func TestAFrameCutAnywhereDoesNotCount(t *testing.T) {
	a, b := pair(t)
	segment := someSegment()
	sealed, err := a.seal.Segment(nil, segment)
	if err != nil {
		t.Fatal(err)
	}
	for _, whole := range [][]byte{a.hello(1, 2), a.beat(), sealed} {
		for n := range whole {
			if drop := b.open.Open(0, whole[:n], &b.frame); drop == DropNone {
				t.Errorf("%v cut to %d of %d bytes counts", Kind(whole[1]), n, len(whole))
			}
			// Also when the length was cut to match.
			if short := slices.Clone(whole[:n]); n >= headerSize {
				short[17], short[18] = byte(n>>8), byte(n)
				if drop := b.open.Open(0, short, &b.frame); drop == DropNone {
					t.Errorf("%v shortened to %d of %d bytes counts", Kind(whole[1]), n, len(whole))
				}
			}
		}
		b.wantDrop(whole, DropNone)
	}
}

func TestEveryBitOfAFrameIsUnderTheSeal(t *testing.T) {
	a, b := pair(t)
	for _, whole := range [][]byte{a.hello(1, 2), a.beat()} {
		for bit := range len(whole) * 8 {
			forged := slices.Clone(whole)
			forged[bit/8] ^= 1 << (bit % 8)
			if drop := b.open.Open(0, forged, &b.frame); drop == DropNone {
				t.Errorf("%v with bit %d of byte %d turned counts", Kind(whole[1]), bit%8, bit/8)
			}
		}
	}
}

func TestTheSealerRefusesWhatNobodyMayBelieve(t *testing.T) {
	s := start(t, 1, 5, salt1, machine1).seal
	self := Beat{Hears: SetOf(1)}
	big := Beat{Hears: SetOf(2), Echoes: [MaxNodes]Echo{1: {Counter: MaxCounter + 1}}}
	alien, long := someSegment(), someSegment()
	alien.From.Incarnation = 6
	long.Length, long.Offset, long.Payload = MaxMessage, 0, make([]byte, MaxFrame)
	tests := []struct {
		name string
		seal func() ([]byte, error)
	}{
		{"a beat that hears itself", func() ([]byte, error) { return s.Beat(nil, &self) }},
		{"a counter of more than 48 bits", func() ([]byte, error) { return s.Beat(nil, &big) }},
		{"a Hello that neither asks nor answers", func() ([]byte, error) { return s.Hello(nil, &Hello{To: 2}) }},
		{"a Hello to itself", func() ([]byte, error) { return s.Hello(nil, &Hello{To: 1, Challenge: Challenge{1}}) }},
		{"a segment of another life", func() ([]byte, error) { return s.Segment(nil, alien) }},
		{"a segment beyond a frame", func() ([]byte, error) { return s.Segment(nil, long) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := tt.seal(); err == nil || len(b) != 0 {
				t.Errorf("sealed %d bytes, error %v", len(b), err)
			}
		})
	}
}

func TestEachFrameTakesANewCounterUntilNoneIsLeft(t *testing.T) {
	a := start(t, 1, 5, salt1, machine1)
	seen := map[uint64]bool{}
	segment := someSegment()
	for range 5 {
		frames := [][]byte{a.beat(), a.hello(1, 2), a.hello(1, 3)}
		sealed, err := a.seal.Segment(nil, segment)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(frames, sealed) {
			c := readHeader(f).counter
			if seen[c] {
				t.Fatalf("counter %d is used twice", c)
			}
			seen[c] = true
		}
	}
	if err := a.seal.Rekey(keyNo(t, 9)); err != nil {
		t.Fatal(err)
	}
	if c := readHeader(a.beat()).counter; seen[c] {
		t.Errorf("counter %d is used again under the next key", c)
	}
	a.seal.counter = MaxCounter - 1
	a.beat()
	for range 2 {
		if b, err := a.seal.Beat(nil, &Beat{}); err != ErrCounterSpent || len(b) != 0 {
			t.Errorf("after the last counter: %d bytes, error %v", len(b), err)
		}
	}
}

func TestNoFormatShowsASecret(t *testing.T) {
	a := start(t, 1, 5, salt1, machine1)
	k := keyNo(t, 7)
	for _, v := range []any{k, &k, []Key{k}, struct{ k Key }{k}, a.open, *a.shake} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d"} {
			s := strings.ToLower(fmt.Sprintf(verb, v))
			for _, leak := range []string{"7 90 7 90", "075a075a", "0x7, 0x5a", "\a" + "z\a" + "z"} {
				if strings.Contains(s, leak) {
					t.Errorf("%s of %T shows the key", verb, v)
				}
			}
		}
	}
}

// An echo names a counter alone: what a former life sent must not be taken for what this one sent.
func TestTheCountersOfLivesThatFollowEachOtherNeverMeet(t *testing.T) {
	first := func(in Incarnation) uint64 {
		s := start(t, 1, in, salt1, ID{1})
		s.beat()
		return s.seal.Counter()
	}
	const frames = 1 << 39 // of one life
	seen := map[uint64]Incarnation{}
	for in := Incarnation(1); in <= 256; in++ {
		c := first(in)
		if c > MaxCounter/2 {
			t.Fatalf("life %d begins at %d and has less than half of all counters", in, c)
		}
		if other, twice := seen[c/frames]; twice {
			t.Fatalf("lives %d and %d begin in the same range", other, in)
		}
		seen[c/frames] = in
	}
}
