package cluster

import (
	"fmt"
	"slices"
	"strings"

	"locum/config"
	"locum/wire"
)

// installIfPromised makes the view once all have promised.
func (e *Engine) installIfPromised() {
	own := e.election.proposal
	if own == nil || len(own.promises) != own.members.Count() || e.promised != own.epoch || e.misfits(own) {
		return
	}
	e.election.proposal = nil
	e.wasAnswered(own)
	e.takeProofs(own)
	v := View{Seen: e.seen(), Epoch: own.epoch, Leader: e.self, Members: own.members, Verdict: e.judge(own.promises, own.members), Mute: e.mutes(own.members), Strays: e.straysOf(own)}
	e.forgetOld(own, v.Verdict)
	v.Verdict = e.countBack(own, v.Verdict)
	v.Half = e.halfOf(own, v)
	intents := e.intents
	for _, p := range own.promises {
		v.Lives = append(v.Lives, p.Life)
		v.Weights = append(v.Weights, Weight{Node: p.Life.Node, Weight: e.weigh(p.Services)})
		if intents.Version.Less(p.Intents.Version) {
			intents = p.Intents
		}
	}
	e.tellContradictions(own, intents)
	for _, c := range e.clean {
		if !own.members.Has(c.Node) {
			v.Clean = append(v.Clean, c)
		}
	}
	e.dropStaleAsks(own.promises)
	e.lead = newLeadership(own.promises, e.now)
	e.voteless = e.votelessIn(own)
	e.lead.unfinished = e.unfinishedFile(own.promises)
	for n := range own.members.All {
		e.send(n, Message{Install: &Install{View: v, Intents: intents, AskedMS: int64(e.now-own.sent+1e6-1) / 1e6}})
	}
	e.dropGivenUp(own)
	e.heedHalves(own)
}

// votelessIn are the members whose votes were freed when they promised, and who were in no view before.
func (e *Engine) votelessIn(own *proposal) (set wire.Nodes) {
	freed := e.cleanNodes(Proof.freesVote) | e.evidence(own.promises).voteless
	for _, p := range own.promises {
		if !p.Admitted && freed.Has(p.Life.Node) {
			set = set.With(p.Life.Node)
		}
	}
	return set
}

// tellContradictions: where each half of a split went on without the other, operators may have said different things. The
// newer words count, and what is lost of the others is said.
func (e *Engine) tellContradictions(own *proposal, kept Intents) {
	for _, p := range own.promises {
		if !p.Intents.Apart || p.Intents.Version == kept.Version {
			continue
		}
		if lost := p.Intents.against(kept, e.cfg); len(lost) > 0 {
			e.tell(History{Kind: "intent", Level: "alarm", Node: e.name(p.Life.Node),
				Text: fmt.Sprintf("what was said to %s during the split does not count any more, because other words are newer (%s); repeat it if it is still meant",
					e.name(p.Life.Node), strings.Join(lost, ", "))})
		}
	}
}

// misfits finds members whose file differs from this node's: they are told apart, shown, and left out.
func (e *Engine) misfits(own *proposal) bool {
	found := false
	for _, p := range own.promises {
		if p.Config == e.print {
			continue
		}
		found = true
		e.peer(p.Life.Node).misfit = p.Life
		text := e.name(p.Life.Node) + " has another file; it stays out until the files are the same"
		for _, line := range config.Diff(e.cfg.Text, p.Text) {
			text += "\n  " + line
		}
		e.tell(History{Kind: "config", Level: "alarm", Node: e.name(p.Life.Node), Text: text})
	}
	if found {
		e.election.proposal = nil
	}
	return found
}

// takeProofs merges what the members know of the absent: a proof is void once its node was admitted to a later view.
func (e *Engine) takeProofs(own *proposal) {
	for _, p := range own.promises {
		e.noteSeen(p.MemberAt)
		if !e.view.Verdict.Quorate || e.mustStop() { // else what is proven here is what this node's quorum rests on
			e.noteFormer(p.MemberAt)
		}
	}
	for _, c := range slices.Clone(e.clean) {
		if e.outlived(c) {
			e.unproven(c.Node)
		}
	}
	for _, p := range own.promises {
		e.countWith(p.Counted)
	}
	e.neverCame(own.promises)
	for _, p := range own.promises {
		for _, c := range p.Clean {
			have, is := e.cleanOf(c.Node)
			more := !is || c.Proof.freesVote() && !have.Proof.freesVote()
			if was := e.peer(c.Node).counts; was.clean.Node != 0 && c.Life.Incarnation < was.life.Incarnation {
				continue
			}
			if more && !e.outlived(c) && configured(e.cfg).Has(c.Node) && c.Node != e.self {
				e.proven(c)
				e.peer(c.Node).proven.told = true
			}
		}
	}
	e.countForgotten(own)
}

// outlived reports whether a node was admitted after what a proof says of it: to a later view, or in a later life; or was
// heard here in the very life that is said to be over. Epochs of views that did not know of each other say nothing about
// which was first; lives only rise. Where the quorum disk has decided anew since a lease was over, the node may have won in between.
func (e *Engine) outlived(c Clean) bool {
	p := e.peer(c.Node)
	denied := p.denied.Node != 0 && c.Life == p.denied.Life && c.Epoch <= p.denied.Epoch
	mayHaveWon := c.Proof == ProofLease && c.Epoch <= e.disk.Decided.Epoch
	return c.Epoch < p.memberAt || c.Life.Incarnation < p.memberLife || denied || mayHaveWon
}

// noteMembers keeps who was in the newest view, and in which life.
func (e *Engine) noteMembers(v View) {
	for n := range v.Members.All {
		p := e.peer(n)
		p.memberAt, p.mute = v.Epoch, mute{}
		if life, ok := v.life(n); ok {
			p.memberLife = max(p.memberLife, life.Incarnation)
		}
	}
}

// installed takes a view into force: only the one whose epoch this node promised last, and only from its leader.
func (e *Engine) installed(from wire.Node, in Install) {
	v := in.View
	if v.Epoch != e.promised || v.Epoch <= e.view.Epoch || from != v.Leader || !v.Members.Has(e.self) {
		return
	}
	own := e.clean
	e.noteSeen(v.Seen)
	e.serial = 0
	e.clean = append([]Clean(nil), v.Clean...)
	at, known := e.agreedAt(in)
	e.keepOwnProofs(own, v, at, known)
	e.told = Report{}
	e.dropShots()
	e.noteTie(v)
	if known {
		e.noteQuorum(v.Verdict, at)
	}
	e.strays = v.Strays
	healed := v.Members&^e.view.Members != 0 && e.view.Epoch != 0
	e.view, e.viewSince, e.inView = v, e.now, true
	e.dropAsks()
	if healed {
		e.do(Announce{})
	}
	e.election.since, e.election.attempts, e.election.pending, e.election.disobeyed, e.election.given = 0, 0, nil, false, given{}
	e.election.left, e.election.preempted = 0, false
	e.noteMembers(v)
	e.heed(in.Intents, from)
	if v.Verdict.Quorate {
		e.admitted = true
	}
	e.do(SetView{View: v.forHeart(e.cfg, e.exempt(v), e.tie)})
	e.tell(History{Kind: "view", Level: "info", Epoch: v.Epoch, Node: e.name(v.Leader),
		Text: fmt.Sprintf("view %d: %s, led by %s; %s", v.Epoch, names(e.cfg, v.Members), e.name(v.Leader), v.Verdict.Why())})
}

// keepOwnProofs keeps what was proven here after the promise had left: the leader could not know it. That is never that a lease is over, which only a leader proves
// whose view is in force. What the view says beside what was known here was so when it was agreed on, if it is a quorum; else nobody here knows since when.
func (e *Engine) keepOwnProofs(own []Clean, v View, at wire.Instant, known bool) {
	promised, _ := e.promisedAt(v.Leader)
	for _, c := range own {
		dropped := e.peer(c.Node).proven.since != 0 && e.peer(c.Node).proven.since < promised // by the leader too, who has dropped it
		_, have := e.cleanOf(c.Node)
		if !have && dropped && c.Proof == ProofLeft {
			e.peer(c.Node).spent = c.Life.Incarnation // the mark on the quorum disk is the same still
		}
		if !have && !dropped && c.Proof != ProofLease && !v.Members.Has(c.Node) && !e.outlived(c) {
			e.clean = append(e.clean, c)
		}
	}
	for _, c := range e.clean {
		note := &e.peer(c.Node).proven
		had := slices.ContainsFunc(own, func(o Clean) bool {
			return o.Node == c.Node && o.Proof == c.Proof && o.Life.Incarnation == c.Life.Incarnation
		})
		switch agreed := v.Verdict.Quorate && known; {
		case !had && agreed:
			*note = provenNote{asked: at, shown: at}
		case !had:
			*note = provenNote{told: true}
		case agreed && note.told:
			note.told, note.asked, note.shown = false, at, at
		}
	}
	slices.SortFunc(e.clean, func(a, b Clean) int { return int(a.Node) - int(b.Node) })
}

// promisedAt is when this node promised the view that a leader has made, as far as it knows.
func (e *Engine) promisedAt(leader wire.Node) (at wire.Instant, known bool) {
	if g := e.election.given; g.life.Node == leader {
		return g.at, true
	}
	return e.now, leader == e.self
}

// agreedAt is when the members of a view were asked for it, or somewhat before, as far as this node knows: who has promised it then may have promised another's before all promises
// had come.
func (e *Engine) agreedAt(in Install) (at wire.Instant, known bool) {
	promised, known := e.promisedAt(in.View.Leader)
	asked := wire.Instant(max(0, in.AskedMS)) * 1e6 // before the view was made, by when this node had promised it
	if in.View.Leader != e.self {
		asked += asked / drift
	}
	return max(0, promised-asked), known
}

// seen is what this node knows of who was a member when.
func (e *Engine) seen() []Seen {
	var list []Seen
	for _, p := range e.peers {
		if p.Node != 0 && p.memberAt != 0 {
			list = append(list, Seen{Node: p.Node, Epoch: p.memberAt, Incarnation: p.memberLife})
		}
	}
	return list
}

// formerly is the newest life of a node that a former boot of this one knew, 0 if there is none or this node knows better: they may have been in a view together,
// and what another has proven of an older life may be older than that view.
func (e *Engine) formerly(n wire.Node) wire.Incarnation {
	for _, k := range e.former {
		if k.Node == n && !e.admitted {
			return k.Incarnation
		}
	}
	return 0
}

// noteFormer adds the lives that former boots of others knew.
func (e *Engine) noteFormer(list []Seen) {
	for _, s := range list {
		if p := e.peer(s.Node); s.Epoch == 0 {
			p.memberLife = max(p.memberLife, s.Incarnation)
		}
	}
}

// noteSeen adds what others know of it.
func (e *Engine) noteSeen(list []Seen) {
	for _, s := range list {
		if p := e.peer(s.Node); p.Node != 0 && s.Epoch != 0 {
			p.memberAt, p.memberLife = max(p.memberAt, s.Epoch), max(p.memberLife, s.Incarnation)
		}
	}
}
