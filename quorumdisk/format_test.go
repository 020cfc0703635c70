package quorumdisk

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"locum/wire"
)

// sealsOf makes the seals of clusters' keys.
func sealsOf(t testing.TB, clusters ...string) (list Seals) {
	t.Helper()
	key, err := wire.ParseKey([]byte(strings.Repeat("0123456789abcdef", 4)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clusters {
		s, err := wire.DiskSealOf(c, key)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

var (
	idA = wire.ID{1, 2, 3}
	idB = wire.ID{4, 5, 6}
	idC = wire.ID{7, 8, 9}
)

var (
	someHeader = Header{ID: idB, Cluster: "office", Nodes: 8, Set: wire.ID{9}, Generation: 2, Disks: []DiskID{idA, idB, idC}, Joining: idC, MadeAt: 1792000000}
	someSlot   = Slot{Incarnation: 7, Counter: 1 << 40, Boot: idA, Machine: idC, Epoch: 99, State: Running | ObeysLease | Armed, LeaseMS: 8000, WatchdogMS: 10000,
		Words: wire.Revision{Epoch: 98, Count: 3}, Hears: wire.SetOf(2, 64), Mail: wire.SetOf(3), Instance: 4, WroteAt: 1792000000123}
	somePill  = Pill{Boot: idA, Incarnation: 6, Epoch: 100, WroteAt: 1792000000123}
	someClaim = Claim{Instance: 4, Promised: ballot(9, 2), Accepted: ballot(8, 2), Value: Winner{1, 3, 99, wire.SetOf(1)}, Decided: true,
		Before: Winner{2, 2, 55, wire.SetOf(2)}, Incarnation: 7}
)

func TestRecordsComeBackAsTheyWereWritten(t *testing.T) {
	s := sealsOf(t, "office")
	h, err := s.OpenHeader(s.SealHeader(someHeader))
	if err != nil || !reflect.DeepEqual(h, someHeader) {
		t.Errorf("%+v, %v", h, err)
	}
	for _, v := range []Slot{{}, someSlot} {
		if got, err := s.OpenSlot(idA, 3, s.SealSlot(idA, 3, v)); err != nil || got != v {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, v := range []Pill{{}, somePill} {
		if got, err := s.OpenPill(idA, 30, s.SealPill(idA, 30, v)); err != nil || got != v {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, v := range []Claim{{}, someClaim} {
		if got, err := s.OpenClaim(idA, 10, 2, s.SealClaim(idA, 10, v)); err != nil || got != v {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestARecordAndItsTagLieInTheFirst512Bytes(t *testing.T) {
	s := sealsOf(t, "office")
	for _, sector := range [][]byte{s.SealHeader(someHeader), s.SealSlot(idA, 1, someSlot), s.SealPill(idA, 20, somePill), s.SealClaim(idA, 9, someClaim)} {
		if len(sector) != SectorSize || len(bytes.Trim(sector[blockSize:], "\x00")) != 0 {
			t.Error("something stands behind the first 512 bytes")
		}
	}
}

func TestAnyBitThatIsChangedMakesARecordUnreadableAndNeverEmpty(t *testing.T) {
	s := sealsOf(t, "office")
	whole := s.SealSlot(idA, 3, Slot{})
	for bit := range blockSize * 8 {
		torn := bytes.Clone(whole)
		torn[bit/8] ^= 1 << (bit % 8)
		if _, err := s.OpenSlot(idA, 3, torn); err == nil {
			t.Fatalf("bit %d", bit)
		}
	}
}

func TestWhatIsWrongWithASectorIsSaid(t *testing.T) {
	s, other := sealsOf(t, "office"), sealsOf(t, "plant")
	newer := s.SealSlot(idA, 3, someSlot)
	newer[8] = 9
	corrupt := s.SealSlot(idA, 3, someSlot)
	corrupt[100] ^= 1
	for _, c := range []struct {
		name   string
		sector []byte
		want   Trouble
	}{
		{"zeros", make([]byte, SectorSize), Blank},
		{"a file system", bytes.Repeat([]byte("ext4"), 1024), Foreign},
		{"too short", []byte("LOCUMDSK"), Foreign},
		{"a newer version", newer, NewVersion},
		{"another cluster", other.SealSlot(idA, 3, someSlot), OtherKey},
		{"a changed byte", corrupt, Corrupt},
		{"another place", s.SealSlot(idA, 4, someSlot), Misplaced},
		{"another disk", s.SealSlot(idB, 3, someSlot), Misplaced},
		{"another kind", s.SealPill(idA, 3, somePill), Misplaced},
		{"a life that runs and has left", s.SealSlot(idA, 3, Slot{Incarnation: 1, State: Running | LeftClean}), Nonsense},
		{"an empty slot that counts", s.SealSlot(idA, 3, Slot{Counter: 1}), Nonsense},
		{"a state that does not exist", s.SealSlot(idA, 3, Slot{Incarnation: 1, State: 1 << 15}), Nonsense},
	} {
		if _, err := s.OpenSlot(idA, 3, c.sector); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestAClaimThatCannotBeIsRefused(t *testing.T) {
	s := sealsOf(t, "office")
	for name, change := range map[string]func(*Claim){
		"another's ballot promised":      func(c *Claim) { c.Promised = ballot(9, 3) },
		"another's ballot accepted":      func(c *Claim) { c.Accepted = ballot(8, 3) },
		"accepted above the promise":     func(c *Claim) { c.Accepted = ballot(10, 2) },
		"accepted without a value":       func(c *Claim) { c.Value = Winner{} },
		"a value without a ballot":       func(c *Claim) { c.Accepted = 0 },
		"a winner outside its side":      func(c *Claim) { c.Value.Side = wire.SetOf(5) },
		"no writer":                      func(c *Claim) { c.Incarnation = 0 },
		"an empty block with a promise":  func(c *Claim) { *c = Claim{Promised: 5} },
		"a first instance with a before": func(c *Claim) { c.Instance = 1 },
		"a later one without":            func(c *Claim) { c.Before = Winner{} },
	} {
		c := someClaim
		change(&c)
		if _, err := s.OpenClaim(idA, 10, 2, s.SealClaim(idA, 10, c)); !errors.Is(err, Nonsense) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAHeaderThatCannotBeIsRefused(t *testing.T) {
	s := sealsOf(t, "office")
	for name, change := range map[string]func(*Header){
		"not one of its own set": func(h *Header) { h.ID = wire.ID{77} },
		"two disks":              func(h *Header) { h.Disks = h.Disks[:2] },
		"a disk twice":           func(h *Header) { h.Disks = []DiskID{idA, idB, idA} },
		"room for one node":      func(h *Header) { h.Nodes = 1 },
		"room for too many":      func(h *Header) { h.Nodes = 65 },
		"no cluster":             func(h *Header) { h.Cluster = "" },
		"a stranger joins":       func(h *Header) { h.Joining = wire.ID{77} },
		"a single one joins":     func(h *Header) { h.Disks, h.Joining = []DiskID{idB}, idB },
	} {
		h := someHeader
		change(&h)
		if _, err := s.OpenHeader(s.SealHeader(h)); !errors.Is(err, Nonsense) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithTwoKeysBothAreReadAndTheFirstSeals(t *testing.T) {
	before, after := sealsOf(t, "office"), sealsOf(t, "plant")
	both := Seals{after[0], before[0]}
	if _, err := both.OpenSlot(idA, 3, before.SealSlot(idA, 3, someSlot)); err != nil {
		t.Errorf("the old key: %v", err)
	}
	if _, err := after.OpenSlot(idA, 3, both.SealSlot(idA, 3, someSlot)); err != nil {
		t.Errorf("the new key: %v", err)
	}
}

func TestEverySectorHasOneUse(t *testing.T) {
	for g := Geometry(2); g <= wire.MaxNodes; g += 31 {
		used := map[Place]string{HeaderPlace: "header"}
		use := func(p Place, kind Kind, owner, from wire.Node) {
			what := fmt.Sprint(kind, owner, from)
			if used[p] != "" {
				t.Fatalf("%d nodes: sector %d is for %s and %s", g, p, used[p], what)
			}
			used[p] = what
			if k, o, f := g.What(p); k != kind || o != owner || f != from {
				t.Fatalf("%d nodes: sector %d is for %s, and What says %v %d %d", g, p, what, k, o, f)
			}
		}
		for n := wire.Node(1); g.Has(n); n++ {
			use(g.Slot(n), KindSlot, n, 0)
			use(g.Claim(n), KindClaim, n, 0)
			use(g.Trial(n), KindTrial, n, 0)
			for from := wire.Node(1); g.Has(from); from++ {
				use(g.Mailbox(n, from), KindMailbox, n, from)
			}
		}
		if Place(len(used)) != g.Sectors() {
			t.Errorf("%d nodes: %d sectors are used of %d", g, len(used), g.Sectors())
		}
		if k, _, _ := g.What(g.Sectors()); k != 0 {
			t.Errorf("%d nodes: there is a sector beyond the end", g)
		}
	}
}

func TestAPillBindsTheBootThatItNamesUntilThatWasAdmittedAgain(t *testing.T) {
	for _, c := range []struct {
		name     string
		pill     Pill
		boot     wire.ID
		life     wire.Incarnation
		admitted wire.Epoch
		want     bool
	}{
		{"the life that is meant", somePill, idA, 6, 99, true},
		{"a heart started anew in the same boot", somePill, idA, 7, 99, true},
		{"a new boot", somePill, idB, 7, 99, false},
		{"admitted since, in the view that ordered it", somePill, idA, 6, 100, false},
		{"admitted since, in a later view", somePill, idA, 6, 101, false},
		{"a life that is yet to come", somePill, idA, 5, 99, false},
		{"no pill", Pill{}, wire.ID{}, 6, 0, false},
	} {
		if got := c.pill.Binds(c.boot, c.life, c.admitted); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// The tag is always right here, so that the fuzzer reaches what is behind it.
func FuzzBodies(f *testing.F) {
	s := sealsOf(f, "office")
	for _, sector := range [][]byte{s.SealHeader(someHeader), s.SealSlot(idA, 1, someSlot), s.SealPill(idA, 20, somePill), s.SealClaim(idA, 9, someClaim)} {
		f.Add(sector[9], sector[bodyAt:bodyAt+int(sector[10])<<8+int(sector[11])])
	}
	f.Fuzz(func(t *testing.T, kind byte, raw []byte) {
		if len(raw) > bodyMost {
			return
		}
		sector := s.Seal(Kind(kind), idB, 5, raw)
		again := sector
		switch Kind(kind) {
		case KindHeader:
			sector = s.Seal(KindHeader, idB, HeaderPlace, raw)
			if v, err := s.OpenHeader(sector); err == nil {
				again = s.SealHeader(v)
			} else {
				return
			}
		case KindSlot:
			if v, err := s.OpenSlot(idB, 5, sector); err == nil {
				again = s.SealSlot(idB, 5, v)
			}
		case KindClaim:
			if v, err := s.OpenClaim(idB, 5, 2, sector); err == nil {
				again = s.SealClaim(idB, 5, v)
			}
		case KindMailbox:
			if v, err := s.OpenPill(idB, 5, sector); err == nil {
				again = s.SealPill(idB, 5, v)
			}
		}
		if !bytes.Equal(again, sector) {
			t.Errorf("what was read as kind %d is written otherwise", kind)
		}
	})
}

func FuzzSectors(f *testing.F) {
	s := sealsOf(f, "office")
	f.Add(s.SealHeader(someHeader))
	f.Add(s.SealSlot(idA, 3, someSlot)[:blockSize])
	f.Add([]byte("LOCUMDSK"))
	f.Fuzz(func(t *testing.T, sector []byte) {
		// Nothing that was not sealed is read; what the seeds sealed is.
		if _, err := s.OpenHeader(sector); err == nil && !bytes.Equal(sector[:blockSize], s.SealHeader(someHeader)[:blockSize]) {
			t.Error("a header that nobody sealed")
		}
		if _, err := s.OpenClaim(idA, 3, 3, sector); err == nil {
			t.Error("a claim that nobody sealed")
		}
	})
}
