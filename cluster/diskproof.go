package cluster

import "locum/wire"

// noteWritten keeps when it was seen first that a boot, or a life, had ended, and who has a vote in a new one.
func (e *Engine) noteWritten(old, now wire.Disk) {
	for _, s := range now.Slots {
		p, before := e.peer(s.Node), old.Slot(s.Node)
		if s.Boot != before.Boot || s.Left && (!before.Left || s.Incarnation != before.Incarnation) {
			p.endSeen = e.now
		}
		if c, clean := e.cleanOf(s.Node); clean && s.Boot != c.Life.Boot && s.Incarnation > c.Life.Incarnation && !s.Unadmitted && !s.Left && s.Moved > p.voted.at {
			p.voted = voted{s.Moved, s.Incarnation}
		}
	}
}

// proveByDisk takes what the slots of nodes say that are heard over no cable: the machine was booted anew, and nothing runs on it; or its
// life has ended in order. Who starts takes no mark of the latter kind for a proof: its node may have come back since, without the disk.
func (e *Engine) proveByDisk() {
	for _, s := range e.disk.Slots {
		life := e.knownLife(s.Node)
		if c, clean := e.cleanOf(s.Node); clean && !e.saysWhen(c) || e.alive(s.Node) || s.Machine != life.Machine || !configured(e.cfg).Has(s.Node) {
			continue
		}
		switch ended := (wire.Life{Node: s.Node, Boot: s.Boot, Machine: s.Machine, Incarnation: s.Incarnation}); {
		case e.rebooted(s) && s.Idle && !e.mayBeAdmitted(s):
			e.proven(Clean{Node: s.Node, Life: life, Proof: ProofNewBoot, Epoch: e.view.Epoch})
			p := e.peer(s.Node)
			p.proven.unadmitted, p.proven.asked, p.proven.shown = s.Unadmitted, p.endSeen, max(s.Wrote, 1)
		case s.Left && e.admitted && s.Incarnation >= life.Incarnation && s.Incarnation != e.peer(s.Node).spent && !e.mayHaveStarted(s):
			e.proven(Clean{Node: s.Node, Life: ended, Proof: ProofLeft, Epoch: max(e.view.Epoch, e.peer(s.Node).memberAt)})
			p := e.peer(s.Node)
			p.proven.asked, p.proven.shown = p.endSeen, max(s.Wrote, 1)
		}
	}
}

// rebooted reports whether a slot is written by a later boot of its node than is known.
func (e *Engine) rebooted(s wire.Slot) bool {
	life := e.knownLife(s.Node)
	return !life.Boot.IsZero() && s.Incarnation > life.Incarnation && s.Boot != life.Boot
}

// saysWhen reports whether the quorum disk may say since when what another has proven is so.
func (e *Engine) saysWhen(c Clean) bool {
	note := e.peer(c.Node).proven
	return note.told && note.asked == 0 && (c.Proof == ProofLeft || c.Proof == ProofNewBoot) && !e.view.Verdict.Quorate
}

// busyOnDisk is when a node's slot was last seen to move, without saying that nothing runs, in the boot that is known of it: until
// then it may have lived on the disk. A later boot has no lease before it was admitted.
func (e *Engine) busyOnDisk(n wire.Node) wire.Instant {
	s := e.disk.Slot(n)
	if e.rebooted(s) {
		return 0
	}
	return s.Busy
}

// othersBeside reports whether there is anybody else, beside a node that is absent, who may be a quorum, or have been one before this view was, and have taken it in.
func (e *Engine) othersBeside(n wire.Node) bool {
	return configured(e.cfg)&^e.view.Members.With(n) != 0
}

// inQuorum reports whether this node is in a quorum now: nobody else is one since that came into force.
func (e *Engine) inQuorum() bool { return e.admitted && e.obeyed() && e.view.Verdict.Quorate }

// mayHaveStarted reports whether a node that has left may have been started again, be a member of another side's quorum, and not have written that yet.
func (e *Engine) mayHaveStarted(s wire.Slot) bool {
	switch {
	case !e.othersBeside(s.Node):
		return false
	case e.inQuorum():
		return s.Wrote < e.viewSince
	}
	return s.Read < e.freedSince(s.Node)+2*wire.Instant(e.cfg.Disks[0].Every)
}

// mayBeAdmitted reports whether a node in a new boot may be a member of another side's quorum, or of one that was before this one, by what it has written on the quorum disk since
// nobody else could take it in any more.
func (e *Engine) mayBeAdmitted(s wire.Slot) bool {
	since := e.freedSince(s.Node)
	if e.inQuorum() {
		since = e.viewSince
	}
	return e.othersBeside(s.Node) && (!s.Unadmitted || s.Wrote < since)
}
