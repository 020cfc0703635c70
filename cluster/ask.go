package cluster

import (
	"slices"

	"locum/wire"
)

// ask is an operator's command on its way: asked here, carried to the leader, answered back.
type ask struct {
	id      uint64 // at the node that was asked
	from    wire.Node
	command Command
	sent    uint64       // the message that carries it to the leader, 0 while it waits here
	leader  wire.Node    // to whom it was carried
	refused wire.Epoch   // the view in which the leader did not take it, because it was in another
	until   wire.Instant // how long it then waits for that other
	over    string       // the absent node whose words, which no member had, count no more with what was kept of this one, whatever comes of it
}

// unknownResult is the answer when a command's way was cut in the middle.
const unknownResult = "unknown: the leader changed while the command was under way; look at locum status, then repeat it if needed"

// dropAsks answers what others had this node do, when a view comes that it does not lead.
func (e *Engine) dropAsks() {
	if e.view.Leader == e.self {
		return
	}
	kept := e.asks[:0:0]
	for _, a := range e.asks {
		if a.from == e.self {
			kept = append(kept, a)
			continue
		}
		e.answer(a, Result{Code: 1, Text: unknownResult})
	}
	e.asks = kept
}

// mostAwaited bounds how many commands a promise names.
const mostAwaited = 64

// awaitsOf is which commands this node has carried to a leader and waits for.
func (e *Engine) awaitsOf(leader wire.Node) (ids []uint64) {
	for _, a := range e.asks {
		if a.from == e.self && a.sent != 0 && a.leader == leader && len(ids) < mostAwaited {
			ids = append(ids, a.id)
		}
	}
	return ids
}

// dropStaleAsks forgets what members had this node do and wait for no longer: their operators were told that it is not known
// whether it was done, and may have said something else since.
func (e *Engine) dropStaleAsks(promises []Promise) {
	e.asks = slices.DeleteFunc(slices.Clone(e.asks), func(a ask) bool {
		awaited := a.from == e.self || slices.ContainsFunc(promises, func(p Promise) bool { return p.Life.Node == a.from && slices.Contains(p.Awaits, a.id) })
		if !awaited {
			e.answer(a, Result{Code: 1, Text: unknownResult})
		}
		return !awaited
	})
	if e.inView {
		return // what is not here is on its way, or was answered
	}
	for _, p := range promises { // a former engine of this node was asked, and can answer no more
		for _, id := range p.Awaits {
			if a := (ask{id: id, from: p.Life.Node}); p.Life.Node != e.self && !slices.ContainsFunc(e.asks, func(o ask) bool { return o.from == a.from && o.id == a.id }) {
				e.answer(a, Result{Code: 1, Text: unknownResult})
			}
		}
	}
}

// notQuorate is the answer to a command that needs a view that may act.
const notQuorate = "the cluster is not quorate here: locum status says what it waits for"

// asked takes a command from this node's control socket.
func (e *Engine) asked(ev Asked) {
	a := ask{id: ev.ID, from: e.self, command: ev.Command}
	if r, bad := e.checkCommand(ev.Command); bad {
		e.do(Answer{ID: ev.ID, Result: r})
		return
	}
	if ev.Command.Verb == "confirm" && (!e.obeyed() || e.leads()) {
		e.confirm(a)
		return
	}
	e.asks = append(e.asks, a)
}

// mayAct reports whether the view in force may carry out commands.
func (e *Engine) mayAct() bool {
	return e.obeyed() && (e.view.Verdict.Quorate && !e.mustStop() || e.view.unsafeTie())
}

// serveAsks carries waiting commands to the leader, or out; a change at a time.
func (e *Engine) serveAsks() {
	e.proceedChange()
	e.finishFile()
	kept := e.asks[:0:0]
	waiting := e.asks
	e.asks = nil
	for _, a := range waiting {
		if e.serve(&a) {
			kept = append(kept, a)
		}
	}
	e.asks = append(kept, e.asks...)
}

// agreedBy is until when a command waits for the view that is being agreed on: as long as who serves can go on without one.
func (e *Engine) agreedBy() wire.Instant {
	return e.election.since + wire.Instant(max(e.cfg.Beat.Dead, e.cfg.Lease/2))
}

// serve handles one command and reports whether it still waits.
func (e *Engine) serve(a *ask) bool {
	switch {
	case a.sent != 0 && e.obeyed() && a.leader != e.view.Leader:
		e.answer(*a, Result{Code: 1, Text: unknownResult})
		return false
	case a.sent != 0, a.refused == e.view.Epoch && a.refused != 0 && e.now < a.until:
		return true
	case a.refused == e.view.Epoch && a.refused != 0:
		e.answer(*a, Result{Code: 1, Text: "nothing was done: " + e.name(e.view.Leader) + " is in another view; repeat the command"})
		return false
	case !e.obeyed() && e.election.since != 0 && e.now < e.agreedBy():
		return true // a view is being agreed on
	case e.obeyed() && e.mustStop() && e.now < e.viewSince+wire.Instant(e.cfg.Beat.Dead):
		return true // its first lease is on its way
	case !e.obeyed() || a.command.Verb != "confirm" && !e.mayAct():
		e.answer(*a, Result{Code: 3, Text: notQuorate})
		return false
	case e.view.Leader != e.self:
		a.leader = e.view.Leader
		a.sent = e.send(a.leader, Message{Request: &Request{ID: a.id, Epoch: e.view.Epoch, Command: a.command}})
		return true
	case e.lead.change != nil && !slices.Contains([]string{"confirm", "fence", "why"}, a.command.Verb):
		return true
	}
	e.perform(*a)
	return false
}

// requestedBy takes a command that another node was asked.
func (e *Engine) requestedBy(from wire.Node, r Request) {
	a := ask{id: r.ID, from: from, command: r.Command}
	if res, bad := e.checkCommand(r.Command); bad {
		e.answer(a, res)
		return
	}
	if !e.leads() || r.Epoch != e.view.Epoch {
		e.send(from, Message{Reply: &Reply{ID: r.ID, Again: true}})
		return
	}
	e.asks = append(e.asks, a)
}

// repliedBy brings the leader's answer back to the operator.
func (e *Engine) repliedBy(r Reply) {
	for i, a := range e.asks {
		if a.from == e.self && a.id == r.ID && a.sent != 0 {
			if r.Again {
				e.asks[i].sent, e.asks[i].refused, e.asks[i].until = 0, e.view.Epoch, e.after(e.cfg.Beat.Dead)
				return
			}
			e.asks = slices.Delete(slices.Clone(e.asks), i, i+1)
			e.do(Answer{ID: a.id, Result: r.Result})
			return
		}
	}
}

// answer ends a command where it was asked.
func (e *Engine) answer(a ask, r Result) {
	if a == (ask{}) {
		return // nobody asked: this leader finishes what another had begun
	}
	if a.over != "" {
		r.Over = a.over
		r.Text += "; what operators have said to " + a.over + ", and no node here knows, counts no more: say it again if it is still meant"
	}
	if a.from == e.self {
		e.do(Answer{ID: a.id, Result: r})
		return
	}
	e.send(a.from, Message{Reply: &Reply{ID: a.id, Result: r}})
}

// messageEnded learns that a command never reached the leader.
func (e *Engine) messageEnded(ev MessageEnded) {
	e.leaveTold(ev)
	if ev.Outcome == wire.OutcomeDone {
		return
	}
	e.proposalFails(ev.ID)
	for i, a := range e.asks {
		if a.sent == ev.ID && ev.ID != 0 {
			e.asks = slices.Delete(slices.Clone(e.asks), i, i+1)
			e.do(Answer{ID: a.id, Result: Result{Code: 1,
				Text: "unknown: the leader did not answer; look at locum status, then repeat the command if needed"}})
			return
		}
	}
}
