package quorumdisk

import (
	"context"
	"errors"
	"testing"

	"locum/wire"
)

// Of the last headers that a join writes only the first was written: the disk that joined counts by it, and the tie-break takes no two generations
// together. That has to be told, since the leader ends what was begun only where it is.
func TestAJoinThatEndedHalfwayIsToldAndEnded(t *testing.T) {
	paths := threeFiles(t)
	p := planFor(t, nil, paths...)
	p.Force = true
	ctx := context.Background()
	if err := Repair(ctx, p, 1); err != nil {
		t.Fatal(err)
	}
	if err := Join(ctx, p); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		port := open(t, paths[i])
		h := mustHeader(t, p.Seals, port)
		h.Generation, h.Joining = h.Generation-1, h.Disks[1]
		do(t, port, Request{Op: 2, Place: HeaderPlace, Write: p.Seals.SealHeader(h)})
	}
	one := newPlayer(t, 1, paths...)
	behind := func(disk int) bool { return errors.Is(one.desk.Trouble(one.now(), disk), ErrBehind) }
	play(t, "it is told of both", func() bool { return behind(0) && behind(2) && !one.desk.Show(one.now()).Good }, one)
	if err := Join(ctx, p); err != nil {
		t.Fatal(err)
	}
	play(t, "all is well", func() bool {
		return one.desk.Show(one.now()).Good && one.desk.Show(one.now()).From != 0 && !behind(0) && !behind(2)
	}, one)
}

// The disk that replaces another is the first to be told of it: as long as it does not count, the two others are none the worse.
func TestARepairThatEndedHalfwayTakesNothingAway(t *testing.T) {
	paths := threeFiles(t)
	p := planFor(t, nil, paths...)
	p.Force = true
	var before [3]Header
	var ports [3]*Port
	for _, i := range []int{0, 2} {
		ports[i] = open(t, paths[i])
		before[i] = mustHeader(t, p.Seals, ports[i])
	}
	if err := Repair(context.Background(), p, 1); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} { // as if a header that is sealed anew had come after that of the repair
		do(t, ports[i], Request{Op: 2, Place: HeaderPlace, Write: p.Seals.SealHeader(before[i])})
	}
	one := newPlayer(t, 1, paths...)
	play(t, "the two suffice, and the third joins", func() bool {
		s := one.desk.Show(one.now())
		return s.Good && s.From != 0 && errors.Is(one.desk.Trouble(one.now(), 1), ErrJoining)
	}, one)
	if err := Join(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	play(t, "all three count", func() bool {
		return one.desk.Trouble(one.now(), 0) == nil && one.desk.Trouble(one.now(), 1) == nil && one.desk.Trouble(one.now(), 2) == nil
	}, one)
}

// This is why it has to be told: of three disks that all count, and of which one shows a later header, no majority shows one set.
func TestNoTieIsBrokenOnDisksOfTwoGenerations(t *testing.T) {
	tie := NewTie(TieSettings{1, 9, 3, 1, 1})
	todo, now := tie.Step(1, Claimed{Want{Epoch: 9, Side: wire.SetOf(1), Common: 5, Members: wire.SetOf(1, 2)}}), wire.Instant(1)
	for i := 0; len(todo) > 0 && i < 100; i++ {
		a := todo[0]
		now++
		switch {
		case a.Write:
			todo = append(todo[1:], tie.Step(now, WriteDone{a.Disk, a.Op})...)
		default:
			generation := map[bool]uint32{true: 3, false: 2}[a.Disk == 0]
			todo = append(todo[1:], tie.Step(now, ReadDone{a.Disk, a.Op, make([]Claim, 2), generation})...)
		}
		if len(todo) == 0 {
			now += 10
			todo = tie.Step(now, Tick{})
		}
	}
	if o := tie.Outcome(); o.Verdict != Open || o.Newest != 0 {
		t.Errorf("%+v: were this so, nobody would need to be told", o)
	}
}
