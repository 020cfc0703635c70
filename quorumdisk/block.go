package quorumdisk

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"locum/wire"
)

// version is that of the format. A disk of another is not read.
const version = 1

// A record, in the first 512 bytes of its sector; what follows them is zero and means nothing:
//
//	  0  8  "LOCUMDSK"
//	  8  1  version
//	  9  1  kind
//	 10  2  length of the body
//	 12  4  mark of the key
//	 16  4  place
//	 20 16  id of the disk
//	 36     body, then zeros
//	480 32  tag: HMAC-SHA256 of the 480 bytes before it
//
// Numbers are big-endian. Place and disk are in the record, so that one that was copied elsewhere is not taken for what
// belongs there.
const (
	magic    = "LOCUMDSK"
	bodyAt   = 36
	tagAt    = 480
	bodyMost = tagAt - bodyAt
)

// DiskID is a disk's own name, made at random when it is initialised.
type DiskID = wire.ID

// Trouble is why a sector is unreadable.
type Trouble uint8

// The troubles of a sector.
const (
	Blank      Trouble = 1 + iota // nothing but zeros: never initialised, or wiped
	Foreign                       // something else's data
	NewVersion                    // written by another version of locum
	OtherKey                      // sealed with a key that is not ours
	Corrupt                       // ours by its looks, and the tag is wrong: torn, or changed
	Misplaced                     // whole, but of another disk or another place
	Nonsense                      // whole, and says what cannot be
)

var troubleTexts = map[Trouble]string{
	Blank:      "nothing but zeros: it was never initialised, or was wiped",
	Foreign:    "not locum's: something else has written here",
	NewVersion: "written by another version of locum; use the same on all nodes",
	OtherKey:   "sealed with another key: the disk of another cluster, or from before the key was changed",
	Corrupt:    "corrupt: the tag does not fit (torn, or changed by something else)",
	Misplaced:  "a record of another disk or another place: a copied or swapped disk",
	Nonsense:   "whole, but it says what cannot be",
}

func (t Trouble) Error() string {
	if s, ok := troubleTexts[t]; ok {
		return s
	}
	return fmt.Sprintf("invalid(%d)", uint8(t))
}

// Seals are the keys by which records are known: the first seals what is written, all are taken when reading, so that a
// key can be replaced.
type Seals []wire.DiskSeal

// Seal makes a whole sector of a record's body.
func (s Seals) Seal(kind Kind, id DiskID, at Place, body []byte) []byte {
	b := make([]byte, SectorSize)
	copy(b, magic)
	b[8], b[9] = version, byte(kind)
	binary.BigEndian.PutUint16(b[10:], uint16(len(body)))
	copy(b[12:], s[0].Mark[:])
	binary.BigEndian.PutUint32(b[16:], uint32(at))
	copy(b[20:], id[:])
	copy(b[bodyAt:tagAt], body)
	tag := s[0].Tag(b[:tagAt])
	copy(b[tagAt:], tag[:])
	return b
}

// Open gives a record's body if all of it is right, or the trouble.
func (s Seals) Open(kind Kind, id DiskID, at Place, sector []byte) ([]byte, error) {
	body, whose, err := s.whole(kind, at, sector)
	if err == nil && whose != id {
		return nil, Misplaced
	}
	return body, err
}

// whole gives the body of a record of any disk, and which disk it is of.
func (s Seals) whole(kind Kind, at Place, b []byte) (body []byte, whose DiskID, err error) {
	if len(b) < blockSize {
		return nil, whose, Foreign
	}
	b = b[:blockSize]
	if string(b[:8]) != magic {
		return nil, whose, looks(b)
	}
	if b[8] != version {
		return nil, whose, NewVersion
	}
	if err := s.authentic(b); err != nil {
		return nil, whose, err
	}
	n := int(binary.BigEndian.Uint16(b[10:]))
	switch {
	case Kind(b[9]) != kind || Place(binary.BigEndian.Uint32(b[16:])) != at:
		return nil, whose, Misplaced
	case n > bodyMost:
		return nil, whose, Nonsense
	}
	return b[bodyAt : bodyAt+n], DiskID(b[20:]), nil
}

// looks tells zeros from what something else wrote.
func looks(b []byte) Trouble {
	for _, c := range b {
		if c != 0 {
			return Foreign
		}
	}
	return Blank
}

// authentic holds the tag against each key that has the record's mark.
func (s Seals) authentic(b []byte) error {
	trouble := OtherKey
	for _, seal := range s {
		if wire.DiskMark(b[12:]) != seal.Mark {
			continue
		}
		tag := seal.Tag(b[:tagAt])
		if subtle.ConstantTimeCompare(tag[:], b[tagAt:]) == 1 {
			return nil
		}
		trouble = Corrupt
	}
	return trouble
}

// SealsOf makes the seals of a cluster's keys; the first seals what is written.
func SealsOf(cluster string, keys ...wire.Key) (list Seals, err error) {
	for _, k := range keys {
		seal, err := wire.DiskSealOf(cluster, k)
		if err != nil {
			return nil, err
		}
		list = append(list, seal)
	}
	return list, nil
}
