package wire

import (
	"slices"
	"testing"
)

const age = Instant(ChallengeAge)

func TestTwoNodesAdmitEachOtherByThreeHellos(t *testing.T) {
	a, b := start(t, 1, 5, salt1, machine1), start(t, 2, 8, salt2, machine2)
	if _, g := b.hear(10, a.hello(10, 2)); g.Fresh {
		t.Fatal("a Hello without an answer is fresh")
	}
	b.wantDrop(a.beat(), DropNotAdmitted)
	if !b.shake.Due(10, 1) {
		t.Fatal("node 2 owes no answer")
	}
	_, g := a.hear(20, b.hello(20, 1))
	if !g.Fresh || g.Since != 10 {
		t.Fatalf("greeting %+v, want one fresh since 10", g)
	}
	if in, ok := a.open.Admitted(2); !ok || in != 8 {
		t.Fatalf("node 1 admitted incarnation %d, %v", in, ok)
	}
	if !a.shake.Due(20, 2) {
		t.Fatal("node 1 owes no answer")
	}
	if _, g = b.hear(30, a.hello(30, 2)); !g.Fresh {
		t.Fatal("node 2 does not know node 1 to be fresh")
	}
	if a.shake.Due(30, 2) || b.shake.Due(30, 1) {
		t.Error("the handshake does not end: an answer is owed still")
	}
	b.wantDrop(a.beat(), DropNone)
	a.wantDrop(b.beat(), DropNone)
}

func TestRecordingsOfADeadLifeDoNotMakeItLookAlive(t *testing.T) {
	a, b := pair(t)
	recorded := [][]byte{a.hello(1, 2), a.beat(), a.hello(2, 2), a.beat()}
	held := [][]byte{a.hello(3, 2), a.beat()} // never delivered while node 1 lived
	for _, f := range recorded {
		b.hear(5, f)
	}
	b.open.Dismiss(1)
	for _, f := range slices.Concat(recorded, held) {
		for _, h := range []Instant{6, 7 * age} {
			b.hello(h, 1) // node 2 goes on asking
			if _, g := b.hear(h+1, f); g.Fresh {
				t.Fatalf("a recorded %v is fresh", Kind(f[1]))
			}
		}
	}
	if _, ok := b.open.Admitted(1); ok {
		t.Fatal("the dead life is admitted")
	}

	// Nor after the listener's own restart, when it remembers nothing.
	c := start(t, 2, 9, Salt{3, 9}, machine2)
	c.hello(8*age, 1)
	for _, f := range slices.Concat(recorded, held) {
		c.hear(8*age+1, f)
	}
	if _, ok := c.open.Admitted(1); ok {
		t.Fatal("the dead life is admitted by a new life of the other")
	}
}

func TestADismissedLifeComesBackOnlyByANewAnswer(t *testing.T) {
	a, b := pair(t)
	before := a.beat()
	b.open.Dismiss(1)
	b.wantDrop(a.beat(), DropNotAdmitted)
	b.hear(10, a.hello(10, 2))
	a.hear(10, b.hello(10, 1))
	if _, g := b.hear(10, a.hello(10, 2)); !g.Fresh {
		t.Fatal("the same life is not fresh by its new answer")
	}
	b.wantDrop(before, DropReplayed)
	b.wantDrop(a.beat(), DropNone)
}

func TestIncarnationsOnlyRise(t *testing.T) {
	tests := []struct {
		name string
		in   Incarnation
	}{
		{"an older life", 4},
		{"the same incarnation with another salt", 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair(t)
			old := start(t, 1, tt.in, Salt{9}, machine1)
			if drop, g := b.hear(10, old.hello(10, 2)); drop != DropOldLife || g.Fresh {
				t.Fatalf("%v, %+v", drop, g)
			}
			// It is told with which number it must come back.
			if _, g := old.hear(10, b.hello(10, 1)); !g.Fresh || g.AtLeast != 6 {
				t.Fatalf("told %+v, want at least 6", g)
			}
			// Even its answer does not let it in.
			if drop, _ := b.hear(11, old.hello(11, 2)); drop != DropOldLife {
				t.Fatalf("its answer gives %v", drop)
			}
			if in, ok := b.open.Admitted(1); !ok || in != 5 {
				t.Fatalf("admitted is %d, %v", in, ok)
			}
			b.wantDrop(a.beat(), DropNone)
		})
	}
}

func TestANewLifeEndsTheOneBefore(t *testing.T) {
	a, b := pair(t)
	acquaint(t, start(t, 1, 6, Salt{9}, machine1), b, 20)
	b.wantDrop(a.beat(), DropNotAdmitted)
	b.wantDrop(a.hello(20, 2), DropOldLife)
	if err := b.open.Admit(&b.frame); err == nil {
		t.Error("the former life was admitted again")
	}
}

func TestARecordedChallengeDoesNotDisplaceThatOfTheNewLife(t *testing.T) {
	old := start(t, 1, 4, Salt{9}, machine1)
	recorded := old.hello(1, 2)
	a, b := start(t, 1, 5, salt1, machine1), start(t, 2, 8, salt2, machine2)
	b.hear(10, a.hello(10, 2))
	b.hear(10, recorded)
	if _, g := a.hear(10, b.hello(10, 1)); !g.Fresh {
		t.Error("the new life got no answer")
	}
}

func TestAnAnswerCountsOnlyInItsTimeAndOnce(t *testing.T) {
	answer := func(a, b *station, made Instant) []byte {
		b.hear(made, a.hello(made, 2))
		return b.hello(made, 1)
	}
	a, b := start(t, 1, 5, salt1, machine1), start(t, 2, 8, salt2, machine2)
	late := answer(a, b, 10)
	if _, g := a.hear(10+2*age+1, late); g.Fresh {
		t.Error("an answer that was held back counts")
	}
	inTime := answer(a, b, 20+3*age)
	a.hello(20+4*age, 2) // the next challenge is out; the one before still counts
	if _, g := a.hear(20+5*age, inTime); !g.Fresh || g.Since != 20+3*age {
		t.Errorf("an answer in time gives %+v", g)
	}
	if _, g := a.hear(20+5*age, inTime); g.Fresh {
		t.Error("an answer counts twice")
	}
}

func TestNoChallengeComesTwice(t *testing.T) {
	seen := map[Challenge]bool{}
	for _, s := range []*station{start(t, 1, 5, salt1, machine1), start(t, 1, 6, salt1, machine1)} {
		for i := range Instant(50) {
			for _, to := range []Node{2, 3} {
				c := s.shake.Hello(i*age, to, true).Challenge
				if seen[c] {
					t.Fatal("a challenge came twice")
				}
				seen[c] = true
			}
		}
	}
	s := start(t, 1, 7, salt1, machine1)
	if s.shake.Hello(5, 2, true).Challenge != s.shake.Hello(5+age-1, 2, true).Challenge {
		t.Error("a challenge is not used for its age")
	}
}

func TestAHelloToAnotherNodeIsNotHeard(t *testing.T) {
	a, b := pair(t)
	b.wantDrop(a.hello(1, 3), DropOtherNode)
}

func TestAnotherMachineWithOurNumberIsTold(t *testing.T) {
	b := start(t, 2, 8, salt2, machine2)
	b.wantDrop(b.hello(1, 1), DropOwn)
	b.wantDrop(start(t, 2, 7, Salt{8}, machine2).hello(1, 1), DropOwn)
	b.wantDrop(start(t, 2, 8, Salt{8}, machine1).hello(1, 1), DropTwin)
	if b.frame.Hello.Machine != machine1 {
		t.Errorf("the frame names machine %v", b.frame.Hello.Machine)
	}
}

func TestWhileTheKeyIsReplacedBothCount(t *testing.T) {
	a, b := pair(t)
	oldKey, newKey := keyNo(t, 7), keyNo(t, 9)
	if err := b.open.SetKeys(oldKey, newKey); err != nil {
		t.Fatal(err)
	}
	b.wantDrop(a.beat(), DropNone)
	last := a.beat()
	if err := a.seal.Rekey(newKey); err != nil {
		t.Fatal(err)
	}
	b.wantDrop(a.beat(), DropNone)
	b.wantDrop(a.hello(1, 2), DropNone)
	b.wantDrop(last, DropReplayed)
	if err := b.open.SetKeys(newKey); err != nil {
		t.Fatal(err)
	}
	b.wantDrop(last, DropCluster)
	b.wantDrop(a.beat(), DropNone)
	for _, keys := range [][]Key{nil, {{}}, {oldKey, newKey, oldKey}} {
		if err := b.open.SetKeys(keys...); err == nil {
			t.Errorf("%d keys were accepted", len(keys))
		}
	}
	b.wantDrop(a.beat(), DropNone)
}

func TestANewLifeIsAskedUntilItAnswers(t *testing.T) {
	a, b := pair(t)
	next := start(t, 1, 6, Salt{9}, machine1)
	b.hear(10, next.hello(10, 2))
	next.hear(10, b.hello(10, 1))
	next.hello(10, 2) // the answer is lost
	if !b.shake.Due(11, 1) {
		t.Fatal("node 2 does not ask again")
	}
	next.hear(11, b.hello(11, 1))
	b.hear(11, next.hello(11, 2))
	if in, _ := b.open.Admitted(1); in != 6 || b.shake.Due(11, 1) {
		t.Errorf("incarnation %d is admitted, a Hello is due: %v", in, b.shake.Due(11, 1))
	}
	b.wantDrop(a.beat(), DropNotAdmitted)
}

func TestAnAnswerDoesNotMakeForgetAQuestion(t *testing.T) {
	a, b := pair(t)
	b.hear(10, a.hello(10, 2)) // asks
	answer := Hello{To: 2, Answer: Challenge{7}}
	frame, err := a.seal.Hello(nil, &answer)
	if err != nil {
		t.Fatal(err)
	}
	b.hear(10, frame)
	if !b.shake.Due(10, 1) || b.shake.Hello(10, 1, false).Answer == (Challenge{}) {
		t.Error("the question is forgotten")
	}
}

func TestWhatALifeSentBeforeItsAdmissionDoesNotCount(t *testing.T) {
	a, b := start(t, 1, 5, salt1, machine1), start(t, 2, 8, salt2, machine2)
	segment, err := a.seal.Segment(nil, someSegment())
	if err != nil {
		t.Fatal(err)
	}
	beat := a.beat()
	acquaint(t, a, b, 1)
	b.wantDrop(segment, DropReplayed)
	b.wantDrop(beat, DropReplayed)
}

func TestANodeThatTheFileNoLongerNamesIsForgotten(t *testing.T) {
	a, b := pair(t)
	b.open.SetNodes(SetOf(2, 3))
	b.wantDrop(a.beat(), DropUnknownSender)
	b.open.SetNodes(all)
	b.wantDrop(a.beat(), DropNotAdmitted)
	if b.open.Admit(&Frame{Kind: KindBeat, Sender: 1}) == nil || b.open.Admit(&Frame{Kind: KindHello}) == nil {
		t.Error("admitted without a Hello")
	}
	if _, ok := b.open.Admitted(0); ok || b.shake.Due(1, MaxNodes+1) {
		t.Error("a node that cannot be is known")
	}
}
