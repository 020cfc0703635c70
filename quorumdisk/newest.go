package quorumdisk

import (
	"errors"
	"fmt"
)

// carry makes a sector for the disk `to` of what two other disks hold in that place: the newer of the two, or for claims both together.
//
// A claim has to be readable on both. One that was complete on a majority may stand on the disk that is replaced and on one
// of these only; were that one unreadable, the older one of the other would not be what was decided. Slots and pills are
// written again and again, or are void after a while: of those one is enough.
func (s Seals) carry(to Header, at Place, from [2]Header, data [2][]byte) ([]byte, error) {
	kind, owner, _ := to.Nodes.What(at)
	switch kind {
	case KindSlot:
		a, errA := s.OpenSlot(from[0].ID, at, data[0])
		b, errB := s.OpenSlot(from[1].ID, at, data[1])
		v, err := newer(a, errA, b, errB, Slot.Newer)
		return s.SealSlot(to.ID, at, v), place(err, kind, at)
	case KindMailbox:
		a, errA := s.OpenPill(from[0].ID, at, data[0])
		b, errB := s.OpenPill(from[1].ID, at, data[1])
		v, err := newer(a, errA, b, errB, Pill.newer)
		return s.SealPill(to.ID, at, v), place(err, kind, at)
	case KindClaim:
		a, errA := s.OpenClaim(from[0].ID, at, owner, data[0])
		b, errB := s.OpenClaim(from[1].ID, at, owner, data[1])
		if err := errors.Join(errA, errB); err != nil {
			return nil, place(err, kind, at)
		}
		return s.SealClaim(to.ID, at, a.With(b)), nil
	}
	return s.empty(to, at), nil
}

// newer gives the newer of two records, or the one that is readable.
func newer[R any](a R, errA error, b R, errB error, isNewer func(R, R) bool) (R, error) {
	switch {
	case errA != nil && errB != nil:
		return a, errors.Join(errA, errB)
	case errA != nil || errB == nil && isNewer(b, a):
		return b, nil
	}
	return a, nil
}

func (p Pill) newer(than Pill) bool {
	if p.Epoch != than.Epoch {
		return p.Epoch > than.Epoch
	}
	return p.WroteAt > than.WroteAt
}

func place(err error, kind Kind, at Place) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%v at byte %d: %w", kind, at.Offset(), err)
}
