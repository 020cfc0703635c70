package cluster

import (
	"fmt"

	"locum/wire"
)

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
