package quorumdisk

import (
	"testing"
	"time"

	"locum/wire"
)

// table is a disk, or three, that answer at once.
type table struct {
	t        *testing.T
	disks    [][]Claim
	accesses int
	now      wire.Instant
}

func tableOf(t *testing.T, disks, nodes int) *table {
	b := &table{t: t}
	for range disks {
		b.disks = append(b.disks, make([]Claim, nodes))
	}
	return b
}

func (b *table) node(n wire.Node, life wire.Incarnation) *Tie {
	tie := NewTie(TieSettings{n, life, len(b.disks), time.Second, time.Second})
	b.tell(&tie, Tick{})
	return &tie
}

// tell gives an event, and carries out all that follows.
func (b *table) tell(tie *Tie, ev TieEvent) Outcome {
	b.t.Helper()
	b.now++
	todo := tie.Step(b.now, ev)
	for len(todo) > 0 {
		a := todo[0]
		b.accesses++
		b.now++
		disk := b.disks[a.Disk]
		var next TieEvent = ReadDone{a.Disk, a.Op, append([]Claim(nil), disk...), 1}
		if a.Write {
			disk[tie.set.Self-1] = a.Claim
			next = WriteDone{a.Disk, a.Op}
		}
		todo = append(todo[1:], tie.Step(b.now, next)...)
	}
	return tie.Outcome()
}

func claim(n wire.Node, epoch wire.Epoch) Claimed {
	return Claimed{Want{Epoch: epoch, Side: wire.SetOf(n), Common: 5, Members: wire.SetOf(1, 2)}}
}

func TestAnIdleDiskIsWonInFourAccesses(t *testing.T) {
	b := tableOf(t, 1, 2)
	one := b.node(1, 3)
	b.accesses = 0
	todo := one.Step(100, claim(1, 11))
	for n := 1; ; n++ {
		a := todo[0]
		var ev TieEvent = WriteDone{0, a.Op}
		if a.Write {
			b.disks[0][0] = a.Claim
		} else {
			ev = ReadDone{0, a.Op, b.disks[0], 1}
		}
		todo = one.Step(100+wire.Instant(n), ev)
		o := one.Outcome()
		if o.Verdict == Won {
			if n != 4 || o.AsOf != 103 || o.CompleteAt != 104 {
				t.Errorf("won after %d accesses by %+v; want 4, by the read issued at 103 and done at 104", n, o)
			}
			return
		}
		if n == 10 {
			t.Fatalf("not won: %+v", o)
		}
	}
}

func TestTheLoserTriesAgainOnlyWithAProofAgainstTheLifeThatWon(t *testing.T) {
	b := tableOf(t, 3, 2)
	one, two := b.node(1, 3), b.node(2, 7)
	if o := b.tell(one, claim(1, 11)); o.Verdict != Won {
		t.Fatalf("the first: %+v", o)
	}
	if o := b.tell(two, claim(2, 12)); o.Verdict != Lost || o.Last.Winner.Node != 1 {
		t.Fatalf("the second: %+v", o)
	}
	older := claim(2, 12)
	older.Want.Gone[0], older.Want.Judged = 2, 1
	if o := b.tell(two, older); o.Verdict != Lost {
		t.Errorf("by a proof against life 2, where life 3 has won: %+v", o)
	}
	older.Want.Gone[0] = 3
	if o := b.tell(two, older); o.Verdict != Won || o.Last.Instance != 2 {
		t.Errorf("by a proof against life 3: %+v", o)
	}
	if o := b.tell(one, Look{}); o.Verdict != Lost || o.Last.Winner.Node != 2 {
		t.Errorf("the first, when it looks again: %+v", o)
	}
}

func TestAViewThatTookTheLoserBackEndsADecision(t *testing.T) {
	b := tableOf(t, 1, 4)
	one, three := b.node(1, 1), b.node(3, 1)
	b.tell(one, Claimed{Want{Epoch: 11, Side: wire.SetOf(1, 2), Common: 5, Members: wire.SetOf(1, 2, 3, 4)}})
	for _, c := range []struct {
		what    string
		common  wire.Epoch
		members wire.Nodes
		verdict Verdict
	}{
		{"the view of before", 5, wire.SetOf(1, 2, 3, 4), Lost},
		{"a view of the winner's claim or older", 11, wire.SetOf(1, 2, 3, 4), Lost},
		{"a later view without the winner", 20, wire.SetOf(2, 3, 4), Lost},
		{"a later view of all", 20, wire.SetOf(1, 2, 3, 4), Won},
	} {
		if o := b.tell(three, Claimed{Want{Epoch: 21, Side: wire.SetOf(3, 4), Common: c.common, Members: c.members}}); o.Verdict != c.verdict {
			t.Errorf("%s: %v, want %v", c.what, o.Verdict, c.verdict)
		}
	}
}

func TestTheWinnersOwnLaterViewsDoNotEndItsWin(t *testing.T) {
	b := tableOf(t, 1, 2)
	one := b.node(1, 1)
	b.tell(one, claim(1, 11))
	again := Claimed{Want{Epoch: 31, Side: wire.SetOf(1), Common: 21, Members: wire.SetOf(1)}}
	if o := b.tell(one, again); o.Verdict != Won || o.Last.Instance != 1 || o.AsOf < b.now-2 {
		t.Errorf("%+v at %d; want the first instance still won, by a fresh read", o, b.now)
	}
}

func TestAWinnerWhoseWinIsContestedTakesPart(t *testing.T) {
	b := tableOf(t, 1, 2)
	one, two := b.node(1, 1), b.node(2, 1)
	b.tell(one, claim(1, 11))
	proven := claim(2, 12)
	proven.Want.Gone[0], proven.Want.Judged = 1, 1
	b.tell(two, Dropped{})
	// The second opens the next instance and is cut off before it has read what others wrote.
	a := two.Step(b.now, Look{})
	a = two.Step(b.now, ReadDone{0, a[0].Op, append([]Claim(nil), b.disks[0]...), 1})
	if len(a) != 0 {
		t.Fatalf("%+v", a)
	}
	a = two.Step(b.now, proven)
	b.disks[0][1] = a[0].Claim
	if o := b.tell(one, Look{}); o.Verdict != Won || o.Last.Instance != 2 {
		t.Errorf("%+v; want the first to win the second instance too", o)
	}
}

func TestWhatFormerLivesWroteIsPutTogether(t *testing.T) {
	value := Winner{1, 4, 11, wire.SetOf(1)}
	b := tableOf(t, 3, 2)
	b.disks[0][0] = Claim{Instance: 1, Promised: ballot(5, 1), Accepted: ballot(5, 1), Value: value, Incarnation: 4}
	b.disks[1][0] = b.disks[0][0]
	b.disks[2][0] = Claim{Instance: 1, Promised: ballot(9, 1), Incarnation: 3}
	tie := NewTie(TieSettings{1, 6, 3, time.Second, time.Second})
	todo := tie.Step(1, Tick{})
	tie.Step(2, ReadDone{2, todo[2].Op, b.disks[2], 1})
	tie.Step(3, ReadDone{0, todo[0].Op, b.disks[0], 1})
	todo = tie.Step(4, claim(1, 21))
	if c := todo[0].Claim; c.Promised != ballot(10, 1) || c.Accepted != ballot(5, 1) || c.Value != value {
		t.Errorf("writes %v; want the promise after 9 and the value accepted at 5", c)
	}
}

func TestWhatComesOfUnknownOperationsIsIgnored(t *testing.T) {
	b := tableOf(t, 1, 2)
	tie := b.node(1, 1)
	before := *tie
	for _, ev := range []TieEvent{ReadDone{0, 99, b.disks[0], 1}, WriteDone{0, 99}, Failed{0, 99}, Failed{0, 0}, ReadDone{7, 1, nil, 1}, WriteDone{-1, 1}, Failed{9, 1}} {
		if todo := tie.Step(5, ev); len(todo) != 0 || *tie != before {
			t.Errorf("%#v: %v", ev, todo)
		}
	}
}

func TestADiskThatShowsAnotherBlockOfOursIsNotCounted(t *testing.T) {
	for what, shown := range map[string]Claim{
		"an older one: a lost write":                 {},
		"a newer one: another machine of our number": {Instance: 1, Promised: ballot(9, 1), Incarnation: 1},
	} {
		tie := NewTie(TieSettings{1, 1, 1, time.Second, time.Second})
		todo := tie.Step(1, Tick{})
		tie.Step(2, ReadDone{0, todo[0].Op, make([]Claim, 2), 1})
		todo = tie.Step(3, claim(1, 11))
		todo = tie.Step(4, WriteDone{0, todo[0].Op})
		tie.Step(5, ReadDone{0, todo[0].Op, []Claim{shown, {}}, 1})
		if o := tie.Outcome(); o.Verdict != Open || tie.phase != preparing || tie.Wake() != 5+wire.Instant(time.Second) {
			t.Errorf("%s: %+v in phase %d, wakes at %d", what, o, tie.phase, tie.Wake())
		}
	}
}

func TestATurnThatSpansAReplacementIsBegunAnew(t *testing.T) {
	tie := NewTie(TieSettings{1, 1, 3, time.Second, time.Second})
	todo := tie.Step(1, Tick{})
	for d := range 3 {
		tie.Step(2, ReadDone{d, todo[d].Op, make([]Claim, 2), 1})
	}
	todo = tie.Step(3, claim(1, 11))
	shown := func(c Claim) []Claim { return []Claim{c, {}} }
	var reads [3]TieAction
	for d := range 3 {
		reads[d] = tie.Step(4, WriteDone{d, todo[d].Op})[0]
	}
	tie.Step(5, ReadDone{0, reads[0].Op, shown(todo[0].Claim), 1})
	again := tie.Step(6, ReadDone{1, reads[1].Op, shown(todo[1].Claim), 3})
	if tie.phase != preparing || len(again) != 2 || !again[0].Write || !again[1].Write {
		t.Fatalf("in phase %d: %+v; want both disks that have answered written anew", tie.phase, again)
	}
	// What still comes of the set of before does not count either.
	tie.Step(7, ReadDone{2, reads[2].Op, shown(todo[2].Claim), 1})
	if k := tie.disk[2]; k.done || k.wrote || tie.generation != 3 {
		t.Errorf("%+v, generation %d", k, tie.generation)
	}
}

func TestAProofAgainstALifeEndsWhenThatLifeWinsAgain(t *testing.T) {
	b := tableOf(t, 1, 2)
	one, two := b.node(1, 3), b.node(2, 7)
	if o := b.tell(one, claim(1, 11)); o.Verdict != Won {
		t.Fatalf("the first: %+v", o)
	}
	b.tell(two, Look{})
	// Node 1 stands still; node 2 has that proof, and begins. Before it is through, node 1 goes on, and wins the instance.
	c := claim(2, 12)
	c.Want.Gone[0], c.Want.Judged = 3, 1
	todo := two.Step(200, c)
	b.disks[0][1] = todo[0].Claim
	todo = two.Step(201, WriteDone{0, todo[0].Op})
	read := todo[0]
	b.now = 300
	b.tell(one, Look{})
	if o := b.tell(one, claim(1, 13)); o.Verdict != Won || o.Last.Instance != 2 {
		t.Fatalf("the first again: %+v, %+v", o, b.disks)
	}
	two.Step(400, ReadDone{0, read.Op, append([]Claim(nil), b.disks[0]...), 1})
	if o := two.Outcome(); o.Newest > 2 {
		t.Errorf("by a proof against the winner of 1, node 2 opens %d against the winner of 2, who has just written: %+v", o.Newest, o)
	}
}
