package cluster

import (
	"slices"

	"locum/wire"
)

// apart is what this node knows of when others may have been a quorum.
type apart struct {
	together wire.Instant // when this node was in one last, for certain
	beaten   wire.Nodes   // by others, for whom the quorum disk has decided since then
	acted    wire.Instant // by when they have acted on that for the last time
	anew     wire.Nodes   // of whom it was asked since then that they be proven anew
}

// noteQuorum keeps that this node is in a quorum that was agreed on at an instant. For whom the quorum disk has decided later is not forgotten.
func (e *Engine) noteQuorum(v Verdict, at wire.Instant) {
	switch {
	case !v.Quorate:
		return
	case e.apart.beaten == 0 || e.apart.acted < at+e.diskDead():
		e.apart = apart{together: e.apart.together}
	}
	e.apart.together = max(e.apart.together, at)
}

// noteTogether keeps when those who make the view a quorum went by it, as their newest beats have said. That an engine takes one for alive says nothing: where it was stopped, it
// has not learnt yet who was lost meanwhile.
func (e *Engine) noteTogether() {
	dead := wire.Instant(e.cfg.Beat.Dead)
	if !e.obeyed() || !e.view.Verdict.Quorate || e.now < e.apart.together+2*dead {
		return
	}
	at := e.quorumHeard()
	if e.view.Verdict.Claim != 0 {
		at = min(at, e.disk.From)
	}
	e.apart.together = max(e.apart.together, at-dead)
}

// quorumHeard is the newest instant since which members with the votes that the view needs were all heard under it, 0 if they were not.
func (e *Engine) quorumHeard() wire.Instant {
	var list []wire.Instant
	heard := func(n wire.Node) wire.Instant {
		switch p := e.peer(n); {
		case n == e.self:
			return e.now
		case p.Epoch == e.view.Epoch:
			return p.LastHeard
		}
		return 0
	}
	for n := range e.view.Verdict.Voters.All {
		list = append(list, heard(n))
	}
	slices.Sort(list)
	for _, at := range slices.Backward(list) {
		votes := 0
		for n := range e.view.Verdict.Voters.All {
			if heard(n) >= at {
				votes += votesOf(e.cfg, n)
			}
		}
		if votes >= e.view.Verdict.needed() {
			return at
		}
	}
	return 0
}

// noteOthersWon keeps that the quorum disk has decided for others since this node was in a quorum. As long as one of them goes on writing, and until what they have read
// makes nobody a quorum any more, they may take back whom they like.
func (e *Engine) noteOthersWon(old, now wire.Disk) {
	for n := range (configured(e.cfg) &^ e.view.Members &^ e.cleanNodes(Proof.freesVote)).All {
		if e.apart.beaten != 0 && now.Slot(n).Moved > old.Slot(n).Moved {
			e.apart.acted = e.now + e.diskDead()
		}
	}
	c := now.Decided
	if c.Instance <= old.Decided.Instance || c.Members.Has(e.self) || old.From == 0 && c.Epoch <= e.tie.Common.Epoch {
		return
	}
	e.apart.beaten, e.apart.acted = e.apart.beaten|c.Members, e.now+e.diskDead()
	for n := range c.Members.All {
		e.peer(n).voted = voted{at: e.now}
		if n == c.By {
			e.peer(n).voted.life = c.Incarnation
		}
	}
}

// voted is when a node is known last to have had a vote beside others, and in which life, if that is known: the quorum disk was seen to have decided for them, or its own slot
// says that it was admitted in a new boot.
type voted struct {
	at   wire.Instant
	life wire.Incarnation
}

// hasVotedSince reports whether a node has had a vote beside others since it was proven clean, and not in the life that is proven to be over: it is back, whoever has taken it back.
func (e *Engine) hasVotedSince(c Clean, since wire.Instant) bool {
	v := e.peer(c.Node).voted
	return v.at != 0 && since <= v.at && (v.life == 0 || v.life > c.Life.Incarnation)
}
