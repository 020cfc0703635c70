package wire

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each part of a life's name makes another key: else a counter would meet its nonce again.
func TestEachLifeHasItsOwnKey(t *testing.T) {
	first := life{1, 5, salt1}
	seal := func(cluster string, k Key, l life) string {
		aead, err := cipherOf(cluster, k, l)
		if err != nil {
			t.Fatal(err)
		}
		return string(aead.Seal(nil, make([]byte, 12), make([]byte, 16), nil))
	}
	want := seal("office", keyNo(t, 7), first)
	if seal("office", keyNo(t, 7), first) != want {
		t.Fatal("the same life has two keys")
	}
	tests := []struct {
		name    string
		cluster string
		key     byte
		life    life
	}{
		{"another cluster", "factory", 7, first},
		{"another cluster key", "office", 8, first},
		{"another node", "office", 7, life{2, 5, salt1}},
		{"another incarnation", "office", 7, life{1, 6, salt1}},
		{"another salt", "office", 7, life{1, 5, salt2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if seal(tt.cluster, keyNo(t, tt.key), tt.life) == want {
				t.Error("has the same key")
			}
		})
	}
}

func TestABodyThatCannotBeIsNotRead(t *testing.T) {
	segment := func(change func(*Segment)) []byte {
		s := someSegment()
		change(s)
		return s.append(nil)
	}
	beat := func(at int, to byte) []byte {
		b := someBeat().append(nil)
		b[at] = to
		return b
	}
	hello := func(change func(*Hello)) []byte {
		h := Hello{Challenge: Challenge{1}, Answer: Challenge{2}, To: 2}
		change(&h)
		return h.append(nil)
	}
	whole := someSegment().append(nil)
	tests := []struct {
		name string
		kind Kind
		body []byte
		ok   bool
	}{
		{"a whole segment", KindSegment, segment(func(*Segment) {}), true},
		{"one that only asks", KindSegment, segment(func(s *Segment) { s.Payload = nil }), true},
		{"one that only acknowledges", KindSegment, segment(func(s *Segment) { *s = Segment{From: s.From, To: s.To, Ack: s.Ack} }), true},
		{"one that acknowledges and names a message", KindSegment, slices.Concat(whole[:28], make([]byte, 4), whole[32:]), false},
		{"one that acknowledges, and more", KindSegment, append(segment(func(s *Segment) { *s = Segment{From: s.From, To: s.To, Ack: s.Ack} }), 0), false},
		{"one to nobody", KindSegment, segment(func(s *Segment) { s.To.Incarnation = 0 }), false},
		{"more taken than arrived", KindSegment, segment(func(s *Segment) { s.Ack.Taken = 3 }), false},
		{"heard something before nothing", KindSegment, segment(func(s *Segment) { s.Ack.Heard = 0 }), false},
		{"message 0", KindSegment, segment(func(s *Segment) { s.Number = 0 }), false},
		{"a message of nothing", KindSegment, segment(func(s *Segment) { s.Length, s.Offset, s.Payload = 0, 0, nil }), false},
		{"a message too long", KindSegment, segment(func(s *Segment) { s.Length = MaxMessage + 1 }), false},
		{"a piece beyond the message", KindSegment, segment(func(s *Segment) { s.Offset++ }), false},
		{"an offset beyond the message", KindSegment, segment(func(s *Segment) { s.Offset, s.Payload = MaxMessage+1, nil }), false},

		{"a whole beat", KindBeat, someBeat().append(nil), true},
		{"an unknown flag", KindBeat, beat(16, 0x40), false},
		{"a sender that hears itself", KindBeat, beat(43, 3), false},
		{"an echo too few", KindBeat, beat(43, 2+4), false},
		{"an echo too many", KindBeat, beat(43, 0), false},

		{"a Hello that asks and answers", KindHello, hello(func(*Hello) {}), true},
		{"one that only answers", KindHello, hello(func(h *Hello) { h.Challenge = Challenge{} }), true},
		{"one that does neither", KindHello, hello(func(h *Hello) { h.Challenge, h.Answer = Challenge{}, Challenge{} }), false},
		{"one to its sender", KindHello, hello(func(h *Hello) { h.To = 1 }), false},
		{"one to no node", KindHello, hello(func(h *Hello) { h.To = 0 }), false},
		{"one to a node beyond all", KindHello, hello(func(h *Hello) { h.To = MaxNodes + 1 }), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f Frame
			var ok bool
			switch tt.kind {
			case KindHello:
				ok = f.Hello.read(tt.body, 1)
			case KindBeat:
				ok = f.Beat.read(tt.body, 1)
			case KindSegment:
				ok = f.Segment.read(tt.body, 5)
			}
			if ok != tt.ok {
				t.Errorf("read: %v", ok)
			}
		})
	}
}

func TestAFrameUsedAgainHoldsNothingOfTheLastBeat(t *testing.T) {
	a, b := pair(t)
	for _, beat := range []*Beat{someBeat(), {Number: 3, Hears: SetOf(3), Echoes: [MaxNodes]Echo{2: {Counter: 4}}}} {
		frame, err := a.seal.Beat(nil, beat)
		if err != nil {
			t.Fatal(err)
		}
		b.wantDrop(frame, DropNone)
		if d := cmp.Diff(*beat, b.frame.Beat); d != "" {
			t.Error(d)
		}
	}
}

func TestOpenKeepsNothingOfTheFrame(t *testing.T) {
	a, b := pair(t)
	frame, err := a.seal.Segment(nil, someSegment())
	if err != nil {
		t.Fatal(err)
	}
	b.wantDrop(frame, DropNone)
	clear(frame)
	if !bytes.Equal(b.frame.Segment.Payload, someSegment().Payload) {
		t.Error("the payload shares the frame's bytes")
	}
}

func TestEveryReasonHasAName(t *testing.T) {
	seen := map[string]bool{}
	for d := range Drop(Drops) {
		if n := d.String(); n == "" || strings.HasPrefix(n, "invalid") || seen[n] {
			t.Errorf("reason %d is called %q", d, n)
		}
		seen[d.String()] = true
	}
	if KindSegment.String() != "segment" || StandingAdmitted.String() != "admitted" {
		t.Error("a kind or a standing has the wrong name")
	}
}

func TestWhatWasForgottenIsRefusedAtTheStart(t *testing.T) {
	k := keyNo(t, 7)
	tests := []struct {
		name        string
		cluster     string
		key         Key
		node        Node
		incarnation Incarnation
		salt        Salt
		seal, open  bool
	}{
		{"everything is there", "office", k, 1, 1, salt1, true, true},
		{"no name", "", k, 1, 1, salt1, false, false},
		{"a name too long", strings.Repeat("x", MaxClusterName+1), k, 1, 1, salt1, false, false},
		{"no key", "office", Key{}, 1, 1, salt1, false, false},
		{"no node", "office", k, 0, 1, salt1, false, false},
		{"a node beyond all", "office", k, MaxNodes + 1, 1, salt1, false, false},
		{"no incarnation", "office", k, 1, 0, salt1, false, true},
		{"no salt", "office", k, 1, 1, Salt{}, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := NewSealer(tt.cluster, tt.key, tt.node, tt.incarnation, tt.salt)
			if (err == nil) != tt.seal || (s != nil) != tt.seal {
				t.Errorf("sealer %v, error %v", s != nil, err)
			}
			o, err := NewOpener(tt.cluster, []Key{tt.key}, all, tt.node, tt.incarnation, tt.salt, machine1)
			if (err == nil) != tt.open || (o != nil) != tt.open {
				t.Errorf("opener %v, error %v", o != nil, err)
			}
		})
	}
}
