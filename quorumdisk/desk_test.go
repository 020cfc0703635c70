package quorumdisk

import (
	"errors"
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
