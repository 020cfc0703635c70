package quorumdisk

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"locum/wire"
)

// sectors is a disk as an array of the first 512 bytes of its sectors.
type sectors []byte

func blankDisk(s Seals, h Header) (d sectors) {
	for at := range h.Nodes.Sectors() {
		d = append(d, s.empty(h, at)[:blockSize]...)
	}
	return d
}

func (d sectors) do(r Request) []byte {
	if r.Write != nil {
		copy(d[r.Place*blockSize:], r.Write[:blockSize])
		return nil
	}
	return d[int(r.Place)*blockSize:][:r.Count*blockSize]
}

func TestWhatIsWrittenByRequestsIsFoundByRequests(t *testing.T) {
	s, h := sealsOf(t, "office"), someHeader
	d := blankDisk(s, h)
	d.do(s.WriteSlot(1, h, 2, someSlot))
	d.do(s.WriteClaim(2, h, 2, someClaim))
	d.do(s.WritePill(3, h, 5, 2, somePill))
	seen, err := s.Slots(h, d.do(h.ReadSlots(4, 3)))
	if err != nil || len(seen) != 3 || seen[1] != (Sight{Slot: someSlot}) || seen[0] != (Sight{}) {
		t.Errorf("slots: %+v", seen)
	}
	claims, err := s.Claims(h, d.do(h.ReadClaims(5)))
	if err != nil || len(claims) != int(h.Nodes) || claims[1] != someClaim || claims[0] != (Claim{}) {
		t.Errorf("claims: %+v, %v", claims, err)
	}
	pills, troubles := s.Mail(h, 5, d.do(h.ReadMail(6, 5)))
	if pills[1] != somePill || pills[0] != (Pill{}) || errors.Join(troubles...) != nil {
		t.Errorf("mail: %+v, %v", pills, troubles)
	}
}

func TestWithOneUnreadableClaimThereIsNone(t *testing.T) {
	s, h := sealsOf(t, "office"), someHeader
	d := blankDisk(s, h)
	d[h.Nodes.Claim(7)*blockSize+200] ^= 1
	if claims, err := s.Claims(h, d.do(h.ReadClaims(1))); claims != nil || !errors.Is(err, Corrupt) || !strings.Contains(err.Error(), "node 7") {
		t.Errorf("%v, %v", claims, err)
	}
}

func TestClaimsOfADiskWhoseSetHasChangedDoNotCount(t *testing.T) {
	s, h := sealsOf(t, "office"), someHeader
	d := blankDisk(s, h)
	newer := h
	newer.Generation++
	copy(d, s.SealHeader(newer)[:blockSize])
	if _, err := s.Claims(h, d.do(h.ReadClaims(1))); !errors.Is(err, ErrReplaced) {
		t.Error(err)
	}
	if _, err := s.Slots(h, d.do(h.ReadSlots(1, 2))); !errors.Is(err, ErrReplaced) {
		t.Error(err)
	}
}

func TestOnlyDisksOfTheNewestListThatHaveJoinedCount(t *testing.T) {
	old := Header{ID: idA, Set: wire.ID{9}, Generation: 1, Disks: []DiskID{idA, idB, idC}}
	b, fresh := old, old
	b.ID = idB
	idD := wire.ID{10}
	fresh.ID, fresh.Generation, fresh.Disks, fresh.Joining = idD, 2, []DiskID{idD, idB, idC}, idD
	for _, c := range []struct {
		name string
		list []Header
		want []bool
	}{
		{"all of one generation", []Header{old, b}, []bool{true, true}},
		{"one that was replaced, one that joins", []Header{old, b, fresh}, []bool{false, true, false}},
	} {
		if _, got, err := Together(c.list); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	other := b
	other.Set = wire.ID{8}
	for want, list := range map[string][]Header{"two of the paths lead to one disk": {old, old}, "different sets": {old, other}} {
		if _, _, err := Together(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzRequests(f *testing.F) {
	good, _ := Request{Op: 1, Place: 2, Write: make([]byte, blockSize)}.encode()
	f.Add(good)
	f.Add(good[:requestHead])
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRequest(b); err == nil {
			if again, err := r.encode(); err != nil || string(again) != string(b) {
				t.Errorf("%+v", r)
			}
		}
		_, _, _, _ = decodeReply(b)
	})
}
