package cluster

import (
	"slices"
	"time"

	"locum/wire"
)

// election is one node's part in agreeing on views.
type election struct {
	startedAt wire.Instant // when this engine started
	want      wire.Nodes   // the set that should be the view, as this node sees it
	since     wire.Instant // since when the view in force is not that
	attempts  int          // proposals made since then
	quick     int          // of these, made again at once
	due       wire.Instant // when to look again, 0 if nothing is awaited
	proposal  *proposal    // this node's own, under way
	given     given        // the newest promise to another
	left      wire.Instant // when a view of a quorum was left for a proposal, 0 if one is in force or was none
	preempted bool         // since then the view of another was waited for long enough once
	patient   int          // how often the time for answers was doubled, because they came after it
	pending   *pending     // a promise that waits for the heart or for the state directory
	disobeyed bool         // a member of the view that this node leads proposed another
	voided    wire.Epoch   // the view in which a proof was contradicted
	highest   wire.Epoch   // the highest epoch seen anywhere
}

// pending is a promise that is decided but must not leave yet.
type pending struct {
	to      wire.Node
	epoch   wire.Epoch
	members wire.Nodes
	asked   bool // the heart was asked to cease
}

// patience is how long a node waits for another to do what is its turn: for a proposal by the one before it in order.
func (e *Engine) patience() time.Duration {
	return max(200*time.Millisecond, e.cfg.Beat.Dead/2)
}

// maxLeap is how far above everything known an epoch may lie and be believed: one that is absurd, from a member gone mad,
// would use up all that there are.
const maxLeap = 1 << 32

// believable reports whether an epoch can be.
func (e *Engine) believable(epoch wire.Epoch) bool {
	return epoch <= max(e.promised, e.election.highest)+maxLeap
}

// noteEpoch keeps the highest epoch heard of, to propose above it.
func (e *Engine) noteEpoch(epoch wire.Epoch) {
	if e.believable(epoch) {
		e.election.highest = max(e.election.highest, epoch)
	}
}

// elect proposes a view when one is needed and it is this node's turn.
func (e *Engine) elect() {
	el := &e.election
	if e.leaving.done {
		el.due = 0
		return
	}
	want := e.wanted()
	why := e.whyPropose(want)
	if why == "" {
		el.want, el.since, el.attempts, el.quick, el.due, el.proposal = want, 0, 0, 0, e.nextLook(), nil
		return
	}
	if e.answersOverdue() || e.viewOverdue() {
		want = e.wanted()
	}
	if el.since == 0 || el.want != want {
		el.want, el.since, el.attempts, el.quick = want, e.now, 0, 0
		if el.proposal != nil && el.proposal.members&^want != 0 { // else it is agreed on first, and grows by another
			el.proposal = nil
		}
	}
	if e.obeyed() && e.unwritten(want) { // what is in force goes on until the state directory has answered
		el.due = 0
		return
	}
	e.proposalFails(0)
	if e.now >= e.proposeAt(want) && el.pending == nil {
		e.propose(want)
	}
	el.due = e.proposeAt(want)
	switch {
	case el.proposal != nil:
		el.due = e.answersDue(el.proposal)
	case e.awaitsView() && e.now < e.viewDue():
		el.due = e.viewDue()
	}
}

// whyPropose says why the view in force has to be replaced, "" if it need not be.
func (e *Engine) whyPropose(want wire.Nodes) string {
	switch {
	case !e.obeyed():
		return "no view is in force"
	case want != e.view.Members:
		return "the members changed"
	}
	for n := range want.All {
		if life, ok := e.view.life(n); !ok || life != e.lifeOf(n) && (n == e.self || e.peer(n).EngineUp) {
			return e.name(n) + " lives a new life"
		}
	}
	if e.view.Leader != e.self {
		return ""
	}
	if e.election.disobeyed {
		return "a member does not obey the view"
	}
	switch now := e.judge(e.promisesNow(), want); {
	case !e.view.Verdict.Quorate && now.Claim != 0:
		return "the quorum disk has decided"
	case !e.view.Verdict.Quorate && now.Quorate && !e.unreadYet(want, now):
		return "the absent nodes are proven clean"
	case !e.view.Verdict.Quorate && !now.Quorate && e.view.Verdict.Tie == TieNone && now.Tie != TieNone:
		return "exactly half is left, since the vote of one is not counted any more"
	case e.superseded():
		return "the quorum disk has decided anew"
	case e.view.Verdict.Claim != 0 && now.Quorate && now.Claim == 0:
		return "the view need not rest on the quorum disk any more"
	case e.election.voided == e.view.Epoch && e.view.Verdict.Quorate && (!now.Quorate || now.Claim != e.view.Verdict.Claim):
		return "a proof is void on which the view rests"
	}
	for n := range e.cleanNodes(func(p Proof) bool { return p == ProofOperator }).All {
		if c, _ := e.cleanOf(n); !want.Has(n) && !slices.Contains(e.view.Clean, c) {
			return "an operator has vouched for " + e.name(n)
		}
	}
	if e.lead.stale {
		return "a lease is over, which the members have to confirm"
	}
	if e.lead.reweigh {
		return "the weights of the nodes changed"
	}
	return ""
}

// promisesNow are the members' promises as they would be by now: who is in a view that the quorum disk has decided for votes in the next one.
func (e *Engine) promisesNow() []Promise {
	if e.view.Verdict.Claim == 0 {
		return e.lead.promises
	}
	list := slices.Clone(e.lead.promises)
	for i := range list {
		list[i].Admitted = true
	}
	return list
}

// proposeAt is when this node may make its next proposal: at once if it should lead, later the further back it stands in
// the order, and later with each attempt that failed.
func (e *Engine) proposeAt(want wire.Nodes) wire.Instant {
	el := &e.election
	order := e.leaderOf(want)
	rank := slices.Index(order, e.self)
	if rank < 0 { // it leaves
		rank = len(order)
	}
	if e.leavesSomebodyOut(want) {
		rank++ // the beats may just not have said yet who hears whom
	}
	at := el.since
	if e.unheard(want) {
		at = max(at, el.startedAt+wire.Instant(2*e.cfg.Beat.Dead)) // silence that was not waited for proves nothing
	}
	steps := rank
	for i := range el.attempts {
		steps += 1 + rank + min(i, 5)
	}
	// The odd part keeps two nodes from proposing at one moment again and again.
	behind := wire.Instant(rank) * wire.Instant(e.patience()) * 8 / 7
	at += wire.Instant(steps-rank)*wire.Instant(e.patience()) + behind
	if el.proposal != nil {
		at = max(at, e.answersDue(el.proposal))
	}
	if e.awaitsView() {
		at = max(at, e.viewDue()+behind)
	}
	return at
}

// unheard reports whether a node that is not known to be clean is missing in the set only because it was not heard yet
// since the heart started.
func (e *Engine) unheard(want wire.Nodes) bool {
	for n := range (configured(e.cfg) &^ want).All {
		if _, clean := e.cleanOf(n); !clean && e.peer(n).State == wire.PeerNever {
			return true
		}
	}
	return false
}

// leavesSomebodyOut reports whether a node that is heard, with its engine up, is not in the set.
func (e *Engine) leavesSomebodyOut(want wire.Nodes) bool {
	for n := range (configured(e.cfg) &^ want).All {
		if e.candidate(n) {
			return true
		}
	}
	return false
}

// nextLook is when the wanted set may change with nothing but time: a member's engine will have been down for its grace, or a mute
// node is to be asked again.
func (e *Engine) nextLook() wire.Instant {
	var at wire.Instant
	sooner := func(due wire.Instant) {
		if due > e.now && (at == 0 || due < at) {
			at = due
		}
	}
	for n := range configured(e.cfg).Without(e.self).All {
		p := e.peer(n)
		if e.view.Members.Has(n) && p.engineDown != 0 {
			sooner(p.engineDown + wire.Instant(e.cfg.Engine.Grace))
		}
		sooner(p.mute.until)
	}
	return at
}
