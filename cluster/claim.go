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
	if e.now < e.claimDue() {
		return wire.Want{}
	}
	w := wire.Want{Epoch: e.view.Epoch, Side: v.Voters, Rank: 1}
	if e.shootsFirst() {
		w.Rank = 0
	}
	e.proveWinnerOver(&w)
	return w
}

// proveWinnerOver adds what this half knows against the last winner: never is one that lives on what it won claimed against
// (SAFETY 12).
func (e *Engine) proveWinnerOver(w *wire.Want) {
	last := e.disk.Decided
	if e.tie.Common.joint() {
		w.Common, w.Members = e.tie.Common.Epoch, e.tie.Common.Members
	}
	if e.view.Members.Has(last.By) && (last.Members != w.Side || last.Epoch < e.tie.Joint) {
		// The winner is in this half, and what it won counts no more, as it knows itself.
		w.Common, w.Members = max(e.tie.Joint, last.Epoch+1), configured(e.cfg)
	}
	slot := e.disk.Slot(last.By)
	otherBoot := slot.Incarnation > last.Incarnation && slot.Boot != e.knownLife(last.By).Boot
	if last.Instance != 0 && last.By != e.self && (slot.Still || otherBoot) {
		w.Winner, w.Gone = last.By, last.Incarnation
	}
}

// claimDue is when this half may claim. The less important one gives the other the time of two beats to be first, because they
// come to know of the split at moments that lie a beat apart; unless the disk shows already that the other has stopped.
func (e *Engine) claimDue() wire.Instant {
	if e.view.Verdict.Quorate || e.shootsFirst() || e.disk.Slot(e.tieTargets().First()).Still {
		return 0
	}
	return e.tie.Since + 2*wire.Instant(e.cfg.Beat.Every)
}

// claimHolds reports whether the newest decision on the disk makes these voters quorate: it was made for just them, nobody has
// begun another, and none of them has agreed since to a view of more.
func claimHolds(disk wire.Disk, promises []Promise, voters wire.Nodes) bool {
	d := disk.Decided
	if d.Instance == 0 || d.Members != voters || disk.Begun > d.Instance {
		return false
	}
	for _, p := range promises {
		if p.Joint > d.Epoch {
			return false
		}
	}
	return true
}

// diskChanged takes the heart's word about the disks.
func (e *Engine) diskChanged(d wire.Disk) {
	old := e.disk
	e.disk = d
	if old.Good != d.Good && (old.Good || old.From != 0) {
		e.tell(History{Kind: "disk", Level: map[bool]string{true: "info", false: "alarm"}[d.Good],
			Text: map[bool]string{true: "the quorum disk answers again", false: "the quorum disk does not answer"}[d.Good]})
	}
	if c := d.Decided; c.Instance > old.Decided.Instance && old.From != 0 {
		e.tell(History{Kind: "tie", Level: "warn", Node: e.name(c.By), Epoch: c.Epoch,
			Text: fmt.Sprintf("the quorum disk has decided for %s", names(e.cfg, c.Members))})
	}
}

// superseded reports whether the view in force rests on a decision of the disk after which another was begun.
func (e *Engine) superseded() bool {
	c := e.view.Verdict.Claim
	return c != 0 && max(e.disk.Begun, e.disk.Decided.Instance) > c
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
