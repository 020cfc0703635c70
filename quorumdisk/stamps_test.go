package quorumdisk

import (
	"strings"
	"testing"
	"time"

	"locum/wire"
)

func slot(life wire.Incarnation, count uint64) Slot {
	return Slot{Incarnation: life, Counter: count, WroteAt: 1e12}
}

// see gives one disk's read of nodes 1 (this one) and 2.
func see(t *testing.T, s *Stamps, disk int, issued wire.Instant, own, other Slot) error {
	t.Helper()
	return s.Saw(SlotRead{Disk: disk, Issued: issued, Returned: issued + 1, Slots: []Sight{{Slot: own}, {Slot: other}}})
}

func TestASlotStandsStillOnlyAsLongAsReadsShowIt(t *testing.T) {
	s := NewStamps(1, 1)
	see(t, &s, 0, 100, Slot{}, slot(3, 7))
	if got := s.Still(2); got != 0 || s.Moved(2) != 101 {
		t.Errorf("first seen, it stands still for %d since %d", got, s.Moved(2))
	}
	see(t, &s, 0, 500, Slot{}, slot(3, 7))
	if got := s.Still(2); got != 399 {
		t.Errorf("still for %d; want 399: from the end of the first read to the beginning of the second", got)
	}
	see(t, &s, 0, 600, Slot{}, slot(3, 8))
	if got := s.Still(2); got != 0 {
		t.Errorf("still for %d after it moved", got)
	}
}

// What a node writes to one disk hangs while another takes the next of it: only what the same disk showed before says when it was composed.
func TestASlotIsNoOlderThanTheOneBeforeItOnTheSameDisk(t *testing.T) {
	s := NewStamps(1, 3)
	show := func(disk int, issued wire.Instant, count uint64, want wire.Instant) {
		t.Helper()
		see(t, &s, disk, issued, Slot{}, slot(3, count))
		if got := s.Composed(2); got != want {
			t.Errorf("count %d on disk %d: composed since %d, want %d", count, disk+1, got, want)
		}
	}
	for d := range 3 {
		show(d, 100, 7, 0)
	}
	show(0, 200, 7, 0)
	show(0, 300, 8, 0) // it was not there at 200, and nobody knows since when the one before was
	show(1, 310, 7, 0)
	show(1, 400, 9, 0)
	show(0, 410, 8, 0)
	show(0, 500, 10, 200)
	show(0, 600, 11, 410)
	show(1, 600, 12, 310)
}

func TestAnUnreadableSlotDoesNotStandStill(t *testing.T) {
	s := NewStamps(1, 1)
	see(t, &s, 0, 100, Slot{}, slot(3, 7))
	if err := s.Saw(SlotRead{Issued: 900, Returned: 901, Slots: []Sight{{}, {Err: Corrupt}}}); err != nil {
		t.Error(err)
	}
	if got := s.Still(2); got != 0 {
		t.Errorf("still for %d", got)
	}
}

func TestAMajorityOfTheDisksHasToShowThatASlotStandsStillAndAnyThatItMoved(t *testing.T) {
	s := NewStamps(1, 3)
	for d := range 3 {
		see(t, &s, d, 100, Slot{}, slot(3, 7))
	}
	see(t, &s, 0, 500, Slot{}, slot(3, 7))
	if got := s.Still(2); got != 0 {
		t.Errorf("one of three shows it: %d", got)
	}
	see(t, &s, 1, 400, Slot{}, slot(3, 7))
	if got := s.Still(2); got != 299 {
		t.Errorf("two of three show it: %d, want 299", got)
	}
	see(t, &s, 2, 450, Slot{}, slot(3, 8))
	if got := s.Still(2); got != 0 {
		t.Errorf("the third shows that it moved: %d", got)
	}
}

func TestAStampOfAnOlderLifeIsNoSignOfLife(t *testing.T) {
	s := NewStamps(1, 3)
	see(t, &s, 0, 100, Slot{}, slot(5, 1))
	see(t, &s, 1, 200, Slot{}, slot(4, 99))
	if s.Moved(2) != 101 || s.Slot(2) != slot(5, 1) {
		t.Errorf("moved at %d by %+v", s.Moved(2), s.Slot(2))
	}
	s.Heard(2, 9)
	see(t, &s, 2, 300, Slot{}, slot(6, 1))
	if s.Moved(2) != 101 || s.Still(2) != 0 {
		t.Errorf("life 9 is known; a stamp of life 6 moved it at %d, and stood still for %d", s.Moved(2), s.Still(2))
	}
}

func TestClocksOfOtherNodesDecideNothing(t *testing.T) {
	s := NewStamps(1, 1)
	v := slot(3, 7)
	see(t, &s, 0, 100, Slot{}, v)
	v.WroteAt = 9e12
	see(t, &s, 0, 1000, Slot{}, v)
	if s.Moved(2) != 101 {
		t.Error("a stamp with another clock and the same count was taken for one that moved")
	}
}

func TestADiskThatLiesIsNotBelieved(t *testing.T) {
	for _, c := range []struct {
		name  string
		own   Slot
		other Slot
		want  string
	}{
		{"a lost write of ours", slot(2, 4), slot(3, 8), "older time stamp of this node (of life 2) than was written (in life 2)"},
		{"a stamp of ours that we never wrote", slot(2, 9), slot(3, 8), "another machine runs as node 1"},
		{"a stamp of another that goes back", slot(2, 5), slot(3, 6), "an older time stamp of node 2"},
	} {
		s := NewStamps(1, 1)
		s.Begun(0, slot(2, 5))
		s.Wrote(0)
		if err := see(t, &s, 0, 100, slot(2, 5), slot(3, 7)); err != nil {
			t.Fatal(err)
		}
		before := s
		if err := see(t, &s, 0, 200, c.own, c.other); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if s != before {
			t.Errorf("%s: something was taken from it", c.name)
		}
	}
}

func TestAWriteThatIsUnknownMayBeThereOrNot(t *testing.T) {
	s := NewStamps(1, 1)
	s.Begun(0, slot(2, 5))
	s.Wrote(0)
	s.Begun(0, slot(2, 6))
	for _, count := range []uint64{5, 6, 6} {
		if err := see(t, &s, 0, 100, slot(2, count), Slot{}); err != nil {
			t.Error(err)
		}
	}
}

func TestADiskIsSharedOnceTheOthersStampRoseOnIt(t *testing.T) {
	s := NewStamps(1, 3)
	for d := range 3 {
		see(t, &s, d, 100, Slot{}, slot(3, 7))
	}
	see(t, &s, 0, 200, Slot{}, slot(3, 8))
	if s.Shared(2) {
		t.Error("one of three is enough")
	}
	see(t, &s, 1, 200, Slot{}, slot(3, 8))
	if !s.Shared(2) {
		t.Error("two of three are not enough")
	}
	see(t, &s, 0, 300, Slot{}, slot(4, 1))
	if s.Shared(2) {
		t.Error("a new life shares nothing before its stamp rose")
	}
}

// One disk line of three may lead to a copy of the storage, while the two others keep all well.
func TestWhoWritesToTheOtherDisksOnlyIsMissedOnOne(t *testing.T) {
	s := NewStamps(1, 3)
	round := func(at wire.Instant, counts ...uint64) wire.Node {
		for d, count := range counts {
			see(t, &s, d, at+wire.Instant(10*d), Slot{}, slot(3, count))
		}
		return s.Missing(0, 500)
	}
	for _, tc := range []struct {
		at     wire.Instant
		counts []uint64
		want   wire.Node
		why    string
	}{
		{100, []uint64{7, 8, 8}, 0, "it is only read a little earlier"},
		{1000, []uint64{8, 9, 9}, 0, "it rises a round later each time"},
		{2000, []uint64{8, 10, 10}, 0, "it is seen not to rise for the first time"},
		{2400, []uint64{8, 11, 11}, 0, "not yet for dead"},
		{2600, []uint64{8, 12, 12}, 2, "it does not rise, and does on the others"},
		{3200, []uint64{8, 12, 12}, 0, "it stands still everywhere"},
		{3300, []uint64{13, 13, 13}, 0, "it is back"},
	} {
		if got := round(tc.at, tc.counts...); got != tc.want {
			t.Errorf("%d: node %d is missing, want %d: %s", tc.at, got, tc.want, tc.why)
		}
	}
}

func TestTheDisksAreOfUseAsOfTheReadsOfAMajority(t *testing.T) {
	s := NewStamps(1, 3)
	see(t, &s, 0, 100, Slot{}, Slot{})
	see(t, &s, 2, 900, Slot{}, Slot{})
	if s.ReadAt() != 100 || s.Still(2) != 0 || time.Duration(s.Moved(2)) != 0 {
		t.Errorf("as of %d", s.ReadAt())
	}
}

func TestADiskThatWasReplacedMayShowOlderStampsThanTheOneBefore(t *testing.T) {
	s := NewStamps(1, 3)
	look := func(id DiskID, at wire.Instant, own, other Slot) error {
		return s.Saw(SlotRead{Disk: 1, ID: id, Issued: at, Returned: at + 1, Slots: []Sight{{Slot: own}, {Slot: other}}})
	}
	s.Begun(1, slot(2, 5))
	s.Wrote(1)
	if err := look(idA, 100, slot(2, 5), slot(3, 7)); err != nil {
		t.Fatal(err)
	}
	if err := look(idB, 200, slot(2, 4), slot(3, 6)); err != nil || s.Slot(2) != slot(3, 7) || s.Moved(2) != 101 {
		t.Errorf("%v; node 2 is known by %+v, moved at %d", err, s.Slot(2), s.Moved(2))
	}
	if err := look(idB, 300, slot(2, 4), slot(3, 5)); err == nil {
		t.Error("the new disk went back itself, and that was not noticed")
	}
}

func TestWhatIsWrongWithADiskIsSaidInTheSameWordsRoundAfterRound(t *testing.T) {
	s := NewStamps(1, 1)
	see(t, &s, 0, 100, Slot{}, slot(5, 9))
	said := map[string]bool{}
	for n := range uint64(5) {
		said[see(t, &s, 0, 200, Slot{}, slot(2, n)).Error()] = true
	}
	s.Begun(0, slot(7, 1))
	s.Wrote(0)
	for n := range uint64(5) {
		s.Begun(0, slot(7, 2+n))
		s.Wrote(0)
		said[see(t, &s, 0, 300, Slot{}, slot(5, 9)).Error()] = true
	}
	if len(said) != 2 {
		t.Errorf("%d texts for two troubles: %v", len(said), said)
	}
}

// Disks that were replaced while a node looked take no room from those that there are now.
func TestWhoWasMetOnDisksThatReplacedOthersIsKnownToTheNextLife(t *testing.T) {
	read := func(s *Stamps, d int, id byte, other Slot) {
		if err := s.Saw(SlotRead{Disk: d, ID: DiskID{id}, Issued: 100, Returned: 101, Slots: []Sight{{}, {Slot: other}}}); err != nil {
			t.Fatal(err)
		}
	}
	var met []Met
	counter := uint64(0)
	for _, ids := range [][]byte{{1, 2, 3}, {4, 2, 3}, {4, 5, 3}, {4, 5, 6}} {
		s := NewStamps(1, 3)
		s.Remember(met)
		for range 2 {
			counter++
			for d, id := range ids {
				read(&s, d, id, slot(3, counter))
			}
		}
		met = s.Met()
	}
	last := NewStamps(1, 3)
	last.Remember(met)
	for d, id := range []byte{4, 5, 6} {
		read(&last, d, id, slot(3, counter))
	}
	if !last.Shared(2) {
		t.Errorf("not known: %v", met)
	}
}

// Who was seen to use a disk is known to the next life too, of that disk and of that life of the other only.
func TestWhoWasMetOnADiskIsKnownToTheNextLife(t *testing.T) {
	here, elsewhere := DiskID{1}, DiskID{2}
	read := func(s *Stamps, id DiskID, other Slot) {
		if err := s.Saw(SlotRead{ID: id, Issued: 100, Returned: 101, Slots: []Sight{{}, {Slot: other}}}); err != nil {
			t.Fatal(err)
		}
	}
	before := NewStamps(1, 1)
	read(&before, here, slot(3, 7))
	if got := before.Met(); got != nil {
		t.Errorf("seen once: %v", got)
	}
	read(&before, here, slot(3, 8))
	for _, c := range []struct {
		name  string
		id    DiskID
		shows Slot
		want  bool
	}{
		{"the same life on the same disk", here, slot(3, 8), true},
		{"on another disk", elsewhere, slot(3, 8), false},
		{"a later life", here, slot(4, 1), false},
		{"no life at all", here, Slot{}, false},
	} {
		next := NewStamps(1, 1)
		next.Remember(before.Met())
		if next.Shared(2) {
			t.Error("shared before the disk was read")
		}
		if got := next.Met(); len(got) != 1 {
			t.Errorf("not handed on: %v", got)
		}
		read(&next, c.id, c.shows)
		if got := next.Shared(2); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
