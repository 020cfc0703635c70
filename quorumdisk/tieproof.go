package quorumdisk

import "locum/wire"

// holds tells whether this node is the winner of the last decision, and nothing has happened since that ended it.
func (t *Tie) holds() bool {
	w := t.last.Winner
	return w.Node == t.set.Self && w.Incarnation == t.set.Incarnation && !t.over(w)
}

// over tells whether the claimant can prove that the time of w, the last winner, is over.
func (t *Tie) over(w Winner) bool {
	switch {
	case w.IsZero(), t.last.Instance <= t.want.Lapsed:
		return true
	case w.Node == t.set.Self && w.Incarnation < t.set.Incarnation:
		return true // nobody acts any more for a former life of this node
	case w.Node != t.set.Self && t.want.Gone[w.Node-1] >= w.Incarnation && t.last.Instance <= t.want.Judged:
		return true
	}
	return t.tookBack(w)
}

// tookBack tells whether the winner has since been in a quorate view with this node and somebody it had won against. The view's
// epoch is greater than the one the winner had promised when it claimed, so it promised the view after its claim.
func (t *Tie) tookBack(w Winner) bool {
	return t.want.Common > w.Epoch && t.want.Members.Has(w.Node) && t.want.Members&^w.Side != 0
}

// mayFollow tells whether this node may take part in the instance after the one that w won. The winner itself may: it is
// the one against whom somebody else has opened it.
func (t *Tie) mayFollow(w Winner) bool {
	return t.over(w) || w.Node == t.set.Self && w.Incarnation == t.set.Incarnation
}

// aim begins what the claim needs now: nothing, or a ballot in the newest instance, or in the one after it.
func (t *Tie) aim() {
	decided := t.newest == t.last.Instance
	switch {
	case !t.wanted, decided && t.holds(), decided && !t.over(t.last.Winner), !t.mayFollow(t.last.Winner):
		t.phase = resting
	case decided:
		t.enter(t.newest + 1)
	default:
		t.enter(t.newest)
	}
}

// enter begins a ballot in an instance.
func (t *Tie) enter(instance uint64) {
	if t.mine.Instance != instance {
		t.mine = Claim{Instance: instance, Before: t.last.Winner}
		t.high, t.tries = 0, 0
	}
	t.newest = max(t.newest, instance)
	t.mine.Incarnation = t.set.Incarnation
	t.mine.Promised = ballot(max(t.mine.Promised, t.high).round()+1, t.set.Self)
	t.turn(preparing)
}

// turn begins a turn of the ballot: everything that was written or read for an earlier one counts no more.
func (t *Tie) turn(p phase) {
	t.phase, t.first, t.tell = p, t.op+1, false
	t.best, t.value = t.mine.Accepted, t.mine.Value
	for d := range t.disks() {
		t.disk[d].wrote, t.disk[d].done = false, false
	}
}

// learn takes what a block tells for certain, whenever it was written.
func (t *Tie) learn(now wire.Instant, c Claim) {
	if c.Instance > 1 {
		t.decided(now, c.Instance-1, c.Before)
	}
	if c.Decided {
		t.decided(now, c.Instance, c.Value)
	}
	t.newest = max(t.newest, c.Instance)
	if c.Instance == t.mine.Instance {
		t.high = max(t.high, c.Promised)
	}
}

func (t *Tie) decided(now wire.Instant, instance uint64, w Winner) {
	if instance <= t.last.Instance {
		return
	}
	t.last, t.doneAt = Decision{instance, w}, now
	t.newest = max(t.newest, instance)
}
