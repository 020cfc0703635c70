package cluster

import (
	"fmt"
	"slices"
	"time"

	"locum/wire"
)

// A node is mute if its beats come and its words do not: something on the way lets only small frames pass, or its engine takes no
// messages. Where others are enough, no view is made to wait for it. That it is alive counts as ever: nothing is taken from it without a
// proof.

// mute is the life that has left a proposal unanswered, and until when it is not asked again.
type mute struct {
	life    wire.Life
	until   wire.Instant
	late    bool // it was found so before, answered after that, and was no member in between
	patient int  // how often the time for its answer was doubled
	noView  bool // it has proposed a view, was promised it, and has neither made it nor proposed another
}

// mutePauses is after how many times for an answer a mute node is asked again. While it is, no view is in force; what runs goes on, for that
// is less than half of a lease.
const mutePauses = 8

// answersOverdue gives up a proposal whose answers were waited for long enough. Members that gave none are taken for mute.
func (e *Engine) answersOverdue() bool {
	el := &e.election
	own := el.proposal
	if own == nil || el.pending != nil || e.now < e.answersDue(own) {
		return false
	}
	el.proposal = nil
	waited := (time.Duration(e.now-own.sent) + time.Millisecond/2).Truncate(time.Millisecond)
	for _, a := range own.asked {
		if own.has(a.life.Node) {
			continue
		}
		e.findMute(a.life, false)
		e.tell(History{Kind: "peer", Level: "alarm", Node: e.name(a.life.Node), Epoch: own.epoch,
			Text: fmt.Sprintf("%s is heard, and has not answered for %s: the view is made without it until it does; look at locum paths, and at the log of %s",
				e.name(a.life.Node), waited, e.name(a.life.Node))})
	}
	return true
}

// viewOverdue gives up the view that this node has promised to another, and takes that one for mute.
func (e *Engine) viewOverdue() bool {
	el := &e.election
	g := el.given
	if !e.awaitsView() || g.epoch == 0 || el.pending != nil || el.proposal != nil || e.now < e.viewDue() {
		return false
	}
	el.given, el.preempted = given{life: g.life, times: mostWaits + 1}, true // further ones of the same node are not waited for
	if p := e.peer(g.life.Node); p.Quorate && p.Epoch > g.epoch {
		return true // it has made a later one, without this node, which it does not hear
	}
	e.findMute(g.life, true)
	e.tell(History{Kind: "peer", Level: "alarm", Node: e.name(g.life.Node), Epoch: e.promised,
		Text: fmt.Sprintf("%s is heard, has proposed a view and has not made it: it is made without it until it answers; look at locum paths, and at the log of %s",
			e.name(g.life.Node), e.name(g.life.Node))})
	return true
}

// findMute leaves a node out of what this node proposes.
func (e *Engine) findMute(life wire.Life, noView bool) {
	p := e.peer(life.Node)
	late := p.mute.life == life && p.mute.late
	p.mute = mute{life, e.after(mutePauses * e.leastAnswerTime()), late, e.election.patient, noView}
}

// hasSpoken: a node answers a proposal, whichever. One that was taken for mute was only slow, and is asked again at once; if it was slow again
// then, and the others are enough, only after a while: each time costs them a part of their lease.
func (e *Engine) hasSpoken(n wire.Node) {
	p := e.peer(n)
	switch m := p.mute; {
	case m.until == 0: // it has spoken since
		return
	case m.life != e.lifeOf(n): // who answers is another
		p.mute = mute{}
		return
	case m.noView:
	default:
		e.election.patient = min(max(e.election.patient, m.patient+1), mostPatient)
	}
	if again := p.mute.late; !again || !e.obeyed() || !e.view.Verdict.Quorate {
		p.mute.until, p.mute.late = 0, true
	}
}

// hasProposed: a node whose view did not come proposes another.
func (e *Engine) hasProposed(n wire.Node) {
	if m := &e.peer(n).mute; m.noView {
		m.until = 0
	}
}

// foundMute reports whether a node in its present life has left a proposal of this node unanswered.
func (e *Engine) foundMute(n wire.Node) bool {
	m := e.peer(n).mute
	return m.life == e.lifeOf(n) && e.now < m.until
}

// isMute reports whether a node is mute for this node, or for the leader that it obeys: each member in turn would only try the same again.
func (e *Engine) isMute(n wire.Node) bool {
	return e.foundMute(n) || e.obeyed() && e.view.Leader != e.self && slices.Contains(e.view.Mute, e.lifeOf(n))
}

// mutes are the lives outside a set that this node has found mute.
func (e *Engine) mutes(members wire.Nodes) (list []wire.Life) {
	for n := range (configured(e.cfg) &^ members).All {
		if e.alive(n) && e.foundMute(n) {
			list = append(list, e.lifeOf(n))
		}
	}
	return list
}
