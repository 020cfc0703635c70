package quorumdisk

import "locum/wire"

// Of places on a disk. Whatever a device's blocks are, records lie this far apart, so that no write touches two of them,
// not even below the device's own cache.
const (
	// SectorSize is the distance of two records, and what one write writes, in bytes.
	SectorSize = 4096
	// blockSize is how much of a sector a record uses: one logical block of the smallest kind, so that a torn write
	// leaves the old record or the new one.
	blockSize = 512
	// MaxDisks is the most disks a cluster may have; there are one or three.
	MaxDisks = 3
)

// Kind is what a sector is for.
type Kind uint8

// The kinds of sectors.
const (
	KindHeader  Kind = 1 + iota
	KindSlot         // of a node: its time stamp
	KindClaim        // of a node: its block of the tie-break
	KindMailbox      // of a node and a sender: a pill
	KindTrial        // of a node: for "locum disk test", which disturbs no slot
)

var kindNames = map[Kind]string{KindHeader: "header", KindSlot: "slot", KindClaim: "claim", KindMailbox: "mailbox", KindTrial: "trial"}

func (k Kind) String() string { return kindNames[k] }

// Geometry is for how many nodes a disk has room, 2 to wire.MaxNodes. The sectors: the header; the slots, in one run, so that one
// read gets them all; the claims, in one run behind them; the trials; then for each node its mailboxes, one for each sender.
type Geometry uint8

// Place is the number of a sector.
type Place uint32

// HeaderPlace is where the header lies.
const HeaderPlace Place = 0

// Sectors is how many sectors a disk has.
func (g Geometry) Sectors() Place { n := Place(g); return 1 + 3*n + n*n }

// Size is how long a disk is, in bytes.
func (g Geometry) Size() int64 { return int64(g.Sectors()) * SectorSize }

// Slot is where a node's slot lies.
func (g Geometry) Slot(n wire.Node) Place { return Place(n) }

// Claim is where a node's block of the tie-break lies.
func (g Geometry) Claim(n wire.Node) Place { return Place(g) + Place(n) }

// Trial is where a node writes what is only to be found again.
func (g Geometry) Trial(n wire.Node) Place { return 2*Place(g) + Place(n) }

// Mailbox is where the node finds what the sender wrote to it.
func (g Geometry) Mailbox(to, from wire.Node) Place {
	return 1 + 3*Place(g) + (Place(to)-1)*Place(g) + Place(from) - 1
}

// Offset is where a sector begins, in bytes.
func (p Place) Offset() int64 { return int64(p) * SectorSize }

// Has tells whether there is room for a node.
func (g Geometry) Has(n wire.Node) bool { return n >= 1 && n <= wire.Node(g) }

// valid tells whether a disk may have this geometry.
func (g Geometry) valid() bool { return g >= 2 && g <= wire.MaxNodes }

// What tells what lies in a sector: its kind, whose it is, and for a mailbox who writes it. The kind is 0 beyond the end.
func (g Geometry) What(p Place) (kind Kind, owner, from wire.Node) {
	n := Place(g)
	switch {
	case p == HeaderPlace:
		return KindHeader, 0, 0
	case p <= n:
		return KindSlot, wire.Node(p), 0
	case p <= 2*n:
		return KindClaim, wire.Node(p - n), 0
	case p <= 3*n:
		return KindTrial, wire.Node(p - 2*n), 0
	case p < g.Sectors():
		p -= 1 + 3*n
		return KindMailbox, wire.Node(p/n + 1), wire.Node(p%n + 1)
	}
	return 0, 0, 0
}
