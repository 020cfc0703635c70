package cluster

import (
	"fmt"
	"slices"

	"locum/wire"
)

// A node is mute if its beats come and its words do not: something on the way lets only small frames pass, or its engine takes no
// messages. Where others are enough, no view is made to wait for it. That it is alive counts as ever: nothing is taken from it without a
// proof.

// mute is the life that has left a proposal unanswered, and until when it is not asked again.
type mute struct {
	life  wire.Life
	until wire.Instant
}

// mutePauses is after how many times for an answer a mute node is asked again. While it is, no view is in force; what runs goes on, for that
// is less than half of a lease.
const mutePauses = 8

// answersOverdue gives up a proposal whose answers were waited for long enough. Members that gave none are taken for mute.
func (e *Engine) answersOverdue() bool {
	el := &e.election
	own := el.proposal
	if own == nil || el.pending != nil || e.now < own.sent+wire.Instant(e.answerTime()) {
		return false
	}
	el.proposal = nil
	for _, a := range own.asked {
		p := e.peer(a.life.Node)
		if own.has(a.life.Node) {
			continue
		}
		p.mute = mute{a.life, e.after(mutePauses * e.answerTime())}
		e.tell(History{Kind: "peer", Level: "alarm", Node: e.name(a.life.Node), Epoch: own.epoch,
			Text: fmt.Sprintf("%s is heard, and has not answered for %s: the view is made without it until it does; look at locum paths, and at the log of %s",
				e.name(a.life.Node), e.answerTime(), e.name(a.life.Node))})
	}
	return true
}

// hasSpoken: a node answers a proposal, whichever. One that was taken for mute was only slow.
func (e *Engine) hasSpoken(n wire.Node) {
	if p := e.peer(n); p.mute.life.Node != 0 {
		p.mute = mute{}
		e.election.patient = min(e.election.patient+1, mostPatient)
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
