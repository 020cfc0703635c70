package quorumdisk

import "locum/wire"

// Pill is an order to reset, from the node that writes the mailbox to the node whose mailbox it is.
type Pill struct {
	Boot        wire.ID // of the life that is meant; zero: no pill
	Incarnation wire.Incarnation
	Epoch       wire.Epoch // of the view that orders it
	WroteAt     uint64     // for people, by the writer's clock, in Unix milliseconds
}

// IsZero tells whether there is no pill.
func (p Pill) IsZero() bool { return p.Boot.IsZero() }

func (p Pill) valid() bool {
	if p.IsZero() {
		return p == Pill{}
	}
	return p.Incarnation != 0 && p.Epoch != 0
}

// Binds tells whether a node has to obey the pill. It names a boot and an epoch: another boot runs nothing of what was
// meant, and a node that has been admitted to that view or a later one was taken back, which makes the pill void. A heart that
// was started anew in the same boot obeys as its predecessor would have: what was to be ended still runs. Of a later life than
// one's own no pill can tell the truth.
func (p *Pill) Binds(boot wire.ID, incarnation wire.Incarnation, admitted wire.Epoch) bool {
	return !p.IsZero() && p.Boot == boot && p.Incarnation <= incarnation && p.Epoch > admitted
}

// SealPill makes the sector of a mailbox.
func (s Seals) SealPill(id DiskID, at Place, v Pill) []byte {
	var b body
	b.id(v.Boot)
	b.u32(uint32(v.Incarnation))
	b.u64(uint64(v.Epoch))
	b.u64(v.WroteAt)
	return s.Seal(KindMailbox, id, at, b)
}

// OpenPill reads the sector of a mailbox.
func (s Seals) OpenPill(id DiskID, at Place, sector []byte) (Pill, error) {
	raw, err := s.Open(KindMailbox, id, at, sector)
	if err != nil {
		return Pill{}, err
	}
	f := fields{b: raw}
	v := Pill{Boot: f.id(), Incarnation: wire.Incarnation(f.u32()), Epoch: wire.Epoch(f.u64()), WroteAt: f.u64()}
	if !f.whole() || !v.valid() {
		return Pill{}, Nonsense
	}
	return v, nil
}
