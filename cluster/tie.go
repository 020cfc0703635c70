package cluster

import (
	"cmp"
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// tieState is what this node keeps while exactly half of the votes are left. The heart keeps it with the view.
type tieState struct {
	Common View         `json:"common"` // the newest quorate view that was in force here
	Doubt  bool         `json:"doubt"`  // a promise to another's view was given that never came into force: the other side may know more
	Since  wire.Instant `json:"since"`  // since when the tie lasts, 0 if there is none
	// Joint is the newest view of more than half, or of others' making, that is promised here: nothing that the quorum disk
	// decided before it counts any more.
	Joint wire.Epoch `json:"joint,omitempty"`
	// next is a larger view of another's that is promised here and has not come yet. Should it never be seen here, it counts as a joint one.
	next wire.Epoch
	// until is when this half, which is more than half since a shot from before the tie has taken a vote from the other, would have been at its turn: what is left of the
	// other may be at its own, and does not know of that.
	until wire.Instant
	// Unphased: this heart, or this engine, was started anew between the cut and the tie, so that it cannot know whose turn it is.
	Unphased bool `json:"unphased"`
	// Aimed: a member of the last common view was told to shoot this node, and may be at it.
	Aimed bool `json:"aimed,omitempty"`
	// Doubts are those who were promised a view that did not come.
	Doubts wire.Nodes `json:"doubts,omitempty"`
	// Forgot is by when another's view was promised that did not come, and nobody here knows any more who was in it; 0 if none was.
	Forgot wire.Instant `json:"forgot_by,omitempty"`
	told   bool
}

// tieDue is when this side may shoot. Both sides reckon from the last view that they shared: the one with the more
// important services shoots first, with equal ones the one with the lowest number; the other waits the delay, which is
// longer than the first one's worst time. A side that cannot be sure what the other knows or does waits two delays longer.
func (e *Engine) tieDue() wire.Instant {
	return e.tieBegin() + wire.Instant(e.tieDelay())
}

// tieBegin is when both sides knew that they had lost each other, also if they were heard again for a while and no view came
// about.
func (e *Engine) tieBegin() wire.Instant {
	begin := e.lastLost(e.view)
	if begin == 0 || e.tie.Unphased {
		begin = max(begin, e.tie.Since)
	}
	if begin == 0 {
		return 0
	}
	return begin + wire.Instant(e.cfg.Settling())
}

// lastLost is when the last of the other half was lost, by this node or by another of this half, 0 if none was. Who has no vote by the file, and dies, or is heard by both, has nothing to do with it.
func (e *Engine) lastLost(v View) wire.Instant {
	last := wire.Instant(0)
	mine, others := e.halvesIn(v)
	for n := range others.All {
		if mine.Has(e.self) {
			last = max(last, e.peer(n).lost)
		}
		for _, l := range e.peer(n).lostBy {
			if mine.Has(l.member) {
				last = max(last, l.at)
			}
		}
	}
	return last
}

// tieUnphased reports whether nobody here knows since when the other half is lost: this heart has never heard it, and none of this half has lost it later than this one
// must have, or it had lost it before this engine was started, and the other half's turns may be any.
func (e *Engine) tieUnphased(v View) bool {
	_, others := e.halvesIn(v)
	for n := range others.All {
		if p := e.peer(n); p.State == wire.PeerNever && e.lostAtLatest(e.election.startedAt) > e.lastLost(v) || p.lostBefore > e.lastLost(v) {
			return true
		}
	}
	return false
}

// shootsFirst compares the two halves by the last common view.
func (e *Engine) shootsFirst() bool {
	if e.unsure() { // the other half may go by another common view, in which some of these were not
		return e.hasLowest()
	}
	return e.weighsMore()
}

// tieTargets is the other half: all that are absent and not proven clean.
func (e *Engine) tieTargets() wire.Nodes { return e.tieTargetsIn(e.view) }

func (e *Engine) tieTargetsIn(v View) wire.Nodes {
	return configured(e.cfg) &^ v.Members &^ e.cleanNodes(Proof.freesVote)
}

// noteTie keeps when a tie began and what was shared before it.
func (e *Engine) noteTie(v View) {
	e.tie.next = 0 // it has come, and is what it is
	until := e.ownTurn(v)
	switch waits := v.Verdict.Tie == TieFence || v.Verdict.Tie == TieDisk; {
	case v.joint():
		e.tie = tieState{Common: v, Joint: v.Epoch, until: until}
	case v.Verdict.Claim != 0: // the split goes on, and so do its turns
		e.tie = tieState{Common: v, Joint: e.tie.Joint, Since: cmp.Or(e.tie.Since, e.lastLost(v)), Unphased: e.tie.Unphased, Aimed: e.tie.Aimed}
	case v.Verdict.Quorate:
		e.tie = tieState{Common: v, Joint: e.tie.Joint}
	case waits && e.tie.Since == 0:
		e.tie.Since, e.tie.Unphased = cmp.Or(e.lastLost(v), e.now), e.tieUnphased(v)
		e.noteHalf(v)
	case waits: // the other half may have been heard again since then
		e.tie.Since = max(e.tie.Since, e.lastLost(v))
		e.noteHalf(v)
	default:
		e.tie.Since, e.tie.Unphased = 0, false
	}
}

// ownTurn is until when a view of more than half leaves alone those with whom the one before it was tied, 0 if there are none.
func (e *Engine) ownTurn(v View) wire.Instant {
	switch before := e.view.Verdict; {
	case e.tieTargetsIn(v) == 0:
		return 0
	case e.tie.Since == 0 || before.Quorate:
		return e.tie.until
	case before.Tie == TieDisk: // who wins the disk shoots in the first turn
		return e.tieBegin() + wire.Instant(e.tieDelayOf())
	case before.Tie == TieFence:
		return e.tieDue()
	}
	return 0
}

// tied reports whether this side may go on only once the other half is proven off.
func (e *Engine) tied() bool {
	return e.leads() && !e.view.Verdict.Quorate && (e.view.Verdict.Tie == TieFence || e.tiedWithoutDisk())
}

// quorumObeys reports whether members with enough votes go by the view in force still, as their beats say: those who have promised another since may
// have the leader of that one shot, and it may have this one shot.
func (e *Engine) quorumObeys() bool {
	obey := e.view.Members & wire.SetOf(e.self)
	for n := range e.view.Members.Without(e.self).All {
		if e.alive(n) && e.peer(n).Epoch == e.view.Epoch {
			obey = obey.With(n)
		}
	}
	return sum(e.cfg, obey&e.view.Verdict.Voters) >= e.view.Verdict.needed()
}

// halfObeys reports whether all whose votes make this half go by this view still, as their beats say: one that has promised another since may make more
// than half with those that would be shot at.
func (e *Engine) halfObeys() bool {
	for n := range e.view.Verdict.Voters.Without(e.self).All {
		if !e.alive(n) || e.peer(n).Epoch != e.view.Epoch {
			return false
		}
	}
	return true
}

// tiedWithoutDisk reports whether shots have to break a tie that the disk should break, because it cannot be reached here, or the
// other half was never seen to use it. Who can use it shoots long before (SAFETY 11).
func (e *Engine) tiedWithoutDisk() bool {
	return e.view.Verdict.Tie == TieDisk && (!e.disk.Good || e.strangers() != 0) && e.breaksTiesBy("fence")
}

// takesTurns reports whether sides of a tie may come to shoot by the file.
func (e *Engine) takesTurns() bool { return e.breaksTiesBy("fence") || e.breaksTiesBy("disk") }

func (e *Engine) breaksTiesBy(kind string) bool { return breaksTies(e.cfg, kind) }

func breaksTies(cfg *config.Config, kind string) bool {
	return slices.ContainsFunc(cfg.Tiebreaks, func(t config.Tiebreak) bool { return t.Type == kind })
}

func (e *Engine) tellTie() {
	if !e.tied() || e.tie.told {
		return
	}
	e.tie.told = true
	others := e.tieTargets()
	text := fmt.Sprintf("exactly half of the votes: %s must be proven off; this side shoots first", names(e.cfg, others))
	if d := e.tieDelay(); d > 0 {
		text = fmt.Sprintf("exactly half of the votes: %s must be proven off; this side shoots second, after %s", names(e.cfg, others), d+e.cfg.Settling())
	}
	e.tell(History{Kind: "tie", Level: "warn", Epoch: e.view.Epoch, Node: e.name(others.First()), Text: text})
}

// tieWait is when the leader has to look again because of a tie.
func (e *Engine) tieWait() wire.Instant {
	if e.tied() && e.now < e.tieDue() {
		return e.tieDue()
	}
	return 0
}

// knownLife is the newest life in which a node is known to have been anything, also if this heart has not heard it.
func (e *Engine) knownLife(n wire.Node) wire.Life {
	life := e.lifeOf(n)
	for _, k := range e.known {
		if k.Node == n && k.Incarnation > life.Incarnation {
			life = k
		}
	}
	if v, ok := e.view.life(n); ok && v.Incarnation > life.Incarnation {
		life = v
	}
	life.Incarnation = max(life.Incarnation, e.peer(n).memberLife, e.peer(n).counts.life.Incarnation)
	return life
}
