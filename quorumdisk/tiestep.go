package quorumdisk

import (
	"time"

	"locum/wire"
)

// TieEvent is what a Tie is told: one of the types below.
type TieEvent interface{ tieEvent() }

// The events.
type (
	// Claimed asks to win for a side; also again, with newer proofs.
	Claimed struct{ Want Want }
	// Dropped takes the claim back. What was written stays, and what was won stays won.
	Dropped struct{}
	// Look asks for fresh reads of all disks.
	Look struct{}
	// Tick says only that time has passed.
	Tick struct{}
	// ReadDone gives everybody's block as one read of a disk showed it: Claims[n-1] is node n's. A read with any block
	// that is unreadable is no such read, but Failed.
	ReadDone struct {
		Disk   int
		Op     uint64
		Claims []Claim
		// Generation is that of the header that the same read showed: with another one there is another set of disks.
		Generation uint32
	}
	// WriteDone says that the node's block is on the disk, and will be read from now on.
	WriteDone struct {
		Disk int
		Op   uint64
	}
	// Failed says that an operation has returned, and failed: a write may be on the disk or not, but will not be later. An
	// operation that has not returned has not failed, however late it is.
	Failed struct {
		Disk int
		Op   uint64
	}
)

func (Claimed) tieEvent()   {}
func (Dropped) tieEvent()   {}
func (Look) tieEvent()      {}
func (Tick) tieEvent()      {}
func (ReadDone) tieEvent()  {}
func (WriteDone) tieEvent() {}
func (Failed) tieEvent()    {}

// TieAction is a read of everybody's block on a disk, or a write of the node's own.
type TieAction struct {
	Disk  int
	Op    uint64 // to be given back with what came of it
	Write bool
	Claim Claim // what to write
}

// Step takes one event at one instant and returns what has to be read and written. What came of an operation that is not
// under way, of another life for example, is ignored.
func (t *Tie) Step(now wire.Instant, ev TieEvent) []TieAction {
	switch ev := ev.(type) {
	case Claimed:
		t.claimed(now, ev.Want)
	case Dropped:
		t.wanted = false
		if t.phase != loading {
			t.phase = resting
		}
	case Look:
		t.look()
	case ReadDone:
		if k := t.returned(ev.Disk, ev.Op, false); k != nil {
			t.readDone(now, k, ev)
		}
	case WriteDone:
		if k := t.returned(ev.Disk, ev.Op, true); k != nil && ev.Op >= t.first {
			k.wrote = true
		}
	case Failed:
		if k := t.returned(ev.Disk, ev.Op, t.ofDisk(ev.Disk).writing); k != nil {
			k.retryAt = now + wire.Instant(t.set.Retry)
		}
	}
	if t.phase == pausing && now >= t.pauseTo {
		t.aim()
	}
	return t.issue(now)
}

func (t *Tie) claimed(now wire.Instant, w Want) {
	t.want, t.wanted = w, true
	if t.phase != resting {
		return // what is under way goes on; its end is judged by what is wanted then
	}
	t.aim()
	if t.phase == resting {
		t.look() // a verdict that was true once has to be so now
	}
}

// look has every disk read anew. In a ballot the disks are read anyway.
func (t *Tie) look() {
	if t.phase != resting {
		return
	}
	t.first = t.op + 1
	for d := range t.disks() {
		t.disk[d].done = false
	}
}

func (t *Tie) ofDisk(d int) *tieDisk {
	if d < 0 || d >= t.disks() {
		return &tieDisk{}
	}
	return &t.disk[d]
}

// returned takes note that an operation is no longer under way; nil if it was not.
func (t *Tie) returned(d int, op uint64, write bool) *tieDisk {
	k := t.ofDisk(d)
	if op == 0 || k.op != op || k.writing != write {
		return nil
	}
	k.op, k.retryAt = 0, 0
	return k
}

func (t *Tie) readDone(now wire.Instant, k *tieDisk, ev ReadDone) {
	if ev.Generation < t.generation || !t.honest(ev) {
		k.retryAt = now + wire.Instant(t.set.Retry)
		k.wrote = false
		return
	}
	if t.generation != 0 && ev.Generation > t.generation {
		t.beginAnew()
	}
	t.generation = ev.Generation
	for n, c := range ev.Claims {
		if wire.Node(n+1) == t.set.Self {
			t.remember(c)
		}
		t.learn(now, c)
	}
	k.readAt = max(k.readAt, k.issued)
	if ev.Op >= t.first {
		k.done = true
		t.count(ev.Claims)
	}
	t.proceed(now)
}

// beginAnew has all that counts for the present turn done again: a majority of two sets is none. The disk that was replaced may have been
// of it, and what was done there since it was replaced is nowhere else.
func (t *Tie) beginAnew() {
	switch t.phase {
	case preparing, proposing:
		t.turn(t.phase)
	case loading:
		t.first = t.op + 1
		for d := range t.disks() {
			t.disk[d].done = false
		}
	}
}

// remember takes up what former lives have written, and may not once this one has written something itself.
func (t *Tie) remember(own Claim) {
	if (t.phase == loading || t.phase == resting) && t.mine.Incarnation < t.set.Incarnation {
		t.mine = t.mine.With(own)
	}
}

// honest tells whether a disk shows what it was told. One that shows an older block of this node has lost a write or reads
// from a cache of its own; one that shows a newer block has been written by another machine with this node's number.
func (t *Tie) honest(ev ReadDone) bool {
	if len(ev.Claims) < int(t.set.Self) {
		return false
	}
	shown := ev.Claims[t.set.Self-1]
	switch t.phase {
	case preparing, proposing:
		return ev.Op < t.first || shown == t.mine
	}
	return !shown.Newer(t.mine) || shown.Incarnation < t.set.Incarnation
}

// count takes what a read of this turn says of the instance.
func (t *Tie) count(claims []Claim) {
	for _, c := range claims {
		if c.Instance == t.mine.Instance && c.Accepted > t.best {
			t.best, t.value = c.Accepted, c.Value
		}
	}
}

// proceed goes on to the next turn, or gives way.
func (t *Tie) proceed(now wire.Instant) {
	switch t.phase {
	case loading:
		if t.agreeing() {
			t.aim()
		}
	case preparing, proposing:
		switch {
		case t.last.Instance >= t.mine.Instance: // decided, or a newer one is open, whose blocks say what this one decided
			t.aim()
		case t.high > t.mine.Promised:
			t.pause(now)
		case t.agreeing():
			t.nextTurn(now)
		}
	case resting:
		t.aim() // somebody may have opened a newer instance
	}
}

// agreeing tells whether a majority of the disks have done the turn.
func (t *Tie) agreeing() bool {
	n := 0
	for d := range t.disks() {
		if t.disk[d].done {
			n++
		}
	}
	return n >= Majority(t.disks())
}

// nextTurn: what was promised may be proposed; what was proposed is decided.
func (t *Tie) nextTurn(now wire.Instant) {
	if t.phase == preparing {
		if t.best == 0 {
			t.value = Winner{t.set.Self, t.set.Incarnation, t.want.Epoch, t.want.Side}
		}
		t.mine.Accepted, t.mine.Value = t.mine.Promised, t.value
		t.turn(proposing)
		return
	}
	t.mine.Decided = true
	t.decided(now, t.mine.Instance, t.mine.Value)
	t.aim()
	if t.phase == resting {
		t.first, t.tell = t.op+1, true
		for d := range t.disks() {
			t.disk[d].wrote = false
			t.disk[d].done = true
		}
	}
}

// pause leaves the way to a higher ballot: not at all for the first in order, the longer the later a node stands in it
// and the oftener it has met another.
func (t *Tie) pause(now wire.Instant) {
	wait := time.Duration(t.want.Rank) * t.set.Backoff << min(t.tries, 5)
	t.tries = min(t.tries+1, 6)
	t.phase, t.pauseTo = pausing, now+wire.Instant(wait)
}
