package cluster

import (
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// While a node is in no quorum, another side may be one, and take back who was clean: a node that was off is booted behind the cut and runs services there, or votes. Nobody says
// so to this side. Where it is a quorum only because votes are not counted, what freed one of them counts no more if others could have been a quorum after that.

// mayBeBack are the nodes outside a set whose votes are not counted, and which others may have taken back while the voters were no quorum. Of the unread ones the next
// reading of the disk tells.
func (e *Engine) mayBeBack(promises []Promise, members wire.Nodes, v Verdict) (back, unread wire.Nodes) {
	ours, current := v.Voters.With(e.self), len(promises) == 0 // a member knows by whom it was joined, in a former boot too; else it could have taken anybody back
	for _, p := range promises {
		if !p.Fresh {
			ours = ours.With(p.Life.Node)
		}
		current = current || p.Admitted
	}
	for _, c := range e.clean {
		if !c.Proof.freesVote() || members.Has(c.Node) {
			continue
		}
		since := e.cleanSince(c)
		if e.hasVotedSince(c, since) {
			back = back.With(c.Node)
		}
		for _, cfg := range e.files(promises) {
			switch e.tookBack(cfg, c, rivalry{since, ours, forgetful(promises, since) &^ v.Voters, unfreed(cfg, promises, v), v, current}) {
			case tookBackMaybe:
				back = back.With(c.Node)
			case tookBackUnread:
				unread = unread.With(c.Node)
			}
		}
	}
	return back, unread &^ back
}

// cleanSince is after what others would have had to take a node back.
func (e *Engine) cleanSince(c Clean) wire.Instant {
	if p := e.peer(c.Node); !p.proven.told && (c.Proof != ProofNewBoot || p.proven.unadmitted) { // else nobody here knows how old it is, or whether its new boot has a vote elsewhere
		return max(e.apart.together, e.shownAt(c))
	}
	return e.apart.together
}

// forgetful are the members who may have promised another's view after an instant, and have forgotten who was in it.
func forgetful(promises []Promise, since wire.Instant) (set wire.Nodes) {
	for _, p := range promises {
		if p.Forgot && p.forgotBy >= since {
			set = set.With(p.Life.Node)
		}
	}
	return set
}

// rivalry is what decides whether others can have taken a node back.
type rivalry struct {
	since   wire.Instant // they had to
	ours    wire.Nodes
	theirs  wire.Nodes // of ours, whose votes may have been with them
	unfreed wire.Nodes
	verdict Verdict
	current bool // one of ours was there all the time: no file can have been applied without it
}

// tookBackWord is whether others can have.
type tookBackWord uint8

const (
	tookBackNever tookBackWord = iota
	tookBackUnread
	tookBackMaybe
)

// tookBack says it by one file.
func (e *Engine) tookBack(cfg *config.Config, c Clean, r rivalry) tookBackWord {
	rivals, gone := e.rivals(cfg, c, r.ours, r.since)
	have, all := sum(cfg, rivals|r.theirs), sum(cfg, rivals|r.theirs|r.unfreed)
	if !cfg.Quorum.Dynamic {
		all = sum(cfg, configured(cfg))
	}
	switch {
	case rivals == 0:
		return tookBackNever
	case 2*have > all, !r.current, e.apart.beaten&rivals != 0 && r.since <= e.apart.acted:
		return tookBackMaybe
	case 2*have < all, !breaksTies(cfg, "disk"), !r.verdict.Quorate, r.verdict.Claim != 0, e.disk.From >= gone:
		return tookBackNever
	case e.readLately():
		return tookBackUnread
	}
	return tookBackMaybe
}

// files are the file in force and the one that is being applied, if there is one: it may be in force elsewhere (SAFETY 8).
func (e *Engine) files(promises []Promise) []*config.Config {
	list := []*config.Config{e.cfg}
	if next := e.parsed(e.unfinishedFile(promises)); next != nil {
		list = append(list, next)
	}
	return list
}

// restOnFreed reports whether the voters are a quorum only without those whose votes are not counted, by one of the files.
func (e *Engine) restOnFreed(promises []Promise, v Verdict) bool {
	return slices.ContainsFunc(e.files(promises), func(cfg *config.Config) bool {
		return 2*sum(cfg, unfreed(cfg, promises, v)) <= sum(cfg, configured(cfg))
	})
}

// backNow are those of the view in force, which is no quorum.
func (e *Engine) backNow() wire.Nodes {
	back, _ := e.mayBeBack(e.lead.promises, e.view.Members, e.view.Verdict)
	return back
}

// rivals are those who may have taken a node back after an instant: all but ours who were not proven clean by then. Gone is by when the newest of them was, who is now.
// A node that is off does not come back while the switches of others, asked with its own, still answer: it has to be booted.
func (e *Engine) rivals(cfg *config.Config, of Clean, ours wire.Nodes, since wire.Instant) (set wire.Nodes, gone wire.Instant) {
	if of.Proof == ProofPowerOff {
		since += wire.Instant(e.cfg.Beat.Dead)
	}
	set = configured(cfg) &^ ours.With(of.Node)
	for _, c := range e.clean {
		p := e.peer(c.Node)
		switch {
		case !c.Proof.freesVote() || !set.Has(c.Node):
		case e.askedAt(c) <= since, c.Proof == ProofLeft && p.gone && c.Life.Incarnation == p.Incarnation: // who says that it leaves was in the last view
			set = set.Without(c.Node)
		default:
			gone = max(gone, e.provenAt(c))
		}
	}
	return set, gone
}

// unfreed are the voters whose votes nobody else can have freed: they were admitted in these very boots, or clean nodes count.
func unfreed(cfg *config.Config, promises []Promise, v Verdict) wire.Nodes {
	set := v.Voters
	for _, p := range promises {
		if cfg.Quorum.Dynamic && !p.Admitted {
			set = set.Without(p.Life.Node)
		}
	}
	return set
}

// provenAt is since when a node is known here to be clean.
func (e *Engine) provenAt(c Clean) wire.Instant {
	if p := e.peer(c.Node); p.proven.since != 0 && p.proven.life == c.Life.Incarnation && p.proven.by == c.Proof {
		return p.proven.since
	}
	return e.now // it came in this very step
}

// shownAt is as of when what proves it was so: what the quorum disk shows may have been over when it was read.
func (e *Engine) shownAt(c Clean) wire.Instant {
	if at := e.peer(c.Node).proven.shown; at != 0 {
		return at
	}
	return e.provenAt(c)
}

// askedAt is when what proves it was asked: of switches that are read side by side one may answer much later than the other. What a shot switches off may have lived until its answer.
// A life that has ended on the quorum disk was over when that was seen first, and takes nobody back.
func (e *Engine) askedAt(c Clean) wire.Instant {
	if at := e.peer(c.Node).proven.asked; at != 0 {
		return at
	}
	return e.provenAt(c)
}

// countBack counts those again if the members would be a quorum only without them.
func (e *Engine) countBack(own *proposal, v Verdict) Verdict {
	for v.Quorate && e.restOnFreed(own.promises, v) && !e.goesOn(own) {
		back, unread := e.mayBeBack(own.promises, own.members, v)
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
	var known wire.Nodes
	for _, p := range own.promises {
		if p.Admitted && !p.Forgot {
			known = known.With(p.Life.Node)
		}
	}
	back, _ := e.mayBeBack(own.promises, own.members, Verdict{Voters: known})
	for _, c := range slices.Clone(e.clean) {
		if back.Has(c.Node) && forgetful(own.promises, e.cleanSince(c)) != 0 {
			e.proveAnew(wire.SetOf(c.Node))
		}
	}
}

func (e *Engine) proveAnew(nodes wire.Nodes) {
	for n := range nodes.All {
		e.unproven(n)
		if s := e.disk.Slot(n); s.Left {
			e.peer(n).spent = s.Incarnation
		}
		e.apart.anew = e.apart.anew.With(n)
		e.readAgain(n)
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
	back, unread := e.mayBeBack(e.promisesNow(), members, v)
	return back == 0 && unread != 0 && e.restOnFreed(e.promisesNow(), v)
}
