package quorumdisk

import "locum/wire"

// Header says what a disk is. It is written by "locum disk init" and when a disk is replaced, never while all is well.
type Header struct {
	ID      DiskID
	Cluster string
	Nodes   Geometry
	// Set is the same on all disks of a cluster and made anew by each "init": two nodes whose disks are of different sets
	// share none, and must not think that they did.
	Set wire.ID
	// Generation is one more each time a disk of the set is replaced: whoever reads a greater one than its own knows that
	// it may be using a disk that no longer counts.
	Generation uint32
	// Disks are the one or three disks of the set; this one is among them.
	Disks []DiskID
	// Joining is the disk that does not count yet, because the newest records of the others have not been copied to it;
	// zero if all count.
	Joining DiskID
	// MadeAt is for people: when it was initialised, by the clock of the machine that did it, in Unix seconds.
	MadeAt uint64
}

// Majority is how many disks of so many decide.
func Majority(disks int) int { return disks/2 + 1 }

// Counts tells whether what the disk says may decide anything.
func (h Header) Counts() bool { return h.Joining != h.ID }

// Index is which disk of its set this is, from 0.
func (h Header) Index() int {
	for i, id := range h.Disks {
		if id == h.ID {
			return i
		}
	}
	return -1
}

func (h Header) valid() bool {
	if !h.Nodes.valid() || h.ID.IsZero() || h.Set.IsZero() || h.Generation == 0 || h.Cluster == "" || len(h.Cluster) > wire.MaxClusterName {
		return false
	}
	if len(h.Disks) != 1 && len(h.Disks) != MaxDisks || h.Index() < 0 {
		return false
	}
	known := h.Joining.IsZero()
	for i, id := range h.Disks {
		known = known || id == h.Joining
		for _, other := range h.Disks[:i] {
			if id == other {
				return false
			}
		}
		if id.IsZero() {
			return false
		}
	}
	// One disk alone can have nothing copied to it.
	return known && (len(h.Disks) == MaxDisks || h.Joining.IsZero())
}

// SealHeader makes a disk's first sector.
func (s Seals) SealHeader(h Header) []byte {
	var b body
	b.u8(uint8(h.Nodes))
	b.id(h.Set)
	b.u32(h.Generation)
	b.u8(uint8(len(h.Disks)))
	for _, id := range h.Disks {
		b.id(id)
	}
	b.id(h.Joining)
	b.u64(h.MadeAt)
	b.u8(uint8(len(h.Cluster)))
	b = append(b, h.Cluster...)
	return s.Seal(KindHeader, h.ID, HeaderPlace, b)
}

// OpenHeader reads a disk's first sector.
func (s Seals) OpenHeader(sector []byte) (Header, error) {
	raw, id, err := s.whole(KindHeader, HeaderPlace, sector)
	if err != nil {
		return Header{}, err
	}
	f := fields{b: raw}
	h := Header{ID: id, Nodes: Geometry(f.u8()), Set: f.id(), Generation: f.u32()}
	for range min(f.u8(), MaxDisks+1) {
		h.Disks = append(h.Disks, f.id())
	}
	h.Joining, h.MadeAt = f.id(), f.u64()
	h.Cluster = string(f.next(int(f.u8())))
	if !f.whole() || !h.valid() {
		return Header{}, Nonsense
	}
	return h, nil
}
