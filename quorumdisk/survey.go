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

// ReadSlots asks for the slots of nodes 1 to highest, and with the same read for the header: this is what a node reads all the
// time, 12 KiB for two nodes, and so it soon knows that a disk of the set was replaced.
func (h Header) ReadSlots(op uint64, highest wire.Node) Request {
	return Request{Op: op, Place: HeaderPlace, Count: 1 + int(highest)}
}

// Slots gives what ReadSlots has read. Single slots may be unreadable.
func (s Seals) Slots(h Header, data []byte) (list []Sight, err error) {
	if err := s.still(h, data); err != nil {
		return nil, err
	}
	for at := h.Nodes.Slot(1); len(data) >= int(at+1)*blockSize; at++ {
		v, err := s.OpenSlot(h.ID, at, sectorOf(data, at))
		list = append(list, Sight{v, err})
	}
	return list, nil
}

// sectorOf is a record in what was read from the header on.
func sectorOf(data []byte, at Place) []byte { return data[int(at)*blockSize:][:blockSize] }

// still tells whether what was read begins with the header that is known.
func (s Seals) still(h Header, data []byte) error {
	now, err := s.OpenHeader(data[:min(len(data), blockSize)])
	switch {
	case err != nil:
		return fmt.Errorf("header: %w", err)
	case now.ID != h.ID || now.Set != h.Set || now.Generation != h.Generation:
		return ErrReplaced
	}
	return nil
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
	if err := s.still(h, data); err != nil {
		return nil, err
	}
	var list []Claim
	for n := wire.Node(1); h.Nodes.Has(n); n++ {
		v, err := s.OpenClaim(h.ID, h.Nodes.Claim(n), n, sectorOf(data, h.Nodes.Claim(n)))
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
