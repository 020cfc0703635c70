package cluster

import (
	"fmt"

	"locum/wire"
)

// While a node is in no quorum, another side may be one, and take back who was clean: a node that was off is booted behind the cut and runs services there, or votes. Nobody says
// so to this side. Once it is a quorum again only because votes are not counted, what freed these before that time counts no more.

// apart is since when this node is in no quorum, 0 if it is in one, and whether another side may have been one meanwhile: it had more votes, or has won the quorum disk.
type apart struct {
	since    wire.Instant
	outvoted bool
}

// noteApart keeps that from a view that comes into force.
func (e *Engine) noteApart(v Verdict) {
	if v.Quorate {
		e.apart = apart{}
		return
	}
	if e.apart.since == 0 {
		e.apart.since = max(e.now, 1)
	}
	e.apart.outvoted = e.apart.outvoted || 2*v.Have < v.Total
}

// noteOthersWon keeps that the quorum disk has decided for others since this node was in a quorum.
// As long as one of them goes on writing, they may take back whom they like.
func (e *Engine) noteOthersWon(old, now wire.Disk) {
	for n := range (configured(e.cfg) &^ e.view.Members &^ e.cleanNodes(Proof.freesVote)).All {
		if e.apart.outvoted && now.Slot(n).Moved > old.Slot(n).Moved {
			e.apart.since = max(e.apart.since, e.now-1) // what the same reading proves is newer
		}
	}
	c := now.Decided
	if c.Instance <= old.Decided.Instance || c.Members.Has(e.self) || old.From == 0 && c.Epoch <= e.tie.Common.Epoch {
		return
	}
	e.apart.outvoted = true
	if e.apart.since == 0 {
		e.apart.since = max(e.now, 1)
	}
}

// mayBeBack are the nodes whose votes are not counted, and which may have been taken back by another side.
func (e *Engine) mayBeBack(members wire.Nodes) (set wire.Nodes) {
	if !e.admitted || !e.apart.outvoted {
		return 0
	}
	for _, c := range e.clean {
		p := e.peer(c.Node)
		if c.Proof.freesVote() && !members.Has(c.Node) && (p.cleanTold || p.cleanSince != 0 && p.cleanSince <= e.apart.since) {
			set = set.With(c.Node)
		}
	}
	return set
}

// countBack counts those again if the members would be a quorum only without them.
func (e *Engine) countBack(own *proposal, v Verdict) Verdict {
	back := e.mayBeBack(own.members)
	if !v.Quorate || back == 0 || e.mostVotes(v.Voters) || e.goesOn(own) {
		return v
	}
	for n := range back.All {
		e.unproven(n)
		e.tell(History{Kind: "proof", Level: "warn", Node: e.name(n),
			Text: fmt.Sprintf("%s may have been taken back while this node was in no quorum: it has to be proven anew that it runs nothing", e.name(n))})
	}
	return e.judge(own.promises, own.members)
}
