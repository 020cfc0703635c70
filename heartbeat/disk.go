package heartbeat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"locum/quorumdisk"
	"locum/wire"
)

// disk is what this heart does on the quorum disks: a round of writing its own slot and reading all others at each pace of the
// file, and the tie-break while the engine wants it.
type disk struct {
	used    bool // the file has disks
	desk    quorumdisk.Desk
	every   wire.Instant  // the pace of rounds
	next    wire.Instant  // when the next round is due
	counter uint64        // of this node's slot in this life
	want    wire.Want     // what the engine wants
	words   wire.Revision // of the operators, that the engine has durable
	obeyed  quorumdisk.Pill
	seen    wire.Disk // what the engine was told last
	heeded  uint64    // the number of the engine's newest word about sealing anew
}

func newDisk(s Settings) disk {
	if len(s.Config.Disks) == 0 {
		return disk{}
	}
	first := s.Config.Disks[0]
	var nodes wire.Nodes
	for _, n := range s.Config.Nodes {
		nodes = nodes.With(n.Number)
	}
	desk := quorumdisk.NewDesk(quorumdisk.DeskSettings{Self: s.Self, Incarnation: s.Incarnation, Disks: len(s.Config.Disks), Every: first.Every, Dead: first.Dead,
		Nodes: nodes, Reseal: len(s.Keys) > 1})
	return disk{used: true, every: wire.Instant(first.Every), desk: desk, words: wire.Unknown}
}

// diskIsDue begins a round when it is time for one. The tie-break is read with it only while it matters to somebody.
func (h *Heart) diskIsDue() {
	d := &h.disk
	switch wake := d.desk.Wake(); {
	case !d.used:
	case h.now >= d.next:
		d.next = h.now + d.every
		d.counter++
		for _, p := range h.peers {
			d.desk.Heard(p.is.Node, p.is.Incarnation)
		}
		h.onDisk(d.desk.Round(h.now, h.slot(), d.want.Epoch != 0 || h.grants.view.Claim != 0 || h.missesSomebody()))
		h.diskChanged(false)
	case wake != 0 && h.now >= wake:
		h.onDisk(d.desk.Tie(h.now, quorumdisk.Tick{}))
	}
}

// diskDueAt is when diskIsDue has something to do, 0 never.
func (h *Heart) diskDueAt() wire.Instant {
	d := &h.disk
	if !d.used {
		return 0
	}
	if wake := d.desk.Wake(); wake != 0 {
		return max(min(d.next, wake), 1)
	}
	return max(d.next, 1)
}

func (h *Heart) onDisk(todo []quorumdisk.Action) {
	for _, a := range todo {
		h.do(OnDisk{a})
	}
}

// slot is what this node writes into its own.
func (h *Heart) slot() quorumdisk.Slot {
	g := &h.grants
	s := quorumdisk.Slot{Incarnation: h.incarnation, Counter: h.disk.counter, Boot: h.boot, Machine: h.machine, Epoch: h.granted(),
		LeaseMS: milliseconds(h.cfg.Lease), WatchdogMS: milliseconds(h.watchdog.Timeout), Instance: h.disk.seen.Begun, Words: h.disk.words}
	s.State = only(quorumdisk.Running, !g.idle || g.mayRun) | only(quorumdisk.LeftClean, h.exiting && g.left) | only(quorumdisk.ObeysLease, !g.view.Exempt) |
		only(quorumdisk.Armed, h.watchdog.Armed) | only(quorumdisk.EngineUp, h.engine.up) | only(quorumdisk.Quorate, g.view.Quorate) | only(quorumdisk.Unadmitted, g.joined == 0)
	for _, p := range h.peers {
		if p.alive() {
			s.Hears = s.Hears.With(p.is.Node)
		}
	}
	return s
}

// only is a state if it is so.
func only(s quorumdisk.SlotState, so bool) quorumdisk.SlotState {
	if so {
		return s
	}
	return 0
}

// diskEnded takes what came of a read or a write.
func (h *Heart) diskEnded(e quorumdisk.Ended) {
	if h.disk.used {
		h.onDisk(h.disk.desk.Ended(h.now, e))
		h.diskChanged(h.missesSomebody() || h.disk.want.Epoch != 0 || h.grants.view.Claim != 0)
		h.obeyPill()
		if least := h.disk.desk.AtLeast(); least > h.incarnation {
			h.persist(true)
			h.do(Restart{AtLeast: least, Why: fmt.Sprintf(
				"a quorum disk shows incarnation %d of this node, this is %d: the state directory was lost or brought back from an older time",
				least-1, h.incarnation)})
		}
	}
}

// diskChanged tells the engine what the disks show if that changed, or if it moved on and matters.
func (h *Heart) diskChanged(always bool) {
	d := &h.disk
	old := d.seen
	d.seen = h.shown()
	if old.From != d.seen.From {
		h.lease.echoed = true
	}
	changed := old.Good != d.seen.Good || old.Begun != d.seen.Begun || old.Decided != d.seen.Decided || old.Trouble != d.seen.Trouble || old.Joins != d.seen.Joins || old.Noted != d.seen.Noted || old.Former != d.seen.Former ||
		old.Sealed != d.seen.Sealed || old.Unsealed != d.seen.Unsealed || old.Reseals != d.seen.Reseals || old.Heeded != d.seen.Heeded || !slices.EqualFunc(old.Slots, d.seen.Slots, sameSign)
	if changed || always && (old.From != d.seen.From || !slices.Equal(old.Slots, d.seen.Slots)) {
		h.tellDisk()
	}
}

// sameSign reports whether two sights of a slot say the same but for when it was written, moved and was read.
func sameSign(a, b wire.Slot) bool {
	a.Busy, a.Moved, a.Wrote, a.Read = b.Busy, b.Moved, b.Wrote, b.Read
	return a == b
}

func (h *Heart) shown() wire.Disk {
	d := &h.disk
	show := d.desk.Show(h.now)
	w := wire.Disk{Good: show.Good, From: show.From, Begun: show.Newest, DecidedAt: show.DecidedAt, Heeded: d.heeded, Former: d.desk.Former()}
	if show.Words != wire.Unknown {
		w.Noted = show.Words
	}
	if last := show.Last; last.Instance != 0 {
		w.Decided = wire.Claim{Instance: last.Instance, Epoch: last.Winner.Epoch, Members: last.Winner.Side, By: last.Winner.Node, Incarnation: last.Winner.Incarnation}
	}
	for _, p := range h.peers {
		w.Slots = append(w.Slots, d.slotOf(p.is.Node, show.Good))
	}
	var list []string
	for i, c := range h.cfg.Disks {
		err := d.desk.Trouble(h.now, i)
		if err == nil && show.Good { // who has lost the disks says so, and this is no such loss
			err = h.missingOn(i)
		}
		if err != nil && !errors.Is(err, quorumdisk.ErrNotYet) {
			w.Joins = w.Joins || errors.Is(err, quorumdisk.ErrJoining) || errors.Is(err, quorumdisk.ErrBehind)
			list = append(list, "disk "+c.Path+": "+strings.TrimPrefix(err.Error(), "disk "+c.Path+": "))
		}
	}
	w.Trouble = strings.Join(list, "; ")
	if h.resealing() {
		w.Sealed, w.Unsealed, w.Reseals = d.desk.Sealed(), h.unsealed(), d.desk.Reseals()
	}
	return w
}

// missingOn says of a disk that works that another node writes to the others only. Two nodes with a copy of one each could both win a tie once a second one is lost.
func (h *Heart) missingOn(disk int) error {
	n, ok := h.cfg.NodeByNumber(h.disk.desk.Missing(disk))
	if !ok {
		return nil
	}
	return fmt.Errorf("%s does not write to it, and does to the others: it does not reach it, or its disk line leads to other storage, or to a copy; see locum disk show on both", n.Name)
}

// slotOf is what the disks show of another node.
func (d *disk) slotOf(n wire.Node, good bool) wire.Slot {
	s, moved, still := d.desk.Slot(n)
	w := wire.Slot{Node: n, Incarnation: s.Incarnation, Boot: s.Boot, Machine: s.Machine, Epoch: s.Epoch, Still: still && good, Shared: d.desk.Shared(n), Busy: moved, Moved: moved,
		Words: s.Words, Wrote: d.desk.Wrote(n), Read: d.desk.Read(n), Left: s.State.Has(quorumdisk.LeftClean), Unadmitted: s.State.Has(quorumdisk.Unadmitted)}
	w.Idle = s.Incarnation != 0 && !s.State.Has(quorumdisk.Running)
	if w.Idle && !s.State.Has(quorumdisk.Quorate) { // one that is in a quorum may start something before it writes again
		w.Busy = d.seen.Slot(n).Busy
	}
	return w
}

func (h *Heart) missesSomebody() bool {
	for _, p := range h.peers {
		if !p.alive() {
			return true
		}
	}
	return false
}

func (h *Heart) tellDisk() {
	seen := h.disk.seen
	h.toEngine(wire.ToEngine{Disk: &seen})
}

// setWant has the disks' tie-break claimed, or no longer.
func (h *Heart) setWant(w wire.Want) {
	d := &h.disk
	if !d.used || d.want == w {
		return
	}
	d.want = w
	if w.Epoch == 0 {
		h.onDisk(d.desk.Tie(h.now, quorumdisk.Dropped{}))
		return
	}
	want := quorumdisk.Want{Epoch: w.Epoch, Side: w.Side, Common: w.Common, Members: w.Members, Lapsed: w.Lapsed, Judged: w.Judged, Rank: w.Rank}
	if w.Winner >= 1 && w.Winner <= wire.MaxNodes {
		want.Gone[w.Winner-1] = w.Gone
	}
	h.onDisk(d.desk.Tie(h.now, quorumdisk.Claimed{Want: want}))
}

// setWords has this node's slot name the newest words that its engine has durable. It is written at once: operators wait for it.
func (h *Heart) setWords(r wire.Revision) {
	if d := &h.disk; d.words != r {
		d.words, d.next = r, h.now
	}
}

// mostLeaving bounds how long a life that has left in order waits for its mark on the disks.
const mostLeaving = 2 * wire.Instant(time.Second)

// leaveMark has this node's slot say that its life has ended, and the heart exit once it does.
func (h *Heart) leaveMark() {
	h.disk.next = h.now
	h.exitBy = h.now + min(h.disk.every+wire.Instant(100*time.Millisecond), mostLeaving)
}

// exitIfMarked ends a life that has left in order.
func (h *Heart) exitIfMarked() {
	if h.exitBy != 0 && (h.now >= h.exitBy || h.disk.desk.Marked()) {
		h.exitBy = 0
		h.do(Exit{Clean: true})
	}
}

// limit is since when the disks have shown no newer claim than the one on which the view rests; a view that rests on none is
// not limited by them.
func (d *disk) limit(claim uint64, from wire.Instant) wire.Instant {
	switch {
	case claim == 0:
		return from
	case max(d.seen.Begun, d.seen.Decided.Instance) > claim:
		return 0
	}
	return min(from, d.seen.From)
}
