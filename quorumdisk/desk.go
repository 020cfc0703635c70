package quorumdisk

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"locum/wire"
)

// Desk is all that a node does on its disks: at each round it writes its slot and then reads everybody's, and it lends the
// disks to the tie-break. Before the first write of a life it reads what former ones have written. It is pure: it is told what came of reads and writes, and says which come next. On one disk they are
// to be done one after the other, in the order in which they are given out.
type Desk struct {
	set    DeskSettings
	stamps Stamps
	tie    Tie
	rest   bool // see Rest
	disk   [MaxDisks]deskDisk
	pills  [wire.MaxNodes]Pill // that shall lie in the mailbox of node 1 and so on
	least  wire.Incarnation    // see AtLeast
	former wire.Epoch          // see Former
	op     uint64
}

// DeskSettings is what stays the same in one life of a heart.
type DeskSettings struct {
	Self        wire.Node
	Incarnation wire.Incarnation
	Disks       int           // 1 or 3
	Every       time.Duration // of the rounds
	Dead        time.Duration // how long an operation may be under way, and a slot stand still
	Nodes       wire.Nodes    // of the file
	Reseal      bool          // two keys are accepted: sectors are sealed anew with the first
}

// deskDisk is the round of one disk.
type deskDisk struct {
	op     uint64        // under way, 0 nothing
	doing  Work          // of the round
	to     wire.Node     // whose mailbox is written
	began  wire.Instant  // the round under way, or the last one
	issued wire.Instant  // the read
	done   wire.Instant  // the newest round that went well began then
	words  wire.Revision // of the operators, in this node's slot on the disk
	mail   mail
	seals  resealing
	slot   Slot // that waits until the disk has shown what former lives of this node wrote
	known  bool // it has: none of them was above this one, and none goes on
	twin   watch
	failed bool // the last one that ended did not go well
	// generation is that of the header that the newest round showed, 0 if it did not go well.
	generation uint32
	why        error
	claims     error // why the tie-break's newest access has failed, nil if it went well
}

// Work is what an Action is.
type Work uint8

// The works.
const (
	WriteSlot Work = 1 + iota
	ReadSlots
	WriteClaim
	ReadClaims
	WritePill
	ReadMail
	Reseal
)

var workNames = [...]string{"", "write slot", "read slots", "write claim", "read claims", "write pill", "read mail", "seal anew"}

func (w Work) String() string { return workNames[int(w)%len(workNames)] }

// Action is one read or write of one disk. Ended answers it, however late.
type Action struct {
	Disk  int
	Op    uint64
	Do    Work
	Slot  Slot  // to write
	Claim Claim // to write
	To    wire.Node
	Pill  Pill // to write into its mailbox
	// To seal anew: from which sector on, whether also what none of the nodes writes.
	From  Place
	Rest  bool
	Nodes wire.Nodes
}

// Ended is what came of an Action.
type Ended struct {
	Disk   int
	Op     uint64
	Failed error   // it has returned, and not done what it should; a write may be on the disk or not
	Slots  []Sight // read: of node 1 and so on
	ID     DiskID  // of the disk, with Slots
	Claims []Claim // read: of node 1 and so on; a read with one that is unreadable has failed
	Pills  []Pill  // read: from node 1 and so on, in the mailbox of this node; those that are unreadable are zero
	// Generation is that of the disk's header, with Slots and Claims.
	Generation uint32
	Stale      int   // sealing anew: sectors that are still sealed with another key
	Next       Place // where the next stretch begins, 0 at the end
}

// NewDesk makes the desk of one life.
func NewDesk(s DeskSettings) Desk {
	tie := TieSettings{Self: s.Self, Incarnation: s.Incarnation, Disks: s.Disks, Retry: s.Every, Backoff: max(s.Every/8, time.Millisecond)}
	return Desk{set: s, stamps: NewStamps(s.Self, s.Disks), tie: NewTie(tie)}
}

// Round begins a round on each disk that is free. With look the tie-break is read too.
func (d *Desk) Round(now wire.Instant, slot Slot, look bool) (todo []Action) {
	slot.Mail = d.mailTo()
	for i := range d.set.Disks {
		k := &d.disk[i]
		if k.op != 0 {
			continue
		}
		k.began = max(now, 1)
		if !k.known {
			k.slot = slot
			todo = append(todo, d.act(i, Action{Do: ReadSlots}))
			continue
		}
		todo = append(todo, d.write(i, slot))
	}
	if look {
		return append(todo, d.Tie(now, Look{})...)
	}
	return append(todo, d.Tie(now, Tick{})...)
}

func (d *Desk) write(disk int, slot Slot) Action {
	d.stamps.Begun(disk, slot)
	return d.act(disk, Action{Do: WriteSlot, Slot: slot})
}

// lookedUp takes what a disk shows before this life has written to it. A life that is not above all former ones must not write: the
// others would see the disk go back in time, and count it no more (SAFETY 10). A slot that is unreadable says nothing, for as long as it is. A disk that replaced
// another shows what this very life has written to the others. What another boot has written has to stand still first: a clone of this machine
// may be cut off from the cables, and what it runs would count as gone with the first stamp of a later boot (SAFETY 7).
func (d *Desk) lookedUp(now wire.Instant, disk int, slots []Sight) []Action {
	var twin error
	k, former := &d.disk[disk], wire.Incarnation(0)
	switch own := int(d.set.Self) - 1; {
	case own >= len(slots):
	case slots[own].Err != nil:
		twin = k.twin.hidden(now, k.began, wire.Instant(d.set.Dead))
	case !slots[own].Slot.precedes(k.slot):
		former = slots[own].Slot.Incarnation
		twin = k.twin.goesOn(now, k.began, slots[own].Slot, k.slot, d.set)
		d.former = max(d.former, slots[own].Slot.Epoch)
	}
	if former >= d.set.Incarnation {
		d.least = max(d.least, former+1) // 0 after the last: nothing can be above that one
		k.failed, k.why = true, fmt.Errorf("it shows life %d of this node, and this is life %d: the state directory was lost or brought back from an older time",
			former, d.set.Incarnation)
		return nil
	}
	switch {
	case errors.Is(twin, ErrNotYet):
		return nil
	case twin != nil:
		k.failed, k.why = true, twin
		return nil
	}
	k.known = k.twin.confirmed()
	return []Action{d.write(disk, k.slot)}
}

// AtLeast is the incarnation with which this node has to come back, because a disk shows a former life that is not below this
// one; 0 if none does.
func (d *Desk) AtLeast() wire.Incarnation { return d.least }

// Former is the highest epoch that the disks show of former lives of this node, 0 if they show none.
func (d *Desk) Former() wire.Epoch { return d.former }

// Heard tells of a life that is known from elsewhere.
func (d *Desk) Heard(n wire.Node, life wire.Incarnation) { d.stamps.Heard(n, life) }

// Tie gives the tie-break an event.
func (d *Desk) Tie(now wire.Instant, ev TieEvent) (todo []Action) {
	for _, a := range d.tie.Step(now, ev) {
		do := ReadClaims
		if a.Write {
			do = WriteClaim
		}
		todo = append(todo, Action{Disk: a.Disk, Op: a.Op << 1, Do: do, Claim: a.Claim})
	}
	return todo
}

// Ended takes what came of an action.
func (d *Desk) Ended(now wire.Instant, ev Ended) []Action {
	if ev.Disk < 0 || ev.Disk >= d.set.Disks {
		return nil
	}
	if ev.Op&1 == 0 {
		return d.tieEnded(now, ev)
	}
	k := &d.disk[ev.Disk]
	if k.op != ev.Op {
		return nil
	}
	k.op = 0
	switch {
	case ev.Failed != nil:
		k.failed, k.why, k.words, k.mail = true, ev.Failed, wire.Revision{}, mail{} // it may be another disk by now
		k.seals, k.generation = resealing{}, 0
		k.known, k.twin = false, k.twin.interrupted(k.known, k.doing == WriteSlot) // and another machine may have come meanwhile
	case k.doing == ReadSlots && !k.known:
		return d.lookedUp(now, ev.Disk, ev.Slots)
	case k.doing == WriteSlot:
		k.words = d.stamps.Wrote(ev.Disk).Words
		if !k.known {
			return nil // the next round shows whether it stays
		}
		return d.written(now, ev.Disk)
	case k.doing == WritePill:
		k.mail.sent[k.to-1] = d.pills[k.to-1]
		return d.written(now, ev.Disk)
	case k.doing == ReadMail:
		copy(k.mail.found[:], ev.Pills)
		return d.sealAnew(ev.Disk)
	case k.doing == Reseal:
		k.sealedAnew(ev)
	default:
		k.why = d.stamps.Saw(SlotRead{Disk: ev.Disk, ID: ev.ID, Issued: k.issued, Returned: now, Slots: ev.Slots})
		if k.failed = k.why != nil; k.failed {
			k.known, k.twin = false, watch{}
		} else {
			k.done = k.began
			k.generation = ev.Generation
			if fetch := d.fetchMail(ev.Disk, ev.Slots); fetch != nil {
				return fetch
			}
			return d.sealAnew(ev.Disk)
		}
	}
	return nil
}

// written goes on with a round whose slot is on the disk: pills that are not, then the slots of all.
func (d *Desk) written(now wire.Instant, disk int) []Action {
	k := &d.disk[disk]
	if to := k.mail.missing(&d.pills); to != 0 {
		k.to = to
		return []Action{d.act(disk, Action{Do: WritePill, To: to, Pill: d.pills[to-1]})}
	}
	k.issued = now
	return []Action{d.act(disk, Action{Do: ReadSlots})}
}

func (d *Desk) tieEnded(now wire.Instant, ev Ended) []Action {
	op := ev.Op >> 1
	switch {
	case ev.Failed != nil:
		d.disk[ev.Disk].claims = ev.Failed
		return d.Tie(now, Failed{Disk: ev.Disk, Op: op})
	case ev.Claims != nil:
		d.disk[ev.Disk].claims = nil
		return d.Tie(now, ReadDone{Disk: ev.Disk, Op: op, Claims: ev.Claims, Generation: ev.Generation})
	}
	return d.Tie(now, WriteDone{Disk: ev.Disk, Op: op})
}

func (d *Desk) act(disk int, a Action) Action {
	d.op++
	d.disk[disk].op, d.disk[disk].doing = d.op<<1|1, a.Do
	a.Disk, a.Op = disk, d.disk[disk].op
	return a
}

// Wake is when the tie-break wants a Tick, 0 never.
func (d *Desk) Wake() wire.Instant { return d.tie.Wake() }

// Showing is what the disks show.
type Showing struct {
	Good bool // the newest rounds went well on a majority of the disks
	// From is when the newest round began in which a majority took this node's slot and then showed the others'; and not later
	// than when the newest reads were issued of which a majority showed the tie-break as it is told here.
	From      wire.Instant
	Newest    uint64   // the newest instance that anybody has opened
	Last      Decision // the newest that is known to be decided
	DecidedAt wire.Instant
	Words     wire.Revision // of the operators, that a majority of the disks names in this node's slot
}

// Show tells what the disks show.
func (d *Desk) Show(now wire.Instant) Showing {
	good := 0
	for i := range d.set.Disks {
		if d.Trouble(now, i) == nil {
			good++
		}
	}
	return Showing{Good: good >= Majority(d.set.Disks), From: min(d.from(), d.tie.asOf()), Newest: d.tie.newest, Last: d.tie.last, DecidedAt: d.tie.doneAt,
		Words: d.words()}
}

// Trouble is what is wrong with a disk, nil if nothing is.
func (d *Desk) Trouble(now wire.Instant, disk int) error {
	k := &d.disk[disk]
	switch {
	case k.op != 0 && now-k.began >= wire.Instant(d.set.Dead):
		return errNoAnswer
	case k.failed:
		return k.why
	case k.done == 0:
		return ErrNotYet
	case k.claims != nil: // it is of no use in a tie
		return k.claims
	case d.behind(k):
		return ErrBehind
	}
	return nil
}

// behind tells whether another disk that counts shows a later header.
func (d *Desk) behind(k *deskDisk) bool {
	for i := range d.set.Disks {
		if d.disk[i].generation > k.generation {
			return true
		}
	}
	return false
}

// What is wrong with a disk that says nothing itself.
var (
	ErrNotYet   = errors.New("no round has ended yet")
	errNoAnswer = errors.New("it does not answer")
)

func (d *Desk) from() wire.Instant {
	var at []wire.Instant
	for i := range d.set.Disks {
		at = append(at, d.disk[i].done)
	}
	slices.Sort(at)
	return at[len(at)-Majority(len(at))]
}

// words is the newest that a majority of the disks names.
func (d *Desk) words() wire.Revision {
	var named []wire.Revision
	for i := range d.set.Disks {
		named = append(named, d.disk[i].words)
	}
	slices.SortFunc(named, wire.Revision.Compare)
	return named[len(named)-Majority(len(named))]
}

// Read is when the newest reads were issued that showed a node's slot, readable, on a majority of the disks; 0 never.
func (d *Desk) Read(n wire.Node) wire.Instant { return d.stamps.Read(n) }

// Wrote is since when at the earliest a node's newest slot can have been composed, 0 if that is not known.
func (d *Desk) Wrote(n wire.Node) wire.Instant { return d.stamps.Composed(n) }

// Marked reports whether a majority of the disks says in this node's slot that its life has ended in order.
func (d *Desk) Marked() bool {
	marked := 0
	for i := range d.set.Disks {
		if d.stamps.disk[i].wrote.State.Has(LeftClean) {
			marked++
		}
	}
	return marked >= Majority(d.set.Disks)
}

// Shared reports whether a node was seen to use the same disks.
func (d *Desk) Shared(n wire.Node) bool { return d.stamps.Shared(n) }

// Missing is a node that does not write to a disk, and does to others.
func (d *Desk) Missing(disk int) wire.Node { return d.stamps.Missing(disk, d.set.Dead) }

// Met lists who was seen to use which of the disks, for the next life to Remember.
func (d *Desk) Met() []Met { return d.stamps.Met() }

// Remember takes up what the life before in the same boot has listed.
func (d *Desk) Remember(met []Met) { d.stamps.Remember(met) }

// Slot is the newest of a node that the disks showed, when it was last seen to move, and whether it has stood still since for
// the disks' dead.
func (d *Desk) Slot(n wire.Node) (s Slot, moved wire.Instant, still bool) {
	return d.stamps.Slot(n), d.stamps.Moved(n), d.stamps.Still(n) >= d.set.Dead
}
