package cluster

import (
	"slices"
	"time"

	"locum/wire"
)

// proposal is a view that this node proposes and the promises it has got for it.
type proposal struct {
	epoch    wire.Epoch
	members  wire.Nodes
	asked    []asked   // in order of node number
	promises []Promise // likewise
	sent     wire.Instant
}

// asked is a member that was asked for its promise, in the life that it had then.
type asked struct {
	life    wire.Life
	message uint64 // that asks
}

// given is a promise to another's proposal: as long as that one lives, its view is waited for.
type given struct {
	life  wire.Life    // the proposer's
	epoch wire.Epoch   // of its newest proposal, 0 if that is only told
	at    wire.Instant // when the promise left
	times int          // that it was given one, without another in between
}

// mostWaits is how many proposals of one node in a row are waited for before the turn of the next comes in spite of them: one that is
// refused elsewhere again and again must not keep the others from trying.
const mostWaits = 3

// wasAnswered shortens the time for answers again where they come early.
func (e *Engine) wasAnswered(own *proposal) {
	if e.now < own.sent+wire.Instant(e.answerTime()/2) {
		e.election.patient = max(e.election.patient-1, 0)
	}
}

// mostPatient bounds how often the time for answers is doubled.
const mostPatient = 3

// answerTime is how long a proposal that is under way is waited for. A message is late on a slow line or a busy machine, never lost on the
// way, and a proposal above one that is late only makes all of it anew. At first it leaves time to try another set before half of the
// lease is over; where answers came after it, it is doubled.
func (e *Engine) answerTime() time.Duration { return e.leastAnswerTime() << e.election.patient }

// leastAnswerTime is the time for answers without any doubling.
func (e *Engine) leastAnswerTime() time.Duration { return max(e.patience(), e.cfg.Lease/4) }

// answersDue is until when the proposer waits for promises. Where those that came are enough, nothing runs out of its lease for the sake of one
// that is not needed: while it is waited for no view is in force, and nobody grants.
func (e *Engine) answersDue(own *proposal) wire.Instant {
	var answered wire.Nodes
	for _, p := range own.promises {
		answered = answered.With(p.Life.Node)
	}
	if e.judge(own.promises, answered).Quorate {
		return own.sent + wire.Instant(e.leastAnswerTime())
	}
	return own.sent + wire.Instant(e.answerTime())
}

// viewDue is until when a view is waited for that was promised: its proposer has waited for promises by then and tried without those
// that gave none, and those who hear each other still have time to make one without it before half of the lease is over. Therefore that
// time counts from when a view of a quorum was left, whoever has proposed since, and from the newest promise after that.
func (e *Engine) viewDue() wire.Instant {
	el, wait := &e.election, wire.Instant(e.answerTime()*3/2)
	due := el.given.at + wait
	if el.left != 0 && !el.preempted && el.given.at < el.left+wait {
		due = min(due, max(el.left+wait, el.given.at+wire.Instant(e.patience())))
	}
	return due
}

// gave notes a promise to another's proposal, or, without an epoch, that a third node has given one.
func (e *Engine) gave(to wire.Node, epoch wire.Epoch) {
	g := given{life: e.lifeOf(to), epoch: epoch, at: e.now, times: 1}
	if old := e.election.given; old.life == g.life {
		g.times += old.times
	}
	e.election.given = g
}

// quickRetries is how often a proposal that was only too low is made again at once.
const quickRetries = 3

// tryHigher proposes again at once, above what the refusal named, if that was all that was wrong.
func (e *Engine) tryHigher(own *proposal, r Refuse) {
	el := &e.election
	if r.Promised < own.epoch || own.members != el.want || el.quick >= quickRetries {
		return
	}
	el.quick++
	e.propose(own.members)
	el.attempts-- // two nodes that outbid each other must not end in a long pause
}

// epochAbove is the next epoch that this node may propose. No two nodes ever propose the same one, whatever they have forgotten:
// it names its proposer, as Paxos ballots do.
func (e *Engine) epochAbove(top wire.Epoch) wire.Epoch {
	next := top - top%epochStride + wire.Epoch(e.self)%epochStride
	if next <= top {
		next += epochStride
	}
	return next
}

// epochStride is how far apart the epochs of one proposer are.
const epochStride = wire.MaxNodes

// propose asks the members for their promises, this node first: what it does not promise itself it asks of nobody.
func (e *Engine) propose(members wire.Nodes) {
	el := &e.election
	quorate := e.obeyed() && e.view.Verdict.Quorate
	epoch := e.epochAbove(max(e.promised, el.highest))
	el.preempted = el.preempted || e.awaitsView()
	el.attempts++
	el.highest = epoch
	own := &proposal{epoch: epoch, members: members, sent: e.now}
	el.proposal = own
	message := Message{Propose: &Propose{Epoch: epoch, Members: members, Quorate: quorate, File: e.edition()}}
	e.send(e.self, message)
	if e.promised != epoch {
		el.proposal = nil
		return
	}
	for n := range members.Without(e.self).All {
		own.asked = append(own.asked, asked{life: e.lifeOf(n), message: e.send(n, message)})
	}
}

// has finds a member's promise.
func (p *proposal) has(n wire.Node) bool {
	return slices.ContainsFunc(p.promises, func(m Promise) bool { return m.Life.Node == n })
}

// proposalFails gives up a proposal that not all can answer any more: a member has begun a new life, or an engine, and what became of the
// question is unknown.
func (e *Engine) proposalFails(message uint64) {
	own := e.election.proposal
	if own == nil {
		return
	}
	for _, a := range own.asked {
		if !own.has(a.life.Node) && (a.message == message || a.life != e.lifeOf(a.life.Node)) {
			e.election.proposal = nil
			return
		}
	}
}

// awaitsView reports whether this node has promised another's view and waits for it.
func (e *Engine) awaitsView() bool {
	g := &e.election.given
	n := g.life.Node
	return g.times != 0 && g.times <= mostWaits && e.lifeOf(n) == g.life && e.candidate(n) && e.hears(n).Has(e.self)
}
