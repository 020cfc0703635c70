package cluster

import (
	"fmt"
	"slices"

	"locum/wire"
)

// While a node is in no quorum, another side may be one, and take back who was clean: a node that was off is booted behind the cut and runs services there, or votes. Nobody says
// so to this side. Where it is a quorum only because votes are not counted, what freed one of them counts no more if others could have been a quorum after that.

// apart is what this node knows of when others may have been a quorum.
type apart struct {
	together wire.Instant // when this node was in one last, for certain
	beaten   wire.Nodes   // by others, for whom the quorum disk has decided since then
	acted    wire.Instant // by when they have acted on that for the last time
	anew     wire.Nodes   // of whom it was asked since then that they be proven anew
}

// noteQuorum keeps that this node is in a quorum that was agreed on at an instant.
func (e *Engine) noteQuorum(v Verdict, at wire.Instant) {
	if v.Quorate {
		e.apart = apart{together: max(e.apart.together, at)}
	}
}

// noteTogether keeps that those who make the view a quorum go by it still. Their beats have said so within dead; what this engine learns late, it learns in one go.
func (e *Engine) noteTogether() {
	dead := wire.Instant(e.cfg.Beat.Dead)
	at := e.now - dead
	if e.view.Verdict.Claim != 0 {
		at = min(at, e.disk.From)
	}
	if e.obeyed() && e.view.Verdict.Quorate && at >= e.apart.together+dead && e.quorumObeys() {
		e.apart.together = at
	}
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
}

// mayBeBack are the nodes outside a set whose votes are not counted, and which others may have taken back while the voters were no quorum. Of the unread ones the next
// reading of the disk tells.
func (e *Engine) mayBeBack(members wire.Nodes, v Verdict) (back, unread wire.Nodes) {
	for _, c := range e.clean {
		if !e.admitted || !c.Proof.freesVote() || members.Has(c.Node) {
			continue
		}
		since, anew := e.apart.together, false
		if c.Proof != ProofNewBoot && !e.peer(c.Node).cleanTold { // else nobody here knows how old it is
			since = max(since, e.provenAt(c))
			anew = e.apart.anew.Has(c.Node) || c.Proof == ProofOperator && since > e.apart.together
		}
		rivals, gone := e.rivals(c.Node, v.Voters, since)
		have, all := sum(e.cfg, rivals), sum(e.cfg, rivals|v.Voters)
		if !e.cfg.Quorum.Dynamic {
			all = sum(e.cfg, configured(e.cfg))
		}
		switch {
		case rivals == 0:
		case 2*have > all && !anew, e.apart.beaten&rivals != 0 && since <= e.apart.acted:
			back = back.With(c.Node)
		case anew, 2*have < all, !e.breaksTiesBy("disk"), !v.Quorate, v.Claim != 0, e.disk.From >= gone:
		case e.readLately():
			unread = unread.With(c.Node)
		default:
			back = back.With(c.Node)
		}
	}
	return back, unread
}

// backNow are those of the view in force, which is no quorum.
func (e *Engine) backNow() wire.Nodes {
	back, _ := e.mayBeBack(e.view.Members, e.view.Verdict)
	return back
}

// rivals are those who may have taken a node back after an instant: all but the voters who were not proven clean by then. Gone is by when the newest of them was, who is now.
func (e *Engine) rivals(n wire.Node, voters wire.Nodes, since wire.Instant) (set wire.Nodes, gone wire.Instant) {
	set = configured(e.cfg) &^ voters.With(n)
	for _, c := range e.clean {
		p := e.peer(c.Node)
		switch at := e.provenAt(c); {
		case !c.Proof.freesVote() || !set.Has(c.Node):
		case at <= since, c.Proof == ProofLeft && p.gone: // who says that it leaves was in the last view
			set = set.Without(c.Node)
		default:
			gone = max(gone, at)
		}
	}
	return set, gone
}

// provenAt is since when a node is known here to be clean.
func (e *Engine) provenAt(c Clean) wire.Instant {
	if p := e.peer(c.Node); p.cleanSince != 0 && p.cleanLife == c.Life.Incarnation && p.cleanBy == c.Proof {
		return p.cleanSince
	}
	return e.now // it came in this very step
}

// countBack counts those again if the members would be a quorum only without them.
func (e *Engine) countBack(own *proposal, v Verdict) Verdict {
	for v.Quorate && !e.mostVotes(v.Voters) && !e.goesOn(own) {
		back, unread := e.mayBeBack(own.members, v)
		if back == 0 {
			return e.awaitReading(own, v, unread)
		}
		e.proveAnew(back)
		v = e.judge(own.promises, own.members)
	}
	return v
}

// countForgotten counts those again that others may have taken back by the vote of a member who has promised their view, and has forgotten who was in it.
func (e *Engine) countForgotten(own *proposal) {
	var forgot, known wire.Nodes
	for _, p := range own.promises {
		switch {
		case p.Forgot:
			forgot = forgot.With(p.Life.Node)
		case p.Admitted:
			known = known.With(p.Life.Node)
		}
	}
	if forgot != 0 {
		back, _ := e.mayBeBack(own.members, Verdict{Voters: known})
		e.proveAnew(back)
	}
}

func (e *Engine) proveAnew(nodes wire.Nodes) {
	for n := range nodes.All {
		e.unproven(n)
		e.apart.anew = e.apart.anew.With(n) // once: else each in turn would have to be, for ever
		e.tell(History{Kind: "proof", Level: "warn", Node: e.name(n),
			Text: fmt.Sprintf("%s may have been taken back while this node was in no quorum: it has to be proven anew that it runs nothing", e.name(n))})
	}
}

// awaitReading is the verdict until the disk has shown that others have not won it.
func (e *Engine) awaitReading(own *proposal, v Verdict, unread wire.Nodes) Verdict {
	if unread == 0 {
		return v
	}
	known := e.clean
	e.clean = slices.DeleteFunc(slices.Clone(known), func(c Clean) bool { return unread.Has(c.Node) })
	v = e.judge(own.promises, own.members)
	e.clean = known
	return v
}

// unreadYet reports whether the absent nodes are proven clean, and the disk has to be read before that counts.
func (e *Engine) unreadYet(members wire.Nodes, v Verdict) bool {
	back, unread := e.mayBeBack(members, v)
	return back == 0 && unread != 0 && !e.mostVotes(v.Voters)
}
