package quorumdisk

import (
	"slices"
	"time"

	"locum/wire"
)

// Tie is one node's part in the tie-break: Disk Paxos, instance after instance, on one disk or a majority of three. It is
// safe whatever the disks' and the nodes' speed; time is needed only to stay out of each other's way.
//
// An instance decides on one Winner. The next one may be opened, or joined, only by a node that has a proof that the last
// decision is over (Want); whoever finds a block of a newer instance gives up the one it is in. Each ballot has two turns:
// write one's own block, then read everybody's on the same disk; a turn is over when a majority of the disks have done it. The
// first turn finds what may have been accepted before, the second makes a value accepted.
//
// Step is pure. There is never more than one read or write under way on a disk; one that never returns leaves the others to
// decide. A Tie can be copied, compared and printed.
type Tie struct {
	set    TieSettings
	phase  phase
	mine   Claim // the node's own block, as it is or shall be on every disk
	disk   [MaxDisks]tieDisk
	op     uint64 // the last that was given out
	first  uint64 // operations before it belong to an earlier turn
	newest uint64 // the newest instance that any block was of
	// generation is that of the set of disks, as the newest header tells it.
	generation uint32
	last       Decision
	high       Ballot // the highest promised by others in the instance of mine
	best       Ballot // the highest accepted in this turn, with its value
	value      Winner
	// Of the claim that is wanted.
	wanted  bool
	want    Want
	tell    bool // mine says Decided, and is to be written for the others to see
	tries   int
	pauseTo wire.Instant // when the next ballot may begin
	doneAt  wire.Instant // when this node learned of the last decision
}

// TieSettings is what stays the same.
type TieSettings struct {
	Self        wire.Node
	Incarnation wire.Incarnation
	Disks       int           // 1 or 3
	Retry       time.Duration // after which a disk is tried again on which something failed
	Backoff     time.Duration // longer than four accesses to the disk usually take
}

// Want is a claim, and what its claimant can prove.
type Want struct {
	Epoch wire.Epoch // of the view that the claimant's side is to have; the claimant has promised it to itself
	Side  wire.Nodes // that view's members
	// Common and Members are the last quorate view that the claimant was in. A winner that was a member of it, together with
	// somebody who is not of the winner's side, at a greater epoch than it claimed for, has taken the others back since.
	Common  wire.Epoch
	Members wire.Nodes
	// Gone[n-1] is the newest life of node n that is over as a winner: its slot has stood still in that life for the
	// disk's dead time, or the node is proven clean.
	Gone [wire.MaxNodes]wire.Incarnation
	// Judged is the newest instance whose winner Gone was found out of. A life that has won a later one has gone on since, and
	// is claimed against only with a proof of after that (SAFETY 12).
	Judged uint64
	// Lapsed is the newest instance whose winner is on the claimant's own side and knows that it counts no more.
	Lapsed uint64
	// Rank is the claimant's place among those that may claim, from 0, by the order that all know: whoever comes later
	// leaves the way to those before it.
	Rank int
}

// Decision is what an instance decided.
type Decision struct {
	Instance uint64 // 0: there was none yet
	Winner   Winner
}

// tieDisk is what one disk is doing, and has done in this turn.
type tieDisk struct {
	op      uint64 // under way; 0: nothing
	writing bool
	issued  wire.Instant
	wrote   bool // mine is on it
	done    bool // and, after that, everybody's was read
	retryAt wire.Instant
	readAt  wire.Instant // when the newest read was issued that came back well; 0: none
}

type phase uint8

const (
	loading   phase = iota // reading what there is
	resting                // nothing to decide
	preparing              // first turn: a ballot is promised
	proposing              // second turn: a value is accepted
	pausing                // until pauseTo: another's ballot is higher
)

// NewTie makes a node's part. It begins by reading: Step gives the first actions.
func NewTie(s TieSettings) Tie { return Tie{set: s} }

// Verdict is how the claim stands.
type Verdict uint8

// The verdicts.
const (
	Open Verdict = iota // nothing is claimed, or it is not decided: also as long as too few disks answer
	Won                 // this node's side goes on
	Lost                // another's goes on, and there is no proof that it is over
)

var verdictNames = [...]string{"open", "won", "lost"}

func (v Verdict) String() string { return verdictNames[v] }

// Outcome is what the tie-break says now.
type Outcome struct {
	Verdict Verdict
	Last    Decision
	// Newest is greater than Last.Instance if a newer instance has been opened and not decided as far as is known.
	Newest uint64
	// AsOf is, for Won, when the newest reads were issued that showed on a majority of the disks that nobody has opened a
	// newer instance. A lease may be counted from it.
	AsOf wire.Instant
	// CompleteAt is when the decision was known to be complete on a majority of the disks: who counts from it waits long
	// enough.
	CompleteAt wire.Instant
}

// Outcome tells how the claim stands.
func (t *Tie) Outcome() Outcome {
	o := Outcome{Last: t.last, Newest: t.newest}
	if !t.wanted || t.phase == loading {
		return o
	}
	switch {
	case t.newest == t.last.Instance && t.holds() && t.asOf() > 0:
		o.Verdict, o.AsOf, o.CompleteAt = Won, t.asOf(), t.doneAt
	case t.phase == resting && !t.holds():
		o.Verdict = Lost
	}
	return o
}

// asOf is when a majority of the disks showed at least what is known.
func (t *Tie) asOf() wire.Instant {
	var at []wire.Instant
	for d := range t.disks() {
		at = append(at, t.disk[d].readAt)
	}
	slices.Sort(at)
	return at[len(at)-Majority(len(at))]
}

// Wake is when Step wants a Tick at the latest; 0 if it waits for nothing but the disks.
func (t *Tie) Wake() wire.Instant {
	var at wire.Instant
	if t.phase == pausing {
		at = t.pauseTo
	}
	for d := range t.disks() {
		if k := t.disk[d]; k.op == 0 && t.need(d) != nothing && (at == 0 || k.retryAt < at) {
			at = k.retryAt
		}
	}
	return at
}

func (t *Tie) disks() int { return t.set.Disks }
