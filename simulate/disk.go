package simulate

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"locum/heartbeat"
	"locum/quorumdisk"
	"locum/wire"
)

// disk is one quorum disk that all nodes share: what lies in its sectors.
type disk struct {
	id     quorumdisk.DiskID
	slots  []quorumdisk.Slot   // of node 1 and so on
	claims []quorumdisk.Claim  // likewise
	mail   [][]quorumdisk.Pill // by receiver and sender
	takes  time.Duration       // each access
	made   int                 // how often another took its place
	joins  bool                // it has replaced another, and does not count yet
	marks
}

// reach is how a node reaches one disk.
type reach struct {
	lost bool         // every access fails after diskPatience
	hung bool         // no access returns
	busy wire.Instant // until then it is at another one
	wait []func()     // accesses that hang
	own  *disk        // its disk line leads to other storage
}

// diskPatience is how long an access to a lost disk takes to fail.
const diskPatience = time.Second

func (w *World) newDisks(n int, nodes wire.Node) []disk {
	disks := make([]disk, n)
	for i := range disks {
		w.inits++
		disks[i] = disk{id: quorumdisk.DiskID{byte(w.inits >> 8), byte(w.inits), 1}, slots: make([]quorumdisk.Slot, nodes), claims: make([]quorumdisk.Claim, nodes), takes: time.Millisecond,
			marks: newMarks(int(nodes), printOf(w.Config))}
		for range nodes {
			disks[i].mail = append(disks[i].mail, make([]quorumdisk.Pill, nodes))
		}
	}
	return disks
}

// onDisk plays one access: one after the other on each disk, and what a node has begun is done although it dies meanwhile.
func (h *heart) onDisk(a quorumdisk.Action) { h.onDiskAs(a, h.n.w.disks[a.Disk].made) }

// onDiskAs plays an access to a disk as it was made: what was meant for one that was replaced since is lost.
func (h *heart) onDiskAs(a quorumdisk.Action, made int) {
	n, w := h.n, h.n.w
	r := &n.disks[a.Disk]
	switch {
	case r.hung:
		r.wait = append(r.wait, func() { h.onDiskAs(a, made) })
		return
	case r.lost:
		w.in(diskPatience, func() { h.diskEnded(quorumdisk.Ended{Disk: a.Disk, Op: a.Op, Failed: errLost}) })
		return
	}
	r.busy = max(r.busy, w.now) + wire.Instant(w.disks[a.Disk].takes)
	w.queue.put(r.busy, func() {
		d := &w.disks[a.Disk]
		if r.own != nil {
			d = r.own
		}
		e := quorumdisk.Ended{Disk: a.Disk, Op: a.Op, Failed: errLost}
		switch {
		case d.joins:
			e.Failed = quorumdisk.ErrJoining
		case r.own != nil || d.made == made:
			e = d.access(n.cfg.Number, h.keys, a)
		}
		if a.Do == quorumdisk.WriteClaim {
			w.opens(n.cfg.Number, a.Claim.Instance)
		}
		h.diskEnded(e)
	})
}

var errLost = errors.New("input/output error")

func (d *disk) access(by wire.Node, keys []wire.KeyPrint, a quorumdisk.Action) quorumdisk.Ended {
	e := quorumdisk.Ended{Disk: a.Disk, Op: a.Op}
	if !slices.Contains(keys, d.rest) {
		e.Failed = quorumdisk.OtherKey
		return e
	}
	switch a.Do {
	case quorumdisk.WriteSlot:
		d.slots[by-1], d.slotMarks[by-1] = a.Slot, keys[0]
	case quorumdisk.WriteClaim:
		d.claims[by-1], d.claimMarks[by-1] = a.Claim, keys[0]
	case quorumdisk.ReadSlots:
		e.ID = d.id
		for i, s := range d.slots {
			sight := quorumdisk.Sight{Slot: s}
			if !slices.Contains(keys, d.slotMarks[i]) {
				sight = quorumdisk.Sight{Err: quorumdisk.OtherKey}
			}
			e.Slots = append(e.Slots, sight)
		}
	case quorumdisk.WritePill:
		d.mail[a.To-1][by-1] = a.Pill
	case quorumdisk.ReadMail:
		e.Pills = append(e.Pills, d.mail[by-1]...)
	case quorumdisk.ReadClaims:
		for i, c := range d.claims {
			if !slices.Contains(keys, d.claimMarks[i]) {
				return quorumdisk.Ended{Disk: a.Disk, Op: a.Op, Failed: quorumdisk.OtherKey}
			}
			e.Claims = append(e.Claims, c)
		}
	case quorumdisk.Reseal:
		e.Stale = d.reseal(by, keys[0], a)
	}
	return e
}

func (h *heart) diskEnded(e quorumdisk.Ended) {
	h.step(heartbeat.DiskEnded{Ended: e})
	h.step(heartbeat.Tick{Drained: true})
}

// disksAre makes a command that sets how nodes reach disks: NODE… [1|2|3], all disks or the one with that number.
func disksAre(set func(r *reach)) func(w *World, args []string) error {
	return func(w *World, args []string) error { return w.disksAre(args, set) }
}

func (w *World) disksAre(args []string, set func(r *reach)) error {
	only := -1
	for _, word := range args {
		if k, err := strconv.Atoi(word); err == nil {
			only = k - 1
		}
	}
	for _, word := range args {
		if _, err := strconv.Atoi(word); err == nil {
			continue
		}
		n, err := w.node(word)
		if err != nil {
			return err
		}
		for i := range n.disks {
			if only < 0 || i == only {
				set(&n.disks[i])
			}
		}
	}
	return nil
}

// commandOwnDisk: own-disk NODE: its disk lines lead to storage that no other node has.
func (w *World) commandOwnDisk(args []string) error {
	n, err := w.node(args[0])
	for i := range w.disks {
		if err == nil {
			n.disks[i].own = &w.newDisks(1, wire.Node(len(w.disks[i].slots)))[0]
		}
	}
	return err
}

// commandCopyDisk: copy-disk NODE: its disk lines lead to a copy of the storage, made just now.
func (w *World) commandCopyDisk(args []string) error {
	n, err := w.node(args[0])
	only := -1
	if len(args) > 1 {
		k, bad := strconv.Atoi(args[1])
		if only = k - 1; bad != nil {
			return bad
		}
	}
	for i := range w.disks {
		if err == nil && (only < 0 || only == i) {
			d := w.disks[i]
			d.slots, d.claims = slices.Clone(d.slots), slices.Clone(d.claims)
			d.slotMarks, d.claimMarks = slices.Clone(d.slotMarks), slices.Clone(d.claimMarks)
			d.mail = slices.Clone(d.mail)
			for j := range d.mail {
				d.mail[j] = slices.Clone(d.mail[j])
			}
			n.disks[i].own = &d
		}
	}
	return err
}

// spoilClaim makes what a node has written of the tie-break unreadable on all disks, until it is written anew.
func (n *node) spoilClaim() {
	for i := range n.w.disks {
		n.w.disks[i].claimMarks[n.cfg.Number-1] = wire.KeyPrint{}
	}
}

// commandDiskTakes: disk-takes TIME: so long lasts each access to a quorum disk.
func (w *World) commandDiskTakes(args []string) error {
	d, err := time.ParseDuration(args[0])
	for i := range w.disks {
		w.disks[i].takes = d
	}
	return err
}

// release ends all trouble of a node with a disk: what hung is done now.
func (r *reach) release() {
	wait := r.wait
	*r = reach{busy: r.busy, own: r.own}
	for _, do := range wait {
		do()
	}
}

// opens notes when an instance of the tie-break was first opened on a majority of the disks: no lease that rests on an older one
// may be counted from later.
func (w *World) opens(by wire.Node, instance uint64) {
	on := 0
	for i := range w.disks {
		if w.disks[i].claims[by-1].Instance >= instance {
			on++
		}
	}
	for uint64(len(w.checks.opened)) <= instance {
		w.checks.opened = append(w.checks.opened, 0)
	}
	if on >= quorumdisk.Majority(len(w.disks)) && w.checks.opened[instance] == 0 {
		w.checks.opened[instance] = w.now
	}
}

// checkClaim: a lease that rests on the disk grows beyond what a round that began before the next claim was on a majority of the
// disks can have given.
func (n *node) checkClaim(v wire.ViewForHeart, l wire.Lease, lasts time.Duration) {
	opened := n.w.checks.opened
	if v.Claim == 0 || v.Claim+1 >= uint64(len(opened)) || opened[v.Claim+1] == 0 {
		return
	}
	next := opened[v.Claim+1]
	if most := n.clock.shows(next) + wire.Instant(lasts) + wire.Instant(time.Microsecond); l.Until > most {
		n.w.broken("lease: %s believes that its lease lasts %s longer than the next claim on the disk allows", n.cfg.Name, time.Duration(l.Until-most))
	}
}
