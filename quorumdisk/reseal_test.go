package quorumdisk

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"locum/wire"
)

// otherSeals are those of another key of the same cluster.
func otherSeals(t *testing.T) Seals {
	t.Helper()
	key, err := wire.ParseKey([]byte(strings.Repeat("fedcba9876543210", 4)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := SealsOf("office", key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// unreadable counts the sectors of a disk that some keys do not open.
func unreadable(t *testing.T, path string, seals Seals) (count int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(data) >= SectorSize; data = data[SectorSize:] {
		if seals.authentic(data[:blockSize]) != nil {
			count++
		}
	}
	return count
}

func TestWithTwoKeysEverySectorIsSealedAnewAndSaysWhatItSaid(t *testing.T) {
	for name, disks := range map[string]func(t *testing.T) []string{
		"one disk":    func(t *testing.T) []string { return newDisks(t, filepath.Join(t.TempDir(), "a")) },
		"three disks": threeFiles,
	} {
		t.Run(name, func(t *testing.T) {
			paths, former, latter := disks(t), sealsOf(t, "office"), otherSeals(t)
			one, two := newSealingPlayer(t, 1, former, paths...), newSealingPlayer(t, 2, former, paths...)
			play(t, "both see that they share the disks", func() bool { return one.desk.Shared(2) && two.desk.Shared(1) }, one, two)
			claimFor(one)
			play(t, "the first has won, and the other knows", func() bool {
				return verdict(one) == Won && two.desk.tie.Outcome().Last.Winner.Node == 1
			}, one, two)
			decided := one.desk.tie.Outcome().Last
			one.drives.Close()
			two.drives.Close()

			both := Seals{latter[0], former[0]}
			one, two = newSealingPlayer(t, 1, both, paths...), newSealingPlayer(t, 2, both, paths...)
			play(t, "each has sealed its own anew, and the rest is left", func() bool {
				return one.desk.Stale(0) > 0 && one.desk.Stale(0) == two.desk.Stale(0) && one.desk.Stale(0) == unreadable(t, paths[0], latter)
			}, one, two)
			if one.desk.Sealed() || unreadable(t, paths[0], both) != 0 {
				t.Errorf("sealed: %t; %d sectors can be read with neither key", one.desk.Sealed(), unreadable(t, paths[0], both))
			}
			one.desk.Rest(true)
			play(t, "all is sealed anew", func() bool { return one.desk.Sealed() && two.desk.Sealed() }, one, two)
			sealed := 0
			for _, path := range paths {
				if unreadable(t, path, latter) == 0 {
					sealed++
				}
			}
			if sealed < Majority(len(paths)) {
				t.Errorf("%d disks can be read with the new key alone", sealed)
			}
			one.desk.Rest(false)
			play(t, "nothing is under way any more", func() bool { return !one.desk.Reseals() }, one, two)
			one.drives.Close()
			two.drives.Close()

			two = newSealingPlayer(t, 2, latter, paths...)
			play(t, "what was decided is known with the new key alone", func() bool { return two.desk.tie.Outcome().Last == decided }, two)
		})
	}
}

func TestASectorIsSealedAnewByItsWriterAlone(t *testing.T) {
	g := Geometry(8)
	for at, want := range map[Place]wire.Node{HeaderPlace: 0, g.Slot(2): 2, g.Claim(3): 3, g.Trial(8): 8, g.Mailbox(1, 2): 2, g.Mailbox(2, 1): 1} {
		if got := g.Writer(at); got != want {
			t.Errorf("sector %d is written by node %d, want %d", at, got, want)
		}
	}
}

func TestSealingAnewChangesTheSealAlone(t *testing.T) {
	former, latter := sealsOf(t, "office"), otherSeals(t)
	both, id := Seals{latter[0], former[0]}, DiskID{7}
	slot := Slot{Incarnation: 3, Counter: 9, Boot: wire.ID{1}}
	sector := former.SealSlot(id, 2, slot)
	fresh, stale := both.anew(id, 2, sector)
	if got, err := latter.OpenSlot(id, 2, fresh); !stale || err != nil || got != slot {
		t.Errorf("stale %t, %v: %+v", stale, err, got)
	}
	torn := append([]byte(nil), sector...)
	torn[bodyAt] ^= 1
	for name, c := range map[string]struct {
		id     DiskID
		at     Place
		sector []byte
	}{
		"sealed with the first key already": {id, 2, fresh},
		"torn":                              {id, 2, torn},
		"of another disk":                   {DiskID{8}, 2, sector},
		"of another place":                  {id, 3, sector},
		"nothing but zeros":                 {id, 2, make([]byte, SectorSize)},
	} {
		if _, stale := both.anew(c.id, c.at, c.sector); stale {
			t.Errorf("%s: it was sealed anew", name)
		}
	}
}

// The file at hand may be older than the one in force, or another may be applied while this goes on.
func TestADiskIsNotReplacedWhileTheOthersAreSealedAnew(t *testing.T) {
	const want = "is sealed with another key than the file at hand names"
	paths := threeFiles(t)
	p := planFor(t, nil, paths...)
	p.Force = true
	port := open(t, paths[2])
	h := mustHeader(t, p.Seals, port)
	other := func() { do(t, port, otherSeals(t).WriteSlot(7, h, 2, slot(4, 1))) }
	replaced, err := os.ReadFile(paths[1])
	if err != nil {
		t.Fatal(err)
	}

	other()
	if err := Repair(context.Background(), p, 1); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("before it begins: %v", err)
	}
	if now, err := os.ReadFile(paths[1]); err != nil || !bytes.Equal(now, replaced) {
		t.Errorf("something was written (%v)", err)
	}

	do(t, port, p.Seals.WriteSlot(8, h, 2, slot(4, 2)))
	draw := p.Random
	p.Random = func(b []byte) (int, error) { // after the others have been looked at
		other()
		return draw(b)
	}
	if err := Repair(context.Background(), p, 1); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "does not count yet") {
		t.Errorf("while it goes on: %v", err)
	}
	if now := mustHeader(t, p.Seals, port); now.Generation != h.Generation {
		t.Errorf("its header was replaced: %+v", now)
	}
}

// Another that writes headers at the same time is found out, and not written over.
func TestWhoElseWritesHeadersIsNotWrittenOver(t *testing.T) {
	for name, c := range map[string]struct {
		later uint32 // than the header was
		want  string // in the error
	}{
		"another repair":                {1, "somebody else writes its header"},
		"a leader that has it join too": {2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			paths := threeFiles(t)
			p := planFor(t, nil, paths...)
			p.Force = true
			port := open(t, paths[0])
			theirs := mustHeader(t, p.Seals, port)
			theirs.Generation += c.later
			draw := p.Random
			p.Random = func(b []byte) (int, error) {
				do(t, port, Request{Op: 9, Place: HeaderPlace, Write: p.Seals.SealHeader(theirs)})
				return draw(b)
			}
			err := Repair(context.Background(), p, 1)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v", err)
			}
			if now := mustHeader(t, p.Seals, port); now.Generation != theirs.Generation || !now.Joining.IsZero() {
				t.Errorf("theirs was written over: %+v", now)
			}
		})
	}
}
