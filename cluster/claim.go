package cluster

import (
	"fmt"

	"locum/wire"
)

// The tie-break on the quorum disk. Both halves of a cluster claim one instance of Disk Paxos, which can be decided for one of
// them only. The half for which it was decided is quorate until a view of more than half was, or may have been, in force, or
// until the disk has decided anew.

// contend tells the heart what this half wants of the disk, whenever that changed.
func (e *Engine) contend() {
	if w := e.wantsOfDisk(); w != e.wants {
		e.wants = w
		e.do(Contend{w})
	}
}

// wantsOfDisk is what to claim now. A half that has won goes on wanting: somebody may open another instance against it.
func (e *Engine) wantsOfDisk() wire.Want {
	v := e.view.Verdict
	if !e.leads() || v.Tie != TieDisk || v.Quorate && v.Claim == 0 || !e.admitted || e.leaving.asked {
		return wire.Want{}
	}
	if e.now < e.claimDue() || !v.Quorate && (e.strangers() != 0 || e.backNow() != 0) {
		return wire.Want{}
	}
	w := wire.Want{Epoch: e.view.Epoch, Side: v.Voters, Rank: 1}
	if e.shootsFirst() {
		w.Rank = 0
	}
	e.proveWinnerOver(&w)
	return w
}

// strangers are nodes of the other half that were never seen to use the same disk, or use a copy: two halves that each have a disk of their own
// would both win.
func (e *Engine) strangers() (set wire.Nodes) {
	for n := range e.tieTargets().All {
		if !e.disk.Slot(n).Shared || e.onACopy(n) {
			set = set.With(n)
		}
	}
	return set
}

// proveWinnerOver adds what this half knows against the last winner: never is one that lives on what it won claimed against
// (SAFETY 12).
func (e *Engine) proveWinnerOver(w *wire.Want) {
	last := e.disk.Decided
	if e.tie.Common.joint() {
		w.Common, w.Members = e.tie.Common.Epoch, e.tie.Common.Members
	}
	if e.view.Members.Has(last.By) && (last.Members != w.Side || last.Epoch < max(e.tie.Joint, jointOf(e.lead.promises, w.Side))) {
		w.Lapsed = last.Instance
	}
	if last.Instance != 0 && last.By != e.self && e.winnerIsGone(e.disk.Slot(last.By)) {
		w.Winner, w.Gone, w.Judged = last.By, last.Incarnation, last.Instance
	}
}

// winnerIsGone reports whether the slot of who won the disk last shows that it has ended since: it was booted anew, or stood still. What it
// did before this node knew of the victory does not count: it may have been without the disk until then.
func (e *Engine) winnerIsGone(s wire.Slot) bool {
	still := s.Still && s.Read >= e.disk.DecidedAt+wire.Instant(e.cfg.Disks[0].Dead)
	return still || e.rebooted(s) && s.Incarnation > e.disk.Decided.Incarnation
}

// claimDue is when this half may claim. The less important one gives the other the time of two beats to be first, because they
// come to know of the split at moments that lie a beat apart; unless the disk shows already that the other has stopped. Against a half that is
// heard, though its words do not come, and that serves what is more important, it claims only when their lease is over: with the disk it
// would take away what runs, and could start nothing of it.
func (e *Engine) claimDue() wire.Instant {
	switch {
	case e.view.Verdict.Quorate:
		return 0
	case e.hearsOf(e.tieTargets()):
		if e.weighsMore() {
			return 0
		}
		return e.tie.Since + wire.Instant(e.cfg.Lease)
	case e.shootsFirst() || e.disk.Slot(e.tieTargets().First()).Still:
		return 0
	}
	return e.tie.Since + 2*wire.Instant(e.cfg.Beat.Every)
}

// hearsOf reports whether any of the nodes is heard, and hears this one.
func (e *Engine) hearsOf(set wire.Nodes) bool {
	for n := range set.All {
		if e.alive(n) && e.peer(n).Hears.Has(e.self) {
			return true
		}
	}
	return false
}

// claimHolds reports whether the newest decision on the disk makes these voters quorate: it was made for just them, nobody has
// begun another, and none of them has agreed since to a view of more.
func claimHolds(disk wire.Disk, promises []Promise, voters wire.Nodes) bool {
	d := disk.Decided
	return d.Instance != 0 && d.Members == voters && disk.Begun <= d.Instance && jointOf(promises, voters) <= d.Epoch
}

// readLately reports whether the disk was read so lately that nobody can have won it since: only who has stood still there for its dead is claimed against. What it showed before
// that makes no view a quorum any more; the one in force has a lease, which ends.
func (e *Engine) readLately() bool {
	if len(e.cfg.Disks) == 0 {
		return false
	}
	return e.disk.From != 0 && e.now < e.disk.From+e.diskDead()-e.diskDead()/drift
}

// diskDead is for how long a slot stands still on the disk until its node counts as dead there.
func (e *Engine) diskDead() wire.Instant { return wire.Instant(e.cfg.Disks[0].Dead) }

// jointOf is the newest view of more that any of the voters was in, or has promised before. What others have promised, who have no vote yet, says nothing: a
// view of more than half has one of these in it.
func jointOf(promises []Promise, voters wire.Nodes) (joint wire.Epoch) {
	for _, p := range promises {
		if voters.Has(p.Life.Node) {
			joint = max(joint, p.Joint)
		}
	}
	return joint
}

// diskChanged takes the heart's word about the disks.
func (e *Engine) diskChanged(d wire.Disk) {
	old := e.disk
	e.disk = d
	e.noteEpoch(e.highestOnDisk())
	e.noteNamed()
	e.noteWritten(old, d)
	e.proveByDisk()
	switch {
	case d.Trouble == old.Trouble:
	case d.Trouble == "":
		e.tell(History{Kind: "disk", Level: "info", Text: "all quorum disks answer"})
	case d.Good:
		e.tell(History{Kind: "disk", Level: "alarm", Text: d.Trouble + "; the other quorum disks suffice"})
	default:
		e.tell(History{Kind: "disk", Level: "alarm", Text: d.Trouble + "; no tie can be broken by it from here"})
	}
	e.noteOthersWon(old, d)
	if c := d.Decided; c.Instance > old.Decided.Instance && (!c.Members.Has(e.self) || c.Instance > old.Decided.Instance+1) {
		e.quiet = nil // who has won in between may have started anything
	}
	if c := d.Decided; c.Instance > old.Decided.Instance && old.From != 0 {
		e.tell(History{Kind: "tie", Level: "warn", Node: e.name(c.By), Epoch: c.Epoch,
			Text: fmt.Sprintf("the quorum disk has decided for %s", names(e.cfg, c.Members))})
	}
}

// highestOnDisk is the highest epoch that any slot shows, that of former lives of this node included: it may have lost what it had promised.
func (e *Engine) highestOnDisk() wire.Epoch {
	top := e.disk.Former
	for _, s := range e.disk.Slots {
		top = max(top, s.Epoch)
	}
	return top
}

// superseded reports whether the view in force rests on a decision of the disk after which another was begun.
func (e *Engine) superseded() bool {
	c := e.view.Verdict.Claim
	return c != 0 && max(e.disk.Begun, e.disk.Decided.Instance) > c
}

// diskStatus is what this node sees of the quorum disks, nil where the file has none.
func (e *Engine) diskStatus() *DiskStatus {
	if len(e.cfg.Disks) == 0 {
		return nil
	}
	st := &DiskStatus{Usable: e.disk.Good, Trouble: e.disk.Trouble}
	if c := e.disk.Decided; c.Instance != 0 {
		st.Decisions, st.DecidedFor = c.Instance, names(e.cfg, c.Members)
	}
	for _, s := range e.disk.Slots {
		if n := e.name(s.Node); n != "" && (!s.Shared || e.onACopy(s.Node)) {
			st.NotSeen = append(st.NotSeen, n)
		}
		if n := e.name(s.Node); n != "" && e.movesOnDisk(s) && !e.alive(s.Node) {
			st.AliveThere = append(st.AliveThere, n)
		}
	}
	return st
}

// movesOnDisk reports, for people, whether a slot has moved in the last dead of the disk. What was written in a life before the one that was heard last never
// counts as still, however long it has stood.
func (e *Engine) movesOnDisk(s wire.Slot) bool {
	return s.Moved != 0 && !s.Still && s.Read < s.Moved+wire.Instant(e.cfg.Disks[0].Dead)
}

// waitsOfDisk says why the quorum disk has not decided for this half.
func (e *Engine) waitsOfDisk() string {
	d := e.disk
	switch {
	case !d.Good && d.Trouble != "":
		return "; the quorum disk cannot decide: " + d.Trouble
	case !d.Good:
		return "; the quorum disk was not read yet"
	case e.strangers() != 0:
		return "; nobody has seen " + names(e.cfg, e.strangers()) + " write to the quorum disk since locum was started here, or while it was heard last: does its disk line lead to the same storage, and not to a copy?"
	case e.backNow() != 0:
		back := names(e.cfg, e.backNow())
		return "; " + back + " may have been taken back by the other side since it was proven clean: if it is off, say so anew with locum fence NODE --confirm"
	case d.Decided.Instance != 0 && d.Decided.Members&e.view.Members == 0 && d.Decided.Epoch > e.tie.Common.Epoch:
		return "; the quorum disk has decided for " + names(e.cfg, d.Decided.Members)
	}
	return ""
}

// missingOnDisk warns of what contradicts itself: nodes that are heard and whose stamps do not move on the disk.
func (e *Engine) missingOnDisk() (list []string) {
	for _, s := range e.disk.Slots {
		if e.disk.Good && e.alive(s.Node) && (s.Still || !s.Shared && e.now > e.election.startedAt+wire.Instant(3*e.cfg.Disks[0].Dead)) {
			list = append(list, e.name(s.Node)+" is heard and does not write to the quorum disk: it does not reach it, or its disk line leads to other storage; see locum disk show on both")
		}
	}
	return list
}

// claimWait is when this half may claim, 0 if it need not wait for that.
func (e *Engine) claimWait() wire.Instant {
	if at := e.claimDue(); e.leads() && !e.view.Verdict.Quorate && e.view.Verdict.Tie == TieDisk && e.now < at {
		return at
	}
	return 0
}

// claimSeenSince reports whether the disk was read, without a newer claim on it, after an instant; where the view does not
// rest on the disk it needs no reading.
func (e *Engine) claimSeenSince(at wire.Instant) bool {
	c := e.view.Verdict.Claim
	return c == 0 || e.disk.From >= at && e.disk.Begun <= c
}
