package quorumdisk

import (
	"encoding/binary"
	"fmt"

	"locum/wire"
)

// While a key is replaced two are accepted, and every sector is sealed anew with the first, in its place and with what it
// says, before the other may go: what is sealed with a key that nobody has any more is unreadable, and that is never empty.
//
// Each sector has one writer, and it seals it anew: another that did so could put an older claim over a newer one. What no
// node of the file writes, the headers and the sectors of numbers without a node, is sealed anew by the leader.

// resealMost is how many sectors are looked at in one go, so that a round is never held up for long.
const resealMost = 32

// Writer is the node that writes a sector, 0 for the header.
func (g Geometry) Writer(at Place) wire.Node {
	kind, owner, from := g.What(at)
	if kind == KindMailbox {
		return from
	}
	return owner
}

// anew gives a sector that is sealed with another than the first key as it is with the first. stale says that it is one; what
// no key opens is none: it is unreadable already.
func (s Seals) anew(id DiskID, at Place, sector []byte) (fresh []byte, stale bool) {
	b := sector[:min(len(sector), blockSize)]
	if len(b) < blockSize || s.authentic(b) != nil || wire.DiskMark(b[12:]) == s[0].Mark {
		return nil, false
	}
	if Place(binary.BigEndian.Uint32(b[16:])) != at || DiskID(b[20:]) != id {
		return nil, false
	}
	fresh = make([]byte, SectorSize)
	copy(fresh, b[:tagAt])
	copy(fresh[12:], s[0].Mark[:])
	tag := s[0].Tag(fresh[:tagAt])
	copy(fresh[tagAt:], tag[:])
	return fresh, true
}

// reseal does one stretch of a disk. The answer tells how many sectors of it are still sealed with another key, and where the
// next one begins.
func (k *drive) reseal(p *Port, h Header, a Action) (e Ended, fatal error) {
	e = Ended{Disk: k.index, Op: a.Op, ID: h.ID, Generation: h.Generation}
	n := int(min(resealMost, h.Nodes.Sectors()-a.From))
	if n <= 0 {
		return e, nil // it has fewer sectors than the one before it in this place
	}
	data, err := k.asked(p, Request{Place: a.From, Count: n})
	for i := 0; i < n && err == nil; i++ {
		at := a.From + Place(i)
		fresh, stale := k.set.o.Seals.anew(h.ID, at, data[i*blockSize:][:blockSize])
		switch writer := h.Nodes.Writer(at); {
		case !stale:
		case writer == k.set.o.Self, a.Rest && !a.Nodes.Has(writer):
			_, err = k.asked(p, Request{Place: at, Write: fresh})
		default:
			e.Stale++
		}
	}
	if err != nil {
		e.Failed = fmt.Errorf("sealing anew: %w", err)
		return e, e.Failed
	}
	if e.Next = a.From + Place(n); e.Next >= h.Nodes.Sectors() {
		e.Next = 0
	}
	return e, nil
}

// asked has one operation done, and takes its failure for one's own.
func (k *drive) asked(p *Port, r Request) ([]byte, error) {
	reply, err := k.ask(p, r)
	if err == nil {
		err = reply.Err
	}
	return reply.Data, err
}

// resealing is how far a pass over one disk is.
type resealing struct {
	next   Place // where it goes on
	stale  int   // found so far in this pass
	before int   // in the last whole pass
	whole  bool  // there was one, and it found none
	rest   bool  // the stretch under way may write what no node of the file writes
}

// Rest has this node seal anew what no node of the file writes, or no longer.
func (d *Desk) Rest(may bool) { d.rest = may }

// Reseals reports whether this node may be writing what no node of the file writes.
func (d *Desk) Reseals() bool {
	for i := range d.set.Disks {
		if k := &d.disk[i]; k.op != 0 && k.doing == Reseal && k.seals.rest {
			return true
		}
	}
	return d.rest
}

// Sealed reports whether every sector was seen to be sealed with the first key, on a majority of the disks.
func (d *Desk) Sealed() bool {
	sealed := 0
	for i := range d.set.Disks {
		if d.disk[i].seals.whole {
			sealed++
		}
	}
	return sealed >= Majority(d.set.Disks)
}

// Stale is how many sectors of a disk were found sealed with another key, -1 if they were not all looked at yet.
func (d *Desk) Stale(disk int) int {
	switch s := &d.disk[disk].seals; {
	case s.whole:
		return 0
	case s.before > 0:
		return s.before
	}
	return -1
}

// sealAnew goes on with the pass over a disk, once its round has ended well.
func (d *Desk) sealAnew(disk int) []Action {
	k := &d.disk[disk]
	if !d.set.Reseal || k.seals.whole {
		return nil
	}
	k.seals.rest = d.rest
	return []Action{d.act(disk, Action{Do: Reseal, From: k.seals.next, Rest: d.rest, Nodes: d.set.Nodes})}
}

// sealedAnew takes what came of one stretch.
func (k *deskDisk) sealedAnew(ev Ended) {
	s := &k.seals
	s.stale, s.next, s.rest = s.stale+ev.Stale, ev.Next, false
	if s.next == 0 {
		*s = resealing{before: s.stale, whole: s.stale == 0}
	}
}
