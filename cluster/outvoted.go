package cluster

import (
	"fmt"
	"slices"

	"locum/wire"
)

// While a node is in no quorum, another side may be one, and take back who was clean: a node that was off is booted behind the cut and runs services there, or votes. Nobody says
// so to this side. Once it is a quorum again only because votes are not counted, what freed these before that time counts no more, nor does what freed one of them before
// the last of the others was known to be clean: until then that one may have taken it back.

// apart is since when this node is in no quorum, 0 if it is in one, whether another side may have been one meanwhile, since it had more votes, or has won the quorum disk, and
// about whom it has to be proven anew therefore.
type apart struct {
	since    wire.Instant
	outvoted bool
	back     wire.Nodes
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

// mayBeOutvoted reports whether another side may be a quorum, or have been one since this node was in one. A node in a new boot was in none. Who has exactly half of the votes
// and has not read the quorum disk since an instant cannot know for whom it has decided until then.
func (e *Engine) mayBeOutvoted(until wire.Instant) bool {
	unread := len(e.cfg.Disks) > 0 && e.apart.since != 0 && (!e.disk.Good || e.disk.From < until)
	return !e.admitted || e.apart.outvoted || unread
}

// mayBeBack are the nodes whose votes are not counted, and which may have been taken back by another side: all that were known to be clean before this node was in no quorum, or
// before the last of the others was, who until then may have taken them back.
func (e *Engine) mayBeBack(members wire.Nodes) (set wire.Nodes) {
	freed := slices.DeleteFunc(slices.Clone(e.clean), func(c Clean) bool { return !c.Proof.freesVote() || members.Has(c.Node) })
	var last, asked wire.Instant
	for _, c := range freed {
		last, asked = max(last, e.cleanSince(c)), max(asked, e.cleanAskedAt(c))
	}
	if !e.mayBeOutvoted(last) {
		return 0
	}
	for _, c := range freed {
		others := configured(e.cfg) &^ members.With(c.Node)
		if p := e.peer(c.Node); e.admitted && (p.cleanTold || e.cleanSince(c) <= e.apart.since) || others != 0 && (p.cleanTold || e.isOlder(c, asked)) {
			set = set.With(c.Node)
		}
	}
	return set
}

// isOlder reports whether a node may have been taken back, or been a member in its new boot, between a proof and an instant. To come back from being off, it has to be booted.
func (e *Engine) isOlder(c Clean, than wire.Instant) bool {
	switch c.Proof {
	case ProofPowerOff:
		return e.cleanSince(c)+wire.Instant(e.cfg.Beat.Dead) < than
	case ProofNewBoot:
		return !e.peer(c.Node).unadmitted || e.cleanSince(c) < than
	}
	return e.cleanSince(c) < than
}

// othersMayHaveStarted reports whether a node that has left may have been started again, and be a member of another side's quorum, and not have written that yet.
func (e *Engine) othersMayHaveStarted(s wire.Slot) bool {
	others := configured(e.cfg) &^ e.view.Members.With(s.Node)
	return others != 0 && e.mayBeOutvoted(e.now) && s.Read < e.freedSince(s.Node)+2*wire.Instant(e.cfg.Disks[0].Every)
}

// othersMayHaveAdmitted reports whether a node in a new boot may be a member of another side's quorum, by what it has written on the quorum disk since the last of the others was
// known to be clean.
func (e *Engine) othersMayHaveAdmitted(s wire.Slot) bool {
	others := configured(e.cfg) &^ e.view.Members.With(s.Node)
	return others != 0 && e.mayBeOutvoted(e.now) && (!s.Unadmitted || e.peer(s.Node).wrote < e.freedSince(s.Node))
}

// cleanSince is when a proof came.
func (e *Engine) cleanSince(c Clean) wire.Instant {
	if p := e.peer(c.Node); p.cleanSince != 0 && p.cleanLife == c.Life.Incarnation && p.cleanBy == c.Proof {
		return p.cleanSince
	}
	return e.now // it came in this very step
}

// cleanAskedAt is when what proves it was asked: of switches that are asked side by side one may answer much later than the other. A former boot was over when a new one was seen,
// which has no vote and takes nobody back.
func (e *Engine) cleanAskedAt(c Clean) wire.Instant {
	if at := e.peer(c.Node).cleanAsked; at != 0 {
		return at
	}
	return e.cleanSince(c)
}

// settled reports whether more than half of all votes are those of members that nobody else can have freed: they were admitted in these very boots, or with a static majority.
func (e *Engine) settled(own *proposal, v Verdict) bool {
	admitted := v.Voters
	for _, p := range own.promises {
		if e.cfg.Quorum.Dynamic && !p.Admitted {
			admitted = admitted.Without(p.Life.Node)
		}
	}
	return e.mostVotes(admitted)
}

// countBack counts those again if the members would be a quorum only without them.
func (e *Engine) countBack(own *proposal, v Verdict) Verdict {
	back := e.mayBeBack(own.members)
	if !v.Quorate || back == 0 || e.settled(own, v) || e.goesOn(own) {
		return v
	}
	for n := range back.All {
		e.unproven(n)
		e.apart.back = e.apart.back.With(n)
		e.tell(History{Kind: "proof", Level: "warn", Node: e.name(n),
			Text: fmt.Sprintf("%s may have been taken back while this node was in no quorum: it has to be proven anew that it runs nothing", e.name(n))})
	}
	return e.judge(own.promises, own.members)
}
