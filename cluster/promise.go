package cluster

import (
	"cmp"
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// proposed answers another's proposal, or this node's own. A promise given here is in force at once: nothing older is
// obeyed any more, even before it has left.
func (e *Engine) proposed(from wire.Node, p Propose) {
	why := e.whyRefuse(from, p)
	e.hasProposed(from)
	switch {
	case from != e.self && e.olderThanOurs(from, p.File):
		why = "its file is older than the one in force here, which it gets"
	case e.newerThanOurs(p.File):
		why = "its file is newer than the one in force here, which waits for it"
	}
	if why != "" {
		if from != e.self {
			e.refuse(from, p.Epoch, why)
			e.noteDisobeyed(from, p)
		}
		return
	}
	e.rememberQuiet(from)
	if before := e.election.pending; before != nil && before.to != e.self && before.to != from {
		e.refuse(before.to, before.epoch, "a newer epoch was proposed")
	}
	if e.obeyed() && e.view.Verdict.Quorate {
		e.election.left, e.election.preempted = e.now, false
	}
	e.promised = p.Epoch
	e.election.highest = max(e.election.highest, p.Epoch)
	e.election.pending = &pending{to: from, epoch: p.Epoch, members: p.Members}
	if own := e.election.proposal; own != nil && own.epoch < p.Epoch {
		e.election.proposal = nil
	}
	if e.deputized() != 0 {
		e.tie.Aimed = true
	}
	e.tie.Joint, e.tie.next = max(e.tie.Joint, e.tie.next), 0
	if from != e.self {
		e.gave(from, p.Epoch)
		e.tie.Doubt, e.tie.Doubts = true, e.tie.Doubts.With(from)
		if p.Members&^e.view.Members != 0 { // it may come into force without this node's knowledge
			e.tie.next = p.Epoch
		}
	}
	if c := e.lead.change; c != nil && c.ask.id != 0 {
		e.asks = append([]ask{c.ask}, e.asks...) // it starts anew in the next view
		if c.text != "" {
			e.prepared = c.before
			e.noteGivenUp(c.text) // who alone could have had it take effect does not
		}
	}
	e.keepRestarts()
	e.lead = leadership{}
}

func (e *Engine) refuse(to wire.Node, epoch wire.Epoch, why string) {
	m := &Refuse{Epoch: epoch, Promised: max(e.promised, e.election.highest), Why: why, File: e.edition()}
	if e.awaitsView() {
		m.Awaits = e.election.given.life.Node
	}
	e.send(to, Message{Refuse: m})
}

// noteDisobeyed: a member of the view that this node leads would not propose another if it obeyed it.
func (e *Engine) noteDisobeyed(from wire.Node, p Propose) {
	e.noteEpoch(p.Epoch)
	if e.leads() && e.view.Members.Has(from) && p.Epoch > e.view.Epoch {
		e.election.disobeyed = true
	}
}

// whyRefuse says why no promise is given, "" if it is.
func (e *Engine) whyRefuse(from wire.Node, p Propose) string {
	switch {
	case !e.started:
		return "not started yet"
	case !p.Members.Has(e.self) || !p.Members.Has(from) || p.Members&^configured(e.cfg) != 0:
		return "the set is not one that this node and the proposer are in"
	case !e.believable(p.Epoch):
		return "the epoch is absurdly high"
	case p.Epoch <= e.promised:
		return "a newer epoch is promised already"
	case e.leaving.done:
		return "leaving"
	case e.shotInFlight(from):
		return "a shot at the proposer has not ended yet"
	case !e.admitted && p.Epoch <= max(e.highestHeard(), e.highestOnDisk()):
		return "in a new boot only what is above every epoch that is heard, or stands on the quorum disk, is promised"
	case from != e.self && e.wholeView() && from != e.view.Leader && !e.better(p):
		return "the view in force is whole, and its leader lives"
	case from != e.self && from != e.view.Leader && e.nextIsUnderWay():
		return "the leader of the last view makes the next one"
	}
	return ""
}

// nextIsUnderWay reports whether the leader of a quorate view that this node was in makes the next one. A node that does not reach that leader would
// else come in between, in the same moment or whenever it is asked again, and have a view without it; then the leader does the same, and each has the
// other fenced.
func (e *Engine) nextIsUnderWay() bool {
	if e.obeyed() || !e.view.Verdict.Quorate {
		return false
	}
	if e.view.Leader == e.self {
		return e.election.proposal != nil
	}
	return e.election.given.life.Node == e.view.Leader && e.awaitsView() && e.now < e.viewDue()
}

// highestHeard is the highest epoch that any living node's beats carry.
func (e *Engine) highestHeard() wire.Epoch {
	var top wire.Epoch
	for _, p := range e.peers {
		if p.Node != 0 && e.alive(p.Node) {
			top = max(top, p.Epoch)
		}
	}
	return top
}

// wholeView reports whether the view in force has all its members, with their engines up and in the lives it names, and a leader that grants
// under it: by its beats, which tell of a new view within dead.
func (e *Engine) wholeView() bool {
	if !e.obeyed() {
		return false
	}
	if l := e.view.Leader; l != e.self && e.peer(l).Epoch != e.view.Epoch && e.now >= e.viewSince+wire.Instant(e.cfg.Beat.Dead) {
		return false
	}
	for n := range e.view.Members.All {
		if n == e.self {
			continue
		}
		if life, _ := e.view.life(n); !e.alive(n) || !e.peer(n).EngineUp || e.peer(n).leaves || life != e.lifeOf(n) {
			return false
		}
	}
	return true
}

// better reports whether a proposed set is worth leaving a whole view for: it takes all of it along and more, or it is
// quorate and this view is not; or it has more than half of all votes, and this view has not: a leader whom most do not reach must not keep
// those who hear one another from a quorum. One that takes in a node which another of the set has lost is no view: who proposes it has not heard of that yet.
func (e *Engine) better(p Propose) bool {
	grows := e.view.Members&^p.Members == 0 && p.Members != e.view.Members && bestClique(p.Members, e.hears) == p.Members
	if e.view.Verdict.Quorate {
		return grows && p.Quorate
	}
	return grows || p.Quorate || e.mostVotes(p.Members) && !e.mostVotes(e.view.Members)
}

// mostVotes reports whether a set has more than half of the votes in the file.
func (e *Engine) mostVotes(set wire.Nodes) bool {
	return 2*sum(e.cfg, set) > sum(e.cfg, configured(e.cfg))
}

// givePromise lets the promise go once it is safe to: its epoch lies below the durable ceiling, and the heart grants
// nothing any more under older views.
func (e *Engine) givePromise() {
	p := e.election.pending
	if p == nil {
		return
	}
	if e.storing.writable && e.durable.Ceiling < p.epoch || e.unwritten(p.members) {
		e.hurryStore() // save raises it, and writes them down
		return
	}
	// What this node promises to nobody but itself is installed in this very step, and the heart learns of that first.
	if alone := p.to == e.self && p.members == wire.SetOf(e.self); !alone && e.ceased < p.epoch {
		if !p.asked {
			p.asked = true
			e.do(Cease{Below: p.epoch})
		}
		return
	}
	e.election.pending, e.again = nil, true // a proposal may have waited for it
	if g := &e.election.given; g.life.Node == p.to {
		g.at = e.now
	}
	m := e.promiseFor(p)
	if p.to != e.self {
		e.countAgain(p.members, e.lifeOf(p.to))
	}
	e.send(p.to, Message{Promise: m})
}

// unwritten reports whether a node of a set is back in a life that is not written down here yet. Who goes on with this one relies on its knowing by whom it was joined, in a
// later boot too.
func (e *Engine) unwritten(nodes wire.Nodes) bool {
	return e.storing.writable && slices.ContainsFunc(e.known, func(k wire.Life) bool {
		return nodes.Has(k.Node) && !slices.ContainsFunc(e.durable.Lives, func(w wire.Life) bool { return w.Node == k.Node && w.Incarnation >= k.Incarnation })
	})
}

// countAgain counts the votes again of nodes with which another's view is promised: it may come into force without this node's knowledge, and they vote in it.
func (e *Engine) countAgain(nodes wire.Nodes, by wire.Life) {
	freed := e.cleanNodes(Proof.freesVote)
	for n := range nodes.All {
		p := e.peer(n)
		switch c, _ := e.cleanOf(n); {
		case freed.Has(n):
			e.countsSince(c, e.lifeOf(n), by)
		case p.counts.by != by:
			p.counts.by = wire.Life{} // nobody knows alone what has become of both
		}
	}
}

// countsAgain is what had freed a node's vote before another's view with it was promised, the life that was in it, and who alone has asked for such views since.
type countsAgain struct {
	clean Clean
	life  wire.Life
	by    wire.Life
}

// Counted is a node whose vote counts again for who has promised such a view: for all who go on with him too, if the view came into force. By is who alone asked for it, or nobody.
type Counted struct {
	Life wire.Life `json:"life"`
	By   wire.Life `json:"by"`
}

func (e *Engine) countsSince(c Clean, life, by wire.Life) {
	e.peer(c.Node).counts = countsAgain{c, life, by}
	e.unproven(c.Node)
}

// countedAgain is what a promise says of such nodes, except to who alone has asked for such views, and knows.
func (e *Engine) countedAgain(to wire.Life) (list []Counted) {
	for i := range e.peers {
		c, clean := e.cleanOf(e.peers[i].Node)
		if was := e.peers[i].counts; was.clean.Node != 0 && was.by != to && !e.outlived(was.clean) && !(clean && c.Life.Incarnation >= was.life.Incarnation) {
			list = append(list, Counted{was.life, was.by})
		}
	}
	return list
}

// countWith counts again what a member does, if what is proven here is of an older life than the one that may have been in that view.
func (e *Engine) countWith(list []Counted) {
	for _, w := range list {
		if c, clean := e.cleanOf(w.Life.Node); clean && c.Proof.freesVote() && c.Life.Incarnation < w.Life.Incarnation {
			e.countsSince(c, w.Life, w.By)
		}
	}
}

// neverCame takes up again what had freed votes before such a view was promised, where that has come to nothing: its node was in no view in that boot, or who asked for it,
// and would have been the first to be in it, knows of none and has forgotten nothing: it is the same engine. They promise now, so that it cannot come any more.
func (e *Engine) neverCame(promises []Promise) {
	for i := range e.peers {
		n := &e.peers[i]
		was := n.counts
		if was.clean.Node == 0 || e.outlived(was.clean) {
			continue
		}
		if slices.ContainsFunc(promises, func(p Promise) bool {
			return p.Life.Boot == was.life.Boot && p.Life.Node == n.Node && !p.Admitted || p.Life == was.by
		}) {
			n.counts = countsAgain{}
			e.proven(was.clean)
			n.proven.told = true // long ago
		}
	}
}

// cleanFor is what a promise says of clean nodes: to who asked for an earlier view also what counts no more because of that. Whoever was in it knows better.
func (e *Engine) cleanFor(to wire.Node) []Clean {
	list := slices.Clone(e.clean)
	for i := range e.peers {
		was := e.peers[i].counts
		if _, have := e.cleanOf(was.clean.Node); !have && was.clean.Node != 0 && was.by == e.lifeOf(to) && !e.outlived(was.clean) {
			list = append(list, was.clean)
		}
	}
	slices.SortFunc(list, func(a, b Clean) int { return cmp.Compare(a.Node, b.Node) })
	return list
}

func (e *Engine) promiseFor(p *pending) *Promise {
	e.forgetOrders()
	m := &Promise{
		Epoch: p.epoch, Life: e.myLife(), Admitted: e.admitted, Writable: e.storing.writable,
		Services: e.reports(), Intents: e.intents, Clean: e.cleanFor(p.to), Config: e.print,
		Counted: e.countedAgain(e.lifeOf(p.to)), Forgot: e.tie.Forgot != 0, View: e.tie.Common.Epoch, Joint: e.tie.Joint, Prepared: e.prepared, GaveUp: e.gaveUp, Strays: e.strays, Tied: e.leavesHalf(p.members), Unsure: e.takesTurns() && (e.tie.Aimed || e.tie.Doubts&^p.members != 0), Fresh: e.fresh(), Awaits: e.awaitsOf(p.to), Unable: e.watchdog.Unarmed, Health: e.ownHealth(),
	}
	for _, other := range e.peers {
		if other.Node == 0 || other.Node == e.self {
			continue
		}
		if other.memberAt != 0 {
			m.MemberAt = append(m.MemberAt, Seen{Node: other.Node, Epoch: other.memberAt, Incarnation: other.memberLife})
		}
		if former := e.formerly(other.Node); former > other.memberLife {
			m.MemberAt = append(m.MemberAt, Seen{Node: other.Node, Incarnation: former})
		}
		if !p.members.Has(other.Node) {
			s := Silence{Node: other.Node, AgeMS: -1 - int64(e.now-e.election.startedAt)/1e6}
			switch {
			case e.alive(other.Node):
				s.AgeMS = 0 // it was granted a lease until now
			case other.LastHeard != 0:
				s.AgeMS = int64(e.now-other.LastHeard) / 1e6
			}
			if other.Incarnation != 0 {
				s.LeaseMS, s.WatchdogMS, s.Loose = other.LeaseMS, other.WatchdogMS, !other.ObeysLease || !other.Armed
			}
			if e.takesTurns() {
				s.LostMS = e.lostMS(other)
			}
			m.Silent = append(m.Silent, s)
		}
	}
	if !e.admitted {
		m.Text = e.cfg.Text
	}
	if m.Forgot {
		m.ForgotMS = int64(e.now-e.tie.Forgot) / 1e6
	}
	return m
}

// forgetOrders: what the promise reports as stopped needs a new order to start, also if it was only stopped because the
// lease ran down, and the lease comes back with the new view.
func (e *Engine) forgetOrders() {
	for i := range e.services {
		if s := &e.services[i]; s.phase(e) == PhaseStopped {
			s.ordered = false
		}
	}
}

// fingerprint names a file by what it means and by its version: of two that mean the same, the older one may have been
// replaced by a third and brought back since.
func fingerprint(cfg *config.Config) string {
	v := versionOf(cfg.Text)
	return fmt.Sprintf("%x.%d.%d", cfg.Fingerprint(), v.Epoch, v.Count)
}

// promisedBy collects the promises to this node's own proposal.
func (e *Engine) promisedBy(from wire.Node, p Promise) {
	e.hasSpoken(from)
	own := e.election.proposal
	if own == nil || p.Epoch != own.epoch || !own.members.Has(from) || p.Life.Node != from {
		return
	}
	at := 0
	for at < len(own.promises) && own.promises[at].Life.Node < from {
		at++
	}
	if at < len(own.promises) && own.promises[at].Life.Node == from {
		return
	}
	e.noteHealth(from, p.Epoch, p.Health)
	p.forgotBy = e.now - wire.Instant(max(0, p.ForgotMS))*1e6
	own.promises = append(own.promises[:at], append([]Promise{p}, own.promises[at:]...)...)
}

// refusedBy learns the epoch to go above, and tries again when it is this node's turn.
func (e *Engine) refusedBy(from wire.Node, r Refuse) {
	e.hasSpoken(from)
	own := e.election.proposal
	e.olderThanOurs(from, r.File)
	e.noteEpoch(r.Promised)
	if own == nil || own.epoch != r.Epoch {
		return
	}
	e.election.proposal = nil
	e.tell(History{Kind: "view", Level: "info", Node: e.name(from), Epoch: r.Epoch,
		Text: fmt.Sprintf("%s does not promise epoch %d: %s", e.name(from), r.Epoch, r.Why)})
	if e.alive(r.Awaits) && own.members.Has(r.Awaits) && r.Awaits != e.self {
		e.gave(r.Awaits, 0) // its proposal is on its way to this node too, and one above it would only begin anew
		return
	}
	e.tryHigher(own, r)
}
