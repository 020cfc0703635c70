package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"time"

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

// lastLost is when the last of the other half was lost, by this node or by another of this half, 0 if none was.
func (e *Engine) lastLost(v View) wire.Instant {
	last := wire.Instant(0)
	for n := range e.tieTargetsIn(v).All {
		last = max(last, e.peer(n).lost)
		for _, l := range e.peer(n).lostBy {
			if v.Verdict.Voters.Has(l.member) {
				last = max(last, l.at)
			}
		}
	}
	return last
}

// tieUnphased reports whether nobody here knows since when the other half is lost: this heart has never heard it, and none of this half has lost it later than this one
// must have, or it had lost it before this engine was started, and the other half's turns may be any.
func (e *Engine) tieUnphased(v View) bool {
	for n := range e.tieTargetsIn(v).All {
		if p := e.peer(n); p.State == wire.PeerNever && e.lostAtLatest(e.election.startedAt) > e.lastLost(v) || p.lostBefore > e.lastLost(v) {
			return true
		}
	}
	return false
}

// tieDelayOf is the delay that the file gives.
func (e *Engine) tieDelayOf() (delay time.Duration) {
	for _, t := range e.cfg.Tiebreaks {
		if t.Type == "fence" {
			delay = t.Delay
		}
	}
	return delay
}

func (e *Engine) tieDelay() time.Duration {
	delay := e.tieDelayOf()
	first := time.Duration(0)
	switch away := e.tiedWithoutDisk(); {
	case e.tie.Unphased: // by then another that can shoot has done so; where both were started anew, it was at about the same time
		first = e.tieTurns() * delay
	case away && e.unsure(): // the other may be without the disk too, and go by the weights
		first = 4 * delay
	case away || e.unsure():
		first = 2 * delay
	}
	switch {
	case e.shootsFirst():
		return first
	case e.tie.Unphased:
		return first + 2*delay
	}
	return first + delay
}

// unsure reports whether the other side may go by other weights than this one knows, or be shooting already.
func (e *Engine) unsure() bool { return e.tie.Doubt || e.tie.Aimed || e.tie.Unphased }

// shootsFirst compares the two halves by the last common view.
func (e *Engine) shootsFirst() bool {
	if e.unsure() { // the other half may go by another common view, in which some of these were not
		return e.view.Members.First() < e.tieTargets().First()
	}
	return e.weighsMore()
}

// halves are the two sides of the last common view.
func (e *Engine) halves() (mine, others wire.Nodes) {
	common := e.tie.Common.Members
	mine, others = e.view.Members&common, common&^e.view.Members
	if mine == 0 || others == 0 {
		mine, others = e.view.Members, e.tieTargets()
	}
	return mine, others
}

// weighsMore compares the halves by what each ran in the last common view, as far as this node knows it.
func (e *Engine) weighsMore() bool {
	mine, others := e.halves()
	a, b := e.tie.Common.weightOf(mine), e.tie.Common.weightOf(others)
	if a != b {
		return a > b
	}
	return mine.First() < others.First()
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

func (e *Engine) breaksTiesBy(kind string) bool {
	return slices.ContainsFunc(e.cfg.Tiebreaks, func(t config.Tiebreak) bool { return t.Type == kind })
}

// tieTurns is how many turns there are in a round: the first side's, the second's, and those of sides that are unsure. Where a disk
// breaks ties too, a side without it comes in their place, and one that is both comes last: sides in different orders share no turn.
func (e *Engine) tieTurns() time.Duration {
	if e.breaksTiesBy("disk") {
		return 6
	}
	return 4
}

// firstTurn is when this side may fire its first shot: when it is due, or soon after, else in its next turn. An engine that was
// started anew in a tie finds it due long since.
func (e *Engine) firstTurn() wire.Instant {
	if e.now < e.tieDue()+wire.Instant(e.patience()) {
		return e.tieDue()
	}
	return e.tieTurn(e.now)
}

// missedTurn reports whether a shot comes too late for its turn: this node was paused meanwhile.
func (e *Engine) missedTurn(s *shot) bool {
	inTurns := e.tied() || e.view.Verdict.Claim != 0
	return inTurns && !s.byHand && s.due != 0 && e.now > s.due+wire.Instant(e.patience())
}

// nextTurn is when this side may shoot at or after an instant: where sides take turns, in its own.
func (e *Engine) nextTurn(at wire.Instant) wire.Instant {
	switch {
	case e.tied():
		return e.tieTurn(at)
	case e.view.Verdict.Claim != 0 && e.breaksTiesBy("fence"):
		return e.winnersTurn(at)
	}
	return at
}

// winnersTurn is that of a side which has won the disk. A side that cannot use the disk comes after two delays or more; who has won
// only then waits for the next round, as does one that cannot know how far the first one is, or at which the other side may be shooting already.
func (e *Engine) winnersTurn(at wire.Instant) wire.Instant {
	begin, delay := e.tieBegin(), wire.Instant(e.tieDelayOf())
	if begin == 0 || delay == 0 {
		return at
	}
	round := wire.Instant(e.tieTurns()) * delay
	at = max(at, begin)
	switch into := (at - begin) % round; {
	case (e.tie.Unphased || e.tie.Aimed) && at < begin+round:
		return begin + round
	case at > begin && into >= delay:
		return at - into + round
	}
	return at
}

// tieTurn is this side's first turn to shoot at or after an instant. The sides take turns of one delay each, so that
// switches which answer again after a failure are not told by both at once.
func (e *Engine) tieTurn(at wire.Instant) wire.Instant {
	due, round := e.tieDue(), wire.Instant(e.tieTurns()*e.tieDelayOf())
	if round == 0 || at <= due {
		return max(at, due)
	}
	return due + (at-due+round-1)/round*round
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

// reading is one node whose power is read, without a shot, while a cold start waits for proof about it.
type reading struct {
	node wire.Node
	id   uint64
	due  wire.Instant
	said string
}

// readEvery is the pause between two readings of one node's power.
const readEvery = 5 * time.Second

// readPower asks the switches of absent nodes for their state while a node that may not vote yet waits for proof, or one that does for proof that others are off
// still. It never shoots: a node that boots does not, merely because it is alone.
func (e *Engine) readPower() {
	var unproven wire.Nodes
	switch {
	case !e.obeyed() || e.admitted && (!e.leads() || e.view.Verdict.Quorate):
	case e.admitted:
		unproven = e.mayBeBack(e.view.Members)
	default:
		unproven = configured(e.cfg) &^ e.view.Members &^ e.cleanNodes(func(Proof) bool { return true })
	}
	if unproven == 0 && (e.admitted || !e.obeyed()) {
		e.readings = nil
		return
	}
	for n := range unproven.All {
		if e.alive(n) || !e.fenceable(n) || e.doubted.Has(n) {
			continue
		}
		r := e.readingOf(n)
		if r.id == 0 && e.now >= r.due {
			r.id, r.due = e.nextID(), 0
			e.do(ReadPower{ID: r.id, Node: n})
		}
	}
}

func (e *Engine) readingOf(n wire.Node) *reading {
	for i := range e.readings {
		if e.readings[i].node == n {
			return &e.readings[i]
		}
	}
	e.readings = append(e.readings, reading{node: n})
	return &e.readings[len(e.readings)-1]
}

// powerRead takes a switch's word. "Off" without a shot is proof while the node is not heard.
func (e *Engine) powerRead(ev PowerRead) {
	for i := range e.readings {
		r := &e.readings[i]
		if r.id != ev.ID || ev.ID == 0 {
			continue
		}
		r.id, r.due, r.said = 0, e.after(readEvery), ev.Power.String()
		if ev.Detail != "" {
			r.said = ev.Detail
		}
		if ev.Power == wire.PowerOff && !e.alive(r.node) {
			e.proven(Clean{Node: r.node, Life: e.knownLife(r.node), Proof: ProofPowerOff, Epoch: e.view.Epoch})
		}
		return
	}
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
	life.Incarnation = max(life.Incarnation, e.peer(n).memberLife)
	return life
}

// weigh is the importance of what runs on a node.
func (e *Engine) weigh(services []ServiceReport) int {
	sum := 0
	for _, r := range services {
		for i := range e.cfg.Services {
			if s := &e.cfg.Services[i]; s.Name == r.Service && (r.Phase == PhaseRunning || r.Phase == PhaseStarting) {
				sum += 1 + s.Priority
			}
		}
	}
	return sum
}

// weightsChanged reports whether the view should be made anew because the order of the two sides of a tie would be another by
// now: only where a tie can be broken by either, and only while everything is calm.
func (e *Engine) weightsChanged() bool {
	if !e.takesTurns() || !e.view.Verdict.Quorate || e.view.Members.Count() < 2 || !e.wholeView() || e.lead.change != nil {
		return false
	}
	changed := false
	for i, m := range e.lead.members {
		if m.seen < m.sent.Serial {
			return false
		}
		for _, r := range m.services {
			if r.Phase != PhaseRunning && r.Phase != PhaseStopped {
				return false
			}
		}
		changed = changed || i < len(e.view.Weights) && e.view.Weights[i].Weight != e.weigh(m.services)
	}
	return changed
}
