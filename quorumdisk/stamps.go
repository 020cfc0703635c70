package quorumdisk

import (
	"fmt"
	"slices"
	"time"

	"locum/wire"
)

// Stamps judges the other nodes by their slots: whether they rose while this node looked, by this node's own time. It never
// compares clocks, and reads prove nothing by not happening: how long a slot has stood still is counted to when the newest
// reads were issued that showed it so on a majority of the disks.
type Stamps struct {
	self  wire.Node
	disks int
	known [wire.MaxNodes]Slot             // the newest that any disk showed
	heard [wire.MaxNodes]wire.Incarnation // from elsewhere: older stamps are those of a disk that was brought back
	moved [wire.MaxNodes]wire.Instant
	wrote [wire.MaxNodes]wire.Instant // see Composed
	disk  [MaxDisks]stampDisk
	met   [MaxDisks]metDisk // by a former life
}

// metDisk is whose stamps were seen to rise on a disk, by their lives.
type metDisk struct {
	id    DiskID
	lives [wire.MaxNodes]wire.Incarnation
}

// Met is a life of another node whose stamp was seen to rise on a disk.
type Met struct {
	Disk        DiskID           `json:"disk"`
	Node        wire.Node        `json:"node"`
	Incarnation wire.Incarnation `json:"incarnation"`
}

type stampDisk struct {
	id      DiskID
	wrote   Slot // the own slot that is on the disk for certain
	begun   Slot // the own slot that was last begun to be written
	readAt  wire.Instant
	first   [wire.MaxNodes]Slot         // what the disk showed at first in a node's present life
	shown   [wire.MaxNodes]Slot         // and last
	witness [wire.MaxNodes]wire.Instant // when the newest read was issued that showed the node's slot, readable
	landed  [wire.MaxNodes]wire.Instant // the slot that is shown was not there yet by then
	behind  [wire.MaxNodes]wire.Instant // since when it has not risen here, though others showed a newer one; 0 if it has
}

// SlotRead is what one read of all slots of a disk gave.
type SlotRead struct {
	Disk     int
	ID       DiskID // another than before: the disk was replaced, and what the old one showed says nothing of it
	Issued   wire.Instant
	Returned wire.Instant
	Slots    []Sight // of node 1 and so on
}

// Sight is one slot, or why it cannot be read.
type Sight struct {
	Slot Slot
	Err  error
}

// NewStamps makes the judge of one life of a heart.
func NewStamps(self wire.Node, disks int) Stamps { return Stamps{self: self, disks: disks} }

// Heard tells of a life that is known from elsewhere: what a former one wrote counts for nothing any more.
func (s *Stamps) Heard(n wire.Node, life wire.Incarnation) {
	s.heard[n-1] = max(s.heard[n-1], life)
}

// Begun and Wrote tell of the own slot on a disk: that it is being written, and that it has been. There is one
// operation at a time on a disk, so that what is read after Wrote has to show it.
func (s *Stamps) Begun(d int, slot Slot) { s.disk[d].begun = slot }

// Wrote tells that the slot that was begun is on the disk, and gives it.
func (s *Stamps) Wrote(d int) Slot {
	s.disk[d].wrote = s.disk[d].begun
	return s.disk[d].wrote
}

// Saw takes a read. An error says that the disk does not show what was written to it, and that nothing was taken from this
// read; single slots that are unreadable are no error here, and prove nothing of their nodes.
func (s *Stamps) Saw(r SlotRead) error {
	d := &s.disk[r.Disk]
	switch {
	case d.id.IsZero(): // what was written before the first read has to be shown too
		d.id = r.ID
	case d.id != r.ID:
		*d = stampDisk{id: r.ID}
	}
	if err := s.honest(d, r); err != nil {
		return err
	}
	d.readAt = r.Issued
	for i, sight := range r.Slots {
		if wire.Node(i+1) != s.self && sight.Err == nil {
			s.sawNode(d, i, sight.Slot, r)
		}
	}
	return nil
}

// honest tells what is wrong with a read. Its words stay the same as long as that lasts, since each change is an alarm.
func (s *Stamps) honest(d *stampDisk, r SlotRead) error {
	if len(r.Slots) < int(s.self) || len(r.Slots) > wire.MaxNodes {
		return fmt.Errorf("%d slots were read", len(r.Slots))
	}
	own := r.Slots[s.self-1]
	switch {
	case own.Err != nil:
		return fmt.Errorf("the slot of this node: %w", own.Err)
	case d.wrote.Newer(own.Slot):
		return fmt.Errorf("the disk shows an older time stamp of this node (of life %d) than was written (in life %d): it loses writes, or answers from a cache of its own",
			own.Slot.Incarnation, d.wrote.Incarnation)
	case d.begun.Incarnation != 0 && (own.Slot.Newer(d.begun) || own.Slot.Boot != d.begun.Boot || own.Slot.Machine != d.begun.Machine):
		return twinError(s.self, own.Slot)
	}
	for i, sight := range r.Slots {
		if sight.Err == nil && d.shown[i].Newer(sight.Slot) {
			return fmt.Errorf("the disk shows an older time stamp of node %d (of life %d) than it did before (of life %d): an old copy, or a cache of its own",
				i+1, sight.Slot.Incarnation, d.shown[i].Incarnation)
		}
	}
	return nil
}

func (s *Stamps) sawNode(d *stampDisk, i int, slot Slot, r SlotRead) {
	if slot.Incarnation != d.shown[i].Incarnation {
		d.first[i] = slot
	}
	switch {
	case !s.known[i].Newer(slot):
		d.behind[i] = 0
	case d.behind[i] == 0 || slot.Newer(d.shown[i]):
		d.behind[i] = r.Returned
	}
	before := d.landed[i]
	if slot.Newer(d.shown[i]) {
		d.landed[i] = d.witness[i]
	}
	d.shown[i] = slot
	d.witness[i] = r.Issued
	if slot.Newer(s.known[i]) {
		s.known[i], s.wrote[i] = slot, before
		if slot.Incarnation >= s.heard[i] {
			s.moved[i] = r.Returned
		}
	}
}

// Slot is a node's newest slot; of life 0 if none was ever seen.
func (s *Stamps) Slot(n wire.Node) Slot { return s.known[n-1] }

// Moved is when a read returned that showed a node's stamp risen, on any disk; 0: never while this node looked. The first
// sight of a slot counts: nobody knows when that was written.
func (s *Stamps) Moved(n wire.Node) wire.Instant { return s.moved[n-1] }

// Composed is since when at the earliest a node's newest slot can have been composed: what it wrote to the same disk before had landed there by then. What it writes to several disks may land in
// any order.
func (s *Stamps) Composed(n wire.Node) wire.Instant { return s.wrote[n-1] }

// Still is for how long a node's slot is known to have stood still, in the life that Slot tells: from when it was last
// seen to move on any disk until the newest reads of a majority of them. 0 where nothing is known.
func (s *Stamps) Still(n wire.Node) time.Duration {
	if s.moved[n-1] == 0 || s.known[n-1].Incarnation < s.heard[n-1] {
		return 0
	}
	return time.Duration(max(0, s.Read(n)-s.moved[n-1]))
}

// Read is when the newest reads were issued that showed a node's slot, readable, on a majority of the disks; 0 never.
func (s *Stamps) Read(n wire.Node) wire.Instant {
	return s.majority(func(d *stampDisk) wire.Instant { return d.witness[n-1] })
}

// majority is the newest instant that is reached on a majority of the disks.
func (s *Stamps) majority(of func(*stampDisk) wire.Instant) wire.Instant {
	var at []wire.Instant
	for d := range s.disks {
		at = append(at, of(&s.disk[d]))
	}
	slices.Sort(at)
	return at[len(at)-Majority(len(at))]
}

// Shared tells whether a node is known to use the same disks: its slot rose, in its present life and while this node looked, on a
// majority of them. Without it two nodes that were given different disks would both win.
func (s *Stamps) Shared(n wire.Node) bool {
	rose := 0
	for d := range s.disks {
		if s.rose(&s.disk[d], n) {
			rose++
		}
	}
	return rose >= Majority(s.disks)
}

// rose tells whether a node's slot rose on a disk in its present life, while this life or a former one looked.
func (s *Stamps) rose(d *stampDisk, n wire.Node) bool {
	shown := &d.shown[n-1]
	return shown.Incarnation != 0 && shown.Incarnation == s.known[n-1].Incarnation && (shown.Newer(d.first[n-1]) || s.metOn(d.id, n) == shown.Incarnation)
}

// Missing is a node whose slot has stood still on a disk for dead while it rose on others, 0 if there is none: the node does not reach the disk, or one of both has a copy of it.
func (s *Stamps) Missing(disk int, dead time.Duration) wire.Node {
	d := &s.disk[disk]
	for i, since := range d.behind {
		if least := since + wire.Instant(dead); since != 0 && d.witness[i] >= least && s.moved[i] >= least && s.Still(wire.Node(i+1)) < dead {
			return wire.Node(i + 1)
		}
	}
	return 0
}

// metOn is the life of a node that a former one of this node has met on a disk, 0 if it has met none.
func (s *Stamps) metOn(id DiskID, n wire.Node) wire.Incarnation {
	for i := range s.met {
		if s.met[i].id == id {
			return s.met[i].lives[n-1]
		}
	}
	return 0
}

// Met lists who was seen to use which of the disks, by this life or a former one. Those that there are now come first: what they have replaced may leave no room.
func (s *Stamps) Met() (list []Met) {
	now := Stamps{}
	for d := range s.disks {
		shown := &s.disk[d].shown
		for i := range shown {
			if n := wire.Node(i + 1); s.rose(&s.disk[d], n) {
				now.meet(Met{s.disk[d].id, n, shown[i].Incarnation})
			}
		}
	}
	for _, m := range s.met {
		for i, life := range m.lives {
			if life != 0 {
				now.meet(Met{m.id, wire.Node(i + 1), life})
			}
		}
	}
	for _, m := range now.met {
		for i, life := range m.lives {
			if life != 0 && life >= s.known[i].Incarnation {
				list = append(list, Met{m.id, wire.Node(i + 1), life})
			}
		}
	}
	return list
}

// Remember takes up what a former life of the same boot has listed. Disks are told apart by their ids: another one that bears the same name now is no such disk.
func (s *Stamps) Remember(met []Met) {
	for _, m := range met {
		if m.Node >= 1 && m.Node <= wire.MaxNodes {
			s.meet(m)
		}
	}
}

// meet notes one, if there is room for its disk: more than there are now only former ones can be.
func (s *Stamps) meet(m Met) {
	for i := range s.met {
		if k := &s.met[i]; !m.Disk.IsZero() && (k.id == m.Disk || k.id.IsZero()) {
			k.id, k.lives[m.Node-1] = m.Disk, max(k.lives[m.Node-1], m.Incarnation)
			return
		}
	}
}

// ReadAt is when the newest reads were issued that a majority of the disks answered well: the disks are of use as of then.
func (s *Stamps) ReadAt() wire.Instant {
	return s.majority(func(d *stampDisk) wire.Instant { return d.readAt })
}
