package quorumdisk

import (
	"fmt"

	"locum/wire"
)

// Winner is what the tie-break decides: which side goes on. The zero Winner is none.
type Winner struct {
	Node        wire.Node // who claimed for its side
	Incarnation wire.Incarnation
	Epoch       wire.Epoch // that the claimant had promised itself for the view of its side: above all it promised before
	Side        wire.Nodes // for whom it claimed, itself among them
}

// IsZero tells whether nobody has won.
func (w Winner) IsZero() bool { return w == Winner{} }

func (w Winner) valid() bool {
	return w.IsZero() || w.Side.Has(w.Node) && w.Incarnation != 0 && w.Epoch != 0
}

func (w Winner) String() string {
	if w.IsZero() {
		return "nobody"
	}
	return fmt.Sprintf("node %d (life %d) for %v at epoch %d", w.Node, w.Incarnation, w.Side, w.Epoch)
}

// Ballot orders attempts. Two nodes never use the same: the last byte is the node's number. 0 is none.
type Ballot uint64

// ballot makes a node's ballot of a round, from 1.
func ballot(round uint64, n wire.Node) Ballot { return Ballot(round<<8 | uint64(n)) }

func (b Ballot) round() uint64   { return uint64(b) >> 8 }
func (b Ballot) node() wire.Node { return wire.Node(b) }

// Claim is a node's block of Disk Paxos (Gafni and Lamport, Disk Paxos, Distributed Computing 16, 2003), and with it the
// number of the instance it is of. The node alone writes it. An instance begins when somebody may end the one before it,
// and a later one makes all earlier ones void.
type Claim struct {
	Instance    uint64           // from 1; 0: the node never claimed
	Promised    Ballot           // the paper's mbal: no lower ballot is to be completed
	Accepted    Ballot           // the paper's bal: in which Value was proposed; 0: no ballot yet
	Value       Winner           // proposed in ballot Accepted
	Decided     bool             // Value is what the instance has decided
	Before      Winner           // what the instance before this one has decided
	Incarnation wire.Incarnation // of the writer
}

// valid tells whether a node may have written this.
func (c Claim) valid(owner wire.Node) bool {
	switch {
	case c.Instance == 0:
		return c == Claim{}
	case c.Promised.node() != owner || c.Promised.round() == 0 || c.Accepted > c.Promised || c.Incarnation == 0:
		return false
	case (c.Accepted == 0) != c.Value.IsZero() || c.Decided && c.Accepted == 0 || c.Accepted != 0 && c.Accepted.node() != owner:
		return false
	}
	return (c.Instance == 1) == c.Before.IsZero() && c.Value.valid() && c.Before.valid()
}

// With puts two blocks of one node together, as they stand on two disks. A life that reached one disk only may have been unknown to the
// next, so that the highest promise and the highest accepted value can lie on different ones.
func (c Claim) With(o Claim) Claim {
	switch {
	case o.Instance > c.Instance:
		return o
	case o.Instance < c.Instance:
		return c
	}
	c.Promised = max(c.Promised, o.Promised)
	if o.Accepted > c.Accepted {
		c.Accepted, c.Value = o.Accepted, o.Value
	}
	c.Decided = c.Decided || o.Decided
	c.Incarnation = max(c.Incarnation, o.Incarnation)
	return c
}

// Newer tells whether a block was written after another one of the same node, in the same life.
func (c Claim) Newer(than Claim) bool {
	switch {
	case c.Instance != than.Instance:
		return c.Instance > than.Instance
	case c.Promised != than.Promised:
		return c.Promised > than.Promised
	case c.Accepted != than.Accepted:
		return c.Accepted > than.Accepted
	}
	return c.Decided && !than.Decided
}

// SealClaim makes the sector of a node's block.
func (s Seals) SealClaim(id DiskID, at Place, v Claim) []byte {
	var b body
	b.u64(v.Instance)
	b.u64(uint64(v.Promised))
	b.u64(uint64(v.Accepted))
	b.winner(v.Value)
	b.winner(v.Before)
	b.u32(uint32(v.Incarnation))
	b.u8(0)
	if v.Decided {
		b[len(b)-1] = 1
	}
	return s.Seal(KindClaim, id, at, b)
}

// OpenClaim reads the sector of the owner's block.
func (s Seals) OpenClaim(id DiskID, at Place, owner wire.Node, sector []byte) (Claim, error) {
	raw, err := s.Open(KindClaim, id, at, sector)
	if err != nil {
		return Claim{}, err
	}
	f := fields{b: raw}
	v := Claim{Instance: f.u64(), Promised: Ballot(f.u64()), Accepted: Ballot(f.u64()), Value: f.winner(), Before: f.winner(),
		Incarnation: wire.Incarnation(f.u32())}
	decided := f.u8()
	v.Decided = decided == 1
	if !f.whole() || decided > 1 || !v.valid(owner) {
		return Claim{}, Nonsense
	}
	return v, nil
}

func (b *body) winner(w Winner) {
	b.u8(uint8(w.Node))
	b.u32(uint32(w.Incarnation))
	b.u64(uint64(w.Epoch))
	b.u64(uint64(w.Side))
}

func (f *fields) winner() Winner {
	return Winner{Node: wire.Node(f.u8()), Incarnation: wire.Incarnation(f.u32()), Epoch: wire.Epoch(f.u64()), Side: wire.Nodes(f.u64())}
}
