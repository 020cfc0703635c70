package cluster

import (
	"slices"

	"locum/config"
	"locum/wire"
)

// judge says whether the members may act. Quorum is more than half of the votes that count; with exactly half a tie-break;
// with less never.
//
// A node that is proven clean by power, departure, a new boot or an operator is not counted while it is away, if
// the file says "quorum dynamic=yes": its old life can cast no vote again, and a new one has none until it was admitted.
//
// While a file is being applied, nobody knows by which of the two the others go: the members have to be a quorum by both (SAFETY 8).
func (e *Engine) judge(promises []Promise, members wire.Nodes) Verdict {
	known := e.evidence(promises)
	v := judge(e.cfg, promises, members, known)
	if next := e.parsed(e.unfinishedFile(promises)); next != nil {
		return v.and(judge(next, promises, members&configured(next), known), sameTiebreaks(e.cfg, next))
	}
	return v
}

// and is what a verdict and that by the file that is being applied come to. Where the two break ties in other ways, or wait other times, no tie
// is broken: both sides could come to be the first.
func (v Verdict) and(next Verdict, sameTiebreaks bool) Verdict {
	switch {
	case v.Quorate && next.Quorate:
		if next.Claim != 0 {
			v.Tie, v.Claim = TieDisk, next.Claim
		}
	case v.Quorate:
		v, v.Coming = next, true
		if !sameTiebreaks {
			v.Tie = TieNone
		}
	case next.Quorate:
	case v.Tie != next.Tie || !sameTiebreaks:
		v, v.Coming = next, true
		v.Tie = TieNone
	}
	return v
}

// sameTiebreaks reports whether two files break ties in the same order and with the same delay, and have both sides reckon from the same instant.
func sameTiebreaks(a, b *config.Config) bool {
	return a.Beat.Dead == b.Beat.Dead && a.Settling() == b.Settling() && slices.EqualFunc(a.Tiebreaks, b.Tiebreaks, func(x, y config.Tiebreak) bool { return x.Type == y.Type && x.Delay == y.Delay })
}

// evidence is what is known of the absent nodes, beside what the members promise.
type evidence struct {
	clean    []Clean
	disk     wire.Disk
	caughtUp wire.Nodes // see there
	// voteless are members of this leader's view, which is no quorum, whose votes were freed when they came to it and who have none yet.
	voteless wire.Nodes
}

func (e *Engine) evidence(promises []Promise) evidence {
	known := evidence{clean: e.clean, disk: e.disk, caughtUp: e.caughtUp(promises)}
	if !e.readLately() {
		known.disk.Decided = wire.Claim{}
	}
	for _, p := range promises {
		if was, _ := e.view.life(p.Life.Node); e.view.Leader == e.self && !e.view.Verdict.Quorate && e.voteless.Has(p.Life.Node) && was.Boot == p.Life.Boot && !p.Admitted {
			known.voteless = known.voteless.With(p.Life.Node)
		}
	}
	return known
}

func judge(cfg *config.Config, promises []Promise, members wire.Nodes, known evidence) Verdict {
	freed, byOperator, off := wire.Nodes(0), wire.Nodes(0), wire.Nodes(0)
	for _, c := range known.clean {
		if c.Proof.freesVote() {
			freed = freed.With(c.Node)
		}
		if c.Proof == ProofOperator {
			byOperator = byOperator.With(c.Node)
		}
		if c.Proof == ProofOperator || c.Proof == ProofPowerOff {
			off = off.With(c.Node)
		}
	}
	absent := configured(cfg) &^ members
	// With dynamic votes the last one to leave may have been quorate alone, and only it knows what was said to it then.
	most := !cfg.Quorum.Dynamic && 2*sum(cfg, members) > sum(cfg, configured(cfg))
	cold := absent&^freed == 0 && (most || absent&^(byOperator|known.caughtUp) == 0)

	var v Verdict
	present := 0
	counted := configured(cfg)
	for _, p := range promises {
		n := p.Life.Node
		votes := p.Admitted || cold && (!p.Fresh || absent&^off == 0) // one that has lost what it knew may have promised anything (SAFETY 15)
		switch {
		case !p.Writable:
		case votes:
			v.Voters = v.Voters.With(n)
		case cfg.Quorum.Dynamic && (freed | known.voteless).Has(n):
			counted = counted.Without(n)
		}
		if p.Writable {
			present += votesOf(cfg, n)
		}
	}
	if cfg.Quorum.Dynamic {
		counted &^= absent & freed
	}
	v.Have, v.Total = sum(cfg, v.Voters), sum(cfg, counted)
	v.Quorate = 2*v.Have > v.Total
	if !v.Quorate {
		v.breakTie(cfg, present, absent&^freed == 0)
	}
	if v.Tie == TieDisk && !v.Quorate && claimHolds(known.disk, promises, v.Voters) {
		v.Quorate, v.Claim = true, known.disk.Decided.Instance
	}
	return v
}

// breakTie says what exactly half of the votes may do.
func (v *Verdict) breakTie(cfg *config.Config, present int, othersClean bool) {
	for _, t := range cfg.Tiebreaks {
		switch {
		case t.Type == "disk" && v.Have > 0 && 2*v.Have == v.Total:
			v.Tie, v.Quorate = TieDisk, othersClean
			return
		case t.Type == "fence" && v.Have > 0 && 2*v.Have == v.Total:
			v.Tie, v.Quorate = TieFence, othersClean
			return
		case t.Type == "unsafe" && present > 0 && 2*present == v.Total:
			v.Tie = TieUnsafe
			return
		}
	}
}

func sum(cfg *config.Config, set wire.Nodes) int {
	total := 0
	for _, c := range cfg.Nodes {
		if set.Has(c.Number) {
			total += c.Votes
		}
	}
	return total
}

// unsafeTie reports whether a view goes on by "tiebreak unsafe": with stateless services only, and without a proof.
func (v View) unsafeTie() bool { return !v.Verdict.Quorate && v.Verdict.Tie == TieUnsafe }

// exempt reports whether the view obeys no lease: it is exactly half and serves on while it fences the others, where the
// file lets nobody take over because a lease is over; or it is an unsafe one.
func (e *Engine) exempt(v View) bool {
	fencing := !v.Verdict.Quorate && v.Verdict.Tie == TieFence && e.cfg.Watchdog.Device == ""
	return fencing || v.unsafeTie()
}
