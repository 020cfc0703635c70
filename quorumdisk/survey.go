package quorumdisk

import (
	"errors"
	"fmt"

	"locum/wire"
)

// ErrReplaced says that a disk of the set has been replaced since the headers were read: read them again before anything counts.
var ErrReplaced = errors.New("a disk of the set has been replaced; the headers have to be read again")

// ReadHeader asks for what a disk is.
func ReadHeader(op uint64) Request { return Request{Op: op, Place: HeaderPlace, Count: 1} }

// ReadSlots asks for the slots of nodes 1 to highest: this is what a node reads all the time.
func (h Header) ReadSlots(op uint64, highest wire.Node) Request {
	return Request{Op: op, Place: h.Nodes.Slot(1), Count: int(highest)}
}

// Slots gives what ReadSlots has read.
func (s Seals) Slots(h Header, data []byte) (list []Sight) {
	for at := h.Nodes.Slot(1); len(data) >= blockSize; at, data = at+1, data[blockSize:] {
		v, err := s.OpenSlot(h.ID, at, data[:blockSize])
		list = append(list, Sight{v, err})
	}
	return list
}

// ReadClaims asks for everybody's block of the tie-break, and with the same read for the header.
func (h Header) ReadClaims(op uint64) Request {
	return Request{Op: op, Place: HeaderPlace, Count: int(h.Nodes.Claim(wire.Node(h.Nodes))) + 1}
}

// Claims gives what ReadClaims has read. With one unreadable block there is none at all: an unreadable block is not an empty one.
func (s Seals) Claims(h Header, data []byte) ([]Claim, error) {
	if len(data) != h.ReadClaims(1).Count*blockSize {
		return nil, fmt.Errorf("%d bytes were read", len(data))
	}
	sector := func(at Place) []byte { return data[at*blockSize:][:blockSize] }
	now, err := s.OpenHeader(sector(HeaderPlace))
	switch {
	case err != nil:
		return nil, fmt.Errorf("header: %w", err)
	case now.ID != h.ID || now.Set != h.Set || now.Generation != h.Generation:
		return nil, ErrReplaced
	}
	var list []Claim
	for n := wire.Node(1); h.Nodes.Has(n); n++ {
		v, err := s.OpenClaim(h.ID, h.Nodes.Claim(n), n, sector(h.Nodes.Claim(n)))
		if err != nil {
			return nil, fmt.Errorf("claim of node %d: %w", n, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// ReadMail asks for the mailboxes of a node, whoever writes them.
func (h Header) ReadMail(op uint64, to wire.Node) Request {
	return Request{Op: op, Place: h.Nodes.Mailbox(to, 1), Count: int(h.Nodes)}
}

// Mail gives what ReadMail has read: the pill from node 1 and so on; one that is unreadable has its error in its place.
func (s Seals) Mail(h Header, to wire.Node, data []byte) (pills []Pill, troubles []error) {
	for from := wire.Node(1); h.Nodes.Has(from) && len(data) >= blockSize; from, data = from+1, data[blockSize:] {
		v, err := s.OpenPill(h.ID, h.Nodes.Mailbox(to, from), data[:blockSize])
		pills, troubles = append(pills, v), append(troubles, err)
	}
	return pills, troubles
}

// WriteSlot, WriteClaim and WritePill ask for a node's own record to be written.
func (s Seals) WriteSlot(op uint64, h Header, n wire.Node, v Slot) Request {
	at := h.Nodes.Slot(n)
	return Request{Op: op, Place: at, Write: s.SealSlot(h.ID, at, v)}
}

// WriteClaim is for a node's block of the tie-break.
func (s Seals) WriteClaim(op uint64, h Header, n wire.Node, v Claim) Request {
	at := h.Nodes.Claim(n)
	return Request{Op: op, Place: at, Write: s.SealClaim(h.ID, at, v)}
}

// WritePill is for the mailbox of one node that another one writes.
func (s Seals) WritePill(op uint64, h Header, to, from wire.Node, v Pill) Request {
	at := h.Nodes.Mailbox(to, from)
	return Request{Op: op, Place: at, Write: s.SealPill(h.ID, at, v)}
}

// Together tells which of the disks that a node could read belong to the set and count, by the headers of the greatest
// generation: counts[i] is about headers[i]. The error is for disks that never belonged together.
func Together(headers []Header) (newest Header, counts []bool, err error) {
	for i, h := range headers {
		if i > 0 && h.Set != headers[0].Set {
			return newest, nil, fmt.Errorf("disks %s and %s are of different sets: not initialised by one command", headers[0].ID, h.ID)
		}
		for _, other := range headers[:i] {
			if other.ID == h.ID {
				return newest, nil, fmt.Errorf("two of the paths lead to one disk, %s", h.ID)
			}
		}
		if h.Generation > newest.Generation {
			newest = h
		}
	}
	for _, h := range headers {
		listed := false
		for _, id := range newest.Disks {
			listed = listed || id == h.ID
		}
		counts = append(counts, listed && newest.Joining != h.ID)
	}
	return newest, counts, nil
}
