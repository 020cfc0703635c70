package quorumdisk

import "locum/wire"

// Slot is a node's time stamp: that it lives, and what it is. The node alone writes it, once every `every`.
type Slot struct {
	Incarnation wire.Incarnation // 0: the node has never written here
	Counter     uint64           // one more with each write of a life
	Boot        wire.ID
	Machine     wire.ID
	Epoch       wire.Epoch // the highest that the node ever promised
	State       SlotState
	LeaseMS     uint32
	WatchdogMS  uint32 // as read back from the device
	// Words is the newest of the operators' words that the node has durable, wire.Unknown if it does not know.
	Words wire.Revision
	Hears wire.Nodes // over its cables
	// Mail is to whom this node has written a pill: only those mailboxes are worth reading.
	Mail wire.Nodes
	// Instance is the newest of the tie-break that the node takes part in: where nobody's is newer than what a reader knows,
	// the claims are not worth reading.
	Instance uint64
	// WroteAt is for people, by the writer's clock, in Unix milliseconds. Nothing is decided by it.
	WroteAt uint64
}

// precedes reports whether a slot was written before another one by the same life.
func (s Slot) precedes(o Slot) bool {
	return s.Incarnation == o.Incarnation && s.Boot == o.Boot && s.Machine == o.Machine && s.Counter < o.Counter
}

// SlotState is a set of what is so of a node.
type SlotState uint16

// What may be so of a node when it writes its slot.
const (
	Running     SlotState = 1 << iota // something may run here
	LeftClean                         // left in order: probed, nothing runs
	ObeysLease                        // resets at the end of its lease
	Armed                             // the watchdog is armed
	EngineUp                          // its engine answers the heart
	Quorate                           // its view has quorum
	Unadmitted                        // it was in no quorum since its machine was booted: it has no vote
	knownStates = 1<<iota - 1
)

// Has tells whether all of these are so.
func (s SlotState) Has(all SlotState) bool { return s&all == all }

// valid tells whether a node may have written this: a node that left clean runs nothing.
func (s Slot) valid() bool {
	if s.Incarnation == 0 {
		return s == Slot{}
	}
	return s.State&^knownStates == 0 && !s.State.Has(Running|LeftClean)
}

// Newer tells whether a slot was written after another one of the same node.
func (s Slot) Newer(than Slot) bool {
	if s.Incarnation != than.Incarnation {
		return s.Incarnation > than.Incarnation
	}
	return s.Counter > than.Counter
}

// SealSlot makes the sector of a node's slot.
func (s Seals) SealSlot(id DiskID, at Place, v Slot) []byte {
	var b body
	b.u32(uint32(v.Incarnation))
	b.u64(v.Counter)
	b.id(v.Boot)
	b.id(v.Machine)
	b.u64(uint64(v.Epoch))
	b.u16(uint16(v.State))
	b.u32(v.LeaseMS)
	b.u32(v.WatchdogMS)
	b.u64(uint64(v.Words.Epoch))
	b.u64(v.Words.Count)
	b.u64(uint64(v.Hears))
	b.u64(uint64(v.Mail))
	b.u64(v.Instance)
	b.u64(v.WroteAt)
	return s.Seal(KindSlot, id, at, b)
}

// OpenSlot reads the sector of a node's slot.
func (s Seals) OpenSlot(id DiskID, at Place, sector []byte) (Slot, error) {
	raw, err := s.Open(KindSlot, id, at, sector)
	if err != nil {
		return Slot{}, err
	}
	f := fields{b: raw}
	v := Slot{Incarnation: wire.Incarnation(f.u32()), Counter: f.u64(), Boot: f.id(), Machine: f.id(), Epoch: wire.Epoch(f.u64()),
		State: SlotState(f.u16()), LeaseMS: f.u32(), WatchdogMS: f.u32(), Words: wire.Revision{Epoch: wire.Epoch(f.u64()), Count: f.u64()},
		Hears: wire.Nodes(f.u64()), Mail: wire.Nodes(f.u64()), Instance: f.u64(), WroteAt: f.u64()}
	if !f.whole() || !v.valid() {
		return Slot{}, Nonsense
	}
	return v, nil
}
