package quorumdisk

import (
	"errors"
	"slices"
	"testing"
	"time"

	"locum/wire"
)

// desks play a Desk against disks that are arrays, one action at a time.
type deskWorld struct {
	t     *testing.T
	desk  Desk
	slots [MaxDisks][2]Slot
	queue [MaxDisks][]Action
	count uint64
}

const ms = wire.Instant(time.Millisecond)

func newDeskWorld(t *testing.T, disks int) *deskWorld {
	return &deskWorld{t: t, desk: NewDesk(DeskSettings{Self: 1, Incarnation: 7, Disks: disks, Every: time.Second, Dead: 5 * time.Second})}
}

func (w *deskWorld) give(todo []Action) {
	for _, a := range todo {
		w.queue[a.Disk] = append(w.queue[a.Disk], a)
	}
}

func (w *deskWorld) round(now wire.Instant, look bool) {
	w.count++
	w.give(w.desk.Round(now, Slot{Incarnation: 7, Counter: w.count, Boot: wire.ID{1}}, look))
}

// answer has a disk do all that waits for it, each thing taking 10 ms.
func (w *deskWorld) answer(now wire.Instant, disk int) wire.Instant {
	for len(w.queue[disk]) > 0 {
		a := w.queue[disk][0]
		w.queue[disk] = w.queue[disk][1:]
		now += 10 * ms
		e := Ended{Disk: disk, Op: a.Op}
		switch a.Do {
		case WriteSlot:
			w.slots[disk][0] = a.Slot
		case ReadSlots:
			for _, s := range w.slots[disk] {
				e.Slots = append(e.Slots, Sight{Slot: s})
			}
		case ReadClaims:
			e.Claims = make([]Claim, 2)
		}
		w.give(w.desk.Ended(now, e))
	}
	return now
}

func TestARoundCountsFromItsBeginningOnceTheSlotIsWrittenAndRead(t *testing.T) {
	w := newDeskWorld(t, 1)
	w.round(1000*ms, true)
	if s := w.desk.Show(1000 * ms); s.Good || s.From != 0 {
		t.Fatalf("before anything has come: %+v", s)
	}
	now := w.answer(1000*ms, 0)
	if s := w.desk.Show(now); !s.Good || s.From != 1000*ms {
		t.Fatalf("after it: %+v, want from its beginning", s)
	}
}

func TestARoundWhoseWriteFailedDoesNotCount(t *testing.T) {
	w := newDeskWorld(t, 1)
	w.round(1000*ms, true)
	w.answer(1000*ms, 0)
	w.round(2000*ms, true)
	w.give(w.desk.Ended(2001*ms, Ended{Disk: 0, Op: w.queue[0][0].Op, Failed: errors.New("input/output error")}))
	w.queue[0] = w.queue[0][1:]
	w.answer(2001*ms, 0) // the tie-break can be read
	s := w.desk.Show(2100 * ms)
	if s.Good || s.From != 1000*ms {
		t.Fatalf("%+v: want not good, and from the round before", s)
	}
}

func TestARoundWithoutTheTieBreakDoesNotCount(t *testing.T) {
	w := newDeskWorld(t, 1)
	w.round(1000*ms, true)
	w.answer(1000*ms, 0)
	w.round(2000*ms, false)
	now := w.answer(2000*ms, 0)
	if s := w.desk.Show(now); !s.Good || s.From != 1000*ms {
		t.Fatalf("%+v: want good, and from the round that showed the tie-break", s)
	}
}

func TestADiskThatDoesNotAnswerIsInTroubleAfterItsDead(t *testing.T) {
	w := newDeskWorld(t, 1)
	w.answer(w.begin(1000*ms), 0)
	w.round(2000*ms, false)
	w.round(3000*ms, false) // nothing more is asked of a disk that is at something
	if len(w.queue[0]) != 1 {
		t.Fatalf("%d actions wait for a disk that does not answer", len(w.queue[0]))
	}
	if err := w.desk.Trouble(6999*ms, 0); err != nil {
		t.Errorf("too soon: %v", err)
	}
	if w.desk.Trouble(7000*ms, 0) == nil || w.desk.Show(7000*ms).Good {
		t.Error("it is not in trouble after 5 s")
	}
}

func (w *deskWorld) begin(now wire.Instant) wire.Instant { w.round(now, true); return now }

func TestTwoOfThreeDisksSuffice(t *testing.T) {
	w := newDeskWorld(t, 3)
	w.round(1000*ms, true)
	w.answer(1000*ms, 2)
	if s := w.desk.Show(1100 * ms); s.Good || s.From != 0 {
		t.Fatalf("one of three: %+v", s)
	}
	w.answer(1000*ms, 0)
	if s := w.desk.Show(1100 * ms); !s.Good || s.From != 1000*ms {
		t.Fatalf("two of three: %+v", s)
	}
}

func TestADiskThatShowsAnOldStampIsInTrouble(t *testing.T) {
	w := newDeskWorld(t, 1)
	w.answer(w.begin(1000*ms), 0)
	w.round(2000*ms, false)
	old := w.slots[0]
	w.give(w.desk.Ended(2001*ms, Ended{Disk: 0, Op: w.queue[0][0].Op}))
	w.queue[0] = w.queue[0][1:]
	w.slots[0] = old // the write was lost
	w.answer(2001*ms, 0)
	if w.desk.Trouble(2100*ms, 0) == nil || w.desk.Show(2100*ms).From != 1000*ms {
		t.Errorf("a lost write was not noticed: %+v", w.desk.Show(2100*ms))
	}
}

func TestWhatEndedTwiceOrWasNeverBegunChangesNothing(t *testing.T) {
	w := newDeskWorld(t, 1)
	w.round(1000*ms, false)
	first := w.queue[0][0]
	w.answer(1000*ms, 0)
	before := w.desk
	for _, e := range []Ended{{Disk: 0, Op: first.Op}, {Disk: 0, Op: 99}, {Disk: 2, Op: 1}, {Disk: -1}} {
		if todo := w.desk.Ended(3000*ms, e); len(todo) != 0 || w.desk != before {
			t.Errorf("%+v had an effect", e)
		}
	}
}

// scripted has the only disk do all that waits, as the script says: what a slot read and a claims read give.
func (w *deskWorld) scripted(now wire.Instant, slots []Sight, claims error) (did []Work) {
	for len(w.queue[0]) > 0 {
		a := w.queue[0][0]
		w.queue[0] = w.queue[0][1:]
		now += 10 * ms
		e := Ended{Disk: 0, Op: a.Op, ID: wire.ID{9}, Generation: 1}
		switch a.Do {
		case WriteSlot:
			w.slots[0][0] = a.Slot
		case ReadSlots:
			e.Slots = slots
			if slots == nil {
				e.Slots = []Sight{{Slot: w.slots[0][0]}, {}}
			}
		case ReadClaims:
			e.Claims, e.Failed = make([]Claim, 2), claims
		}
		did = append(did, a.Do)
		w.give(w.desk.Ended(now, e))
	}
	return did
}

func TestTheFirstReadAfterAWriteIsHeldToIt(t *testing.T) {
	w := newDeskWorld(t, 1)
	w.round(100*ms, true)
	// The write is acknowledged and lost: the disk goes on showing what another life left.
	w.scripted(100*ms, []Sight{{Slot: Slot{Incarnation: 6, Counter: 4}}, {Slot: Slot{Incarnation: 3, Counter: 4}}}, nil)
	if s := w.desk.Show(200 * ms); s.Good || s.From != 0 {
		t.Errorf("a disk that does not show what was written to it counts: %+v", s)
	}
}

func TestALifeThatIsNotAboveTheFormerOnesWritesNothing(t *testing.T) {
	for _, former := range []wire.Incarnation{7, 8, 90} {
		w := newDeskWorld(t, 1)
		w.round(100*ms, false)
		w.round(1100*ms, false)
		if did := w.scripted(100*ms, []Sight{{Slot: Slot{Incarnation: former, Counter: 4}}, {}}, nil); slices.Contains(did, WriteSlot) || w.desk.AtLeast() != former+1 || w.desk.Trouble(200*ms, 0) == nil {
			t.Errorf("life 7 does %v where life %d has written; it is to come back as %d", did, former, w.desk.AtLeast())
		}
	}
	// The last is what a disk shows that replaced another: what this life has written to the others.
	for _, own := range []Sight{{}, {Slot: Slot{Incarnation: 6, Counter: 4, Boot: wire.ID{1}}}, {Slot: Slot{Incarnation: 7, Counter: 4, Boot: wire.ID{1}}}} {
		w := newDeskWorld(t, 1)
		w.count = 10
		w.round(100*ms, false)
		if did := w.scripted(100*ms, []Sight{own, {}}, nil); !slices.Contains(did, WriteSlot) || w.desk.AtLeast() != 0 {
			t.Errorf("life 7 does %v over %+v", did, own)
		}
	}
}

func TestClaimsThatCannotBeReadAreTrouble(t *testing.T) {
	w := newDeskWorld(t, 1)
	w.round(100*ms, true)
	w.scripted(100*ms, nil, errors.New("claim of node 2: corrupt"))
	if err := w.desk.Trouble(200*ms, 0); err == nil || w.desk.Show(200*ms).Good {
		t.Errorf("the claims cannot be read, and the disk counts: %v", err)
	}
	w.round(1200*ms, true)
	w.scripted(1200*ms, nil, nil)
	if err := w.desk.Trouble(1300*ms, 0); err != nil || !w.desk.Show(1300*ms).Good {
		t.Errorf("they can be read again: %v", err)
	}
}
