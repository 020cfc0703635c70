package cluster

import (
	"fmt"
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
	pending   *pending     // a promise that waits for the heart or for the state directory
	disobeyed bool         // a member of the view that this node leads proposed another
	highest   wire.Epoch   // the highest epoch seen anywhere
}

// proposal is a view that this node proposes and the promises it has got for it.
type proposal struct {
	epoch    wire.Epoch
	members  wire.Nodes
	promises []Promise // in order of node number
	sent     wire.Instant
}

// pending is a promise that is decided but must not leave yet.
type pending struct {
	to      wire.Node
	epoch   wire.Epoch
	members wire.Nodes
	asked   bool // the heart was asked to cease
}

// patience is how long a node waits for another to do what is its turn: for a proposal by the one before it in order, for
// the promises to its own.
func (e *Engine) patience() time.Duration {
	return max(200*time.Millisecond, e.cfg.Beat.Dead/2)
}

// peerChanged takes the heart's word about another node.
func (e *Engine) peerChanged(w wire.Peer) {
	if w.Node == e.self || int(w.Node) >= len(e.peers) || !configured(e.cfg).Has(w.Node) {
		return
	}
	p := e.peer(w.Node)
	old := p.Peer
	p.Peer = w
	if old.State != w.State {
		p.since = e.now
		e.tellPeer(old.State, w)
	}
	if old.Incarnation != w.Incarnation {
		p.leaves, p.gone = false, false
	}
	e.noteLost(p, old)
	e.noteEngine(p)
	e.noteLife(w)
	if e.alive(w.Node) && (old.State == wire.PeerDead || old.State == wire.PeerNever || old.Incarnation != w.Incarnation) {
		e.heardAgain(w.Node)
	}
	e.noteEpoch(w.Epoch)
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

func (e *Engine) tellPeer(was wire.PeerState, w wire.Peer) {
	level := "info"
	switch {
	case w.State == wire.PeerDead:
		level = "alarm"
	case w.State == wire.PeerLate:
		level = "warn"
	case was == wire.PeerLate && w.State == wire.PeerUp:
		level = "warn"
	}
	e.tell(History{Kind: "peer", Level: level, Node: e.name(w.Node),
		Text: fmt.Sprintf("%s: %s, was %s", e.name(w.Node), w.State, was)})
}

// noteLost keeps since when this node and another have lost each other: since it was silent for dead, or since its beats say
// that it does not hear this node. Both sides come to nearly the same instant, whichever direction failed first. An engine
// that is started anew in a tie goes on with what its predecessor knew.
func (e *Engine) noteLost(p *peer, old wire.Peer) {
	switch {
	case p.State == wire.PeerNever || e.alive(p.Node) && p.Hears.Has(e.self):
		p.lost = 0
	case p.lost != 0:
	case old.State == wire.PeerNever && e.tie.Since != 0:
		p.lost = e.tie.Since
	case p.State == wire.PeerDead:
		p.lost = p.LastHeard + wire.Instant(e.cfg.Beat.Dead)
	case old.Hears.Has(e.self):
		p.lost = e.now
	}
}

// noteEngine keeps since when a living heart has no engine.
func (e *Engine) noteEngine(p *peer) {
	switch down := e.alive(p.Node) && !p.EngineUp; {
	case !down:
		p.engineDown = 0
	case p.engineDown == 0:
		p.engineDown = e.now
	}
}

// noteLife keeps the machine and the boot of each node, and takes a new boot of the same machine as proof that whatever
// the old one ran is gone. The heart admits a life only upwards and after a fresh challenge, and only once the former one
// was silent for dead.
func (e *Engine) noteLife(w wire.Peer) {
	if w.Incarnation == 0 || !e.alive(w.Node) {
		return
	}
	life := e.lifeOf(w.Node)
	for i, k := range e.known {
		if k.Node != w.Node {
			continue
		}
		if life.Incarnation <= k.Incarnation {
			return
		}
		if life.Boot != k.Boot && life.Machine == k.Machine {
			e.proven(Clean{Node: w.Node, Life: k, Proof: ProofNewBoot, Epoch: e.view.Epoch})
		}
		e.known[i] = life
		return
	}
	e.known = append(e.known, life)
}

// heardAgain drops proofs that a node contradicts by being alive in the very life they say is over.
func (e *Engine) heardAgain(n wire.Node) {
	c, ok := e.cleanOf(n)
	life := e.lifeOf(n)
	switch {
	case !ok || c.Proof == ProofLease:
		return
	case c.Proof == ProofLeft && c.Life.Incarnation != life.Incarnation:
		return
	case !c.Life.Boot.IsZero() && c.Life.Boot != life.Boot:
		return
	}
	e.unproven(n)
	e.peer(n).denied = c
	e.tell(History{Kind: "alarm", Level: "alarm", Node: e.name(n), Proof: c.Proof.String(),
		Text: fmt.Sprintf("%s is heard in the life that was said to be over (%s): the proof is void", e.name(n), c.Proof)})
}

// wanted is the set that should be the view: this node and those it can form a view with. Members of a view hear one
// another, both ways; of several such sets the largest wins, then the one with the lowest numbers.
func (e *Engine) wanted() wire.Nodes {
	all := wire.SetOf(e.self)
	for n := range configured(e.cfg).All {
		if e.candidate(n) {
			all = all.With(n)
		}
	}
	best := bestClique(all, e.hears)
	if m := e.view.Members; e.obeyed() && m&^all == 0 && m.Count() == best.Count() && bestClique(m, e.hears) == m {
		return m // of several equal sets the one that is in force stays
	}
	if !best.Has(e.self) {
		best = bestClique(all&^best|wire.SetOf(e.self), e.hears)
	}
	if !best.Has(e.self) {
		best = wire.SetOf(e.self)
	}
	return best
}

// candidate reports whether a view with the node is worth proposing. One whose engine is down keeps its place in the view
// for the engine's grace: its heart still grants, its services still run, and nobody is served by a view without it.
func (e *Engine) candidate(n wire.Node) bool {
	p := e.peer(n)
	member := e.obeyed() && e.view.Members.Has(n)
	if n == e.self || !e.alive(n) || p.gone || p.misfit == e.lifeOf(n) || e.shotInFlight(n) && !member {
		return false
	}
	if p.EngineUp {
		return true
	}
	return member && e.now < p.engineDown+wire.Instant(e.cfg.Engine.Grace)
}

// hears is whom a node hears, as far as this node knows.
func (e *Engine) hears(n wire.Node) wire.Nodes {
	if n != e.self {
		return e.peer(n).Hears
	}
	var set wire.Nodes
	for i := range e.peers { // a peer is large: it is not copied
		if p := &e.peers[i]; p.Node != 0 && e.alive(p.Node) {
			set = set.With(p.Node)
		}
	}
	return set
}

// leaderOf says in which order the nodes of a set should lead it, so that all of them come to the same answer: the leader
// of the view in force if the set only loses members, or gains them for a quorate view; else the members of a quorate
// view, else all, lowest number first. Those whose engine is down, or that leave, come last or not at all.
func (e *Engine) leaderOf(set wire.Nodes) []wire.Node {
	quorate := wire.Nodes(0)
	for n := range set.All {
		if n == e.self && e.obeyed() && e.view.Verdict.Quorate || n != e.self && e.peer(n).Quorate {
			quorate = quorate.With(n)
		}
	}
	var order leadOrder
	if e.obeyed() && (set&^e.view.Members == 0 || e.view.Verdict.Quorate && quorate&^e.view.Members == 0) {
		order.add(e, set&wire.SetOf(e.view.Leader))
	}
	order.add(e, quorate)
	order.add(e, set)
	return order.nodes
}

// leadOrder collects nodes, each once; the leaving ones are not taken.
type leadOrder struct{ nodes []wire.Node }

func (o *leadOrder) add(e *Engine, set wire.Nodes) {
	for n := range set.All {
		down := n != e.self && !e.peer(n).EngineUp
		if !down && !e.leavesOrGone(n) && !slices.Contains(o.nodes, n) {
			o.nodes = append(o.nodes, n)
		}
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
		el.want, el.since, el.attempts, el.quick, el.due, el.proposal = want, 0, 0, 0, e.nextGrace(), nil
		return
	}
	if el.since == 0 || el.want != want {
		el.want, el.since, el.attempts, el.quick = want, e.now, 0, 0
		if el.proposal != nil && el.proposal.members != want {
			el.proposal = nil
		}
	}
	el.due = e.proposeAt(want)
	if e.now >= el.due && el.pending == nil {
		e.propose(want)
		el.due = e.proposeAt(want)
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
	if !e.view.Verdict.Quorate && e.judge(e.lead.promises, want).Quorate {
		return "the absent nodes are proven clean"
	}
	if e.lead.stale {
		return "a lease is over, which the members have to confirm"
	}
	if e.lead.reweigh {
		return "the weights of the nodes changed"
	}
	return ""
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
	return at + wire.Instant(steps)*wire.Instant(e.patience()) + wire.Instant(rank)*wire.Instant(e.patience())/7
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

// nextGrace is when a member's engine will have been down for its grace.
func (e *Engine) nextGrace() wire.Instant {
	var at wire.Instant
	for n := range e.view.Members.All {
		if p := e.peer(n); n != e.self && p.engineDown != 0 {
			due := p.engineDown + wire.Instant(e.cfg.Engine.Grace)
			if due > e.now && (at == 0 || due < at) {
				at = due
			}
		}
	}
	return at
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

// propose asks the members for their promises, this node first.
func (e *Engine) propose(members wire.Nodes) {
	el := &e.election
	quorate := e.obeyed() && e.view.Verdict.Quorate
	epoch := e.epochAbove(max(e.promised, el.highest))
	el.attempts++
	el.highest = epoch
	el.proposal = &proposal{epoch: epoch, members: members, sent: e.now}
	for n := range members.All {
		e.send(n, Message{Propose: &Propose{Epoch: epoch, Members: members, Quorate: quorate, File: e.edition()}})
	}
}
