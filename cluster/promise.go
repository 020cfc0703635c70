package cluster

import (
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// proposed answers another's proposal, or this node's own. A promise given here is in force at once: nothing older is
// obeyed any more, even before it has left.
func (e *Engine) proposed(from wire.Node, p Propose) {
	why := e.whyRefuse(from, p)
	e.hasProposed(from)
	switch {
	case from != e.self && e.olderThanOurs(from, p.File):
		why = "its file is older than the one in force here, which it gets"
	case e.newerThanOurs(p.File):
		why = "its file is newer than the one in force here, which waits for it"
	}
	if why != "" {
		if from != e.self {
			e.refuse(from, p.Epoch, why)
			e.noteDisobeyed(from, p)
		}
		return
	}
	e.rememberQuiet(from)
	if before := e.election.pending; before != nil && before.to != e.self && before.to != from {
		e.refuse(before.to, before.epoch, "a newer epoch was proposed")
	}
	if e.obeyed() && e.view.Verdict.Quorate {
		e.election.left, e.election.preempted = e.now, false
	}
	e.promised = p.Epoch
	e.election.highest = max(e.election.highest, p.Epoch)
	e.election.pending = &pending{to: from, epoch: p.Epoch, members: p.Members}
	if own := e.election.proposal; own != nil && own.epoch < p.Epoch {
		e.election.proposal = nil
	}
	if e.deputized() != 0 {
		e.tie.Aimed = true
	}
	e.tie.Joint, e.tie.next = max(e.tie.Joint, e.tie.next), 0
	if from != e.self {
		e.gave(from, p.Epoch)
		e.tie.Doubt, e.tie.Doubts = true, e.tie.Doubts.With(from)
		if p.Members&^e.view.Members != 0 { // it may come into force without this node's knowledge
			e.tie.next = p.Epoch
		}
	}
	if c := e.lead.change; c != nil && c.ask.id != 0 {
		e.asks = append([]ask{c.ask}, e.asks...) // it starts anew in the next view
		if c.text != "" {
			e.prepared = c.before
			e.noteGivenUp(c.text) // who alone could have had it take effect does not
		}
	}
	e.keepRestarts()
	e.lead = leadership{}
}

// givePromise lets the promise go once it is safe to: its epoch lies below the durable ceiling, and the heart grants
// nothing any more under older views.
func (e *Engine) givePromise() {
	p := e.election.pending
	if p == nil {
		return
	}
	if e.storing.writable && e.durable.Ceiling < p.epoch || e.unwritten(p.members) {
		e.hurryStore() // save raises it, and writes them down
		return
	}
	// What this node promises to nobody but itself is installed in this very step, and the heart learns of that first.
	if alone := p.to == e.self && p.members == wire.SetOf(e.self); !alone && e.ceased < p.epoch {
		if !p.asked {
			p.asked = true
			e.do(Cease{Below: p.epoch})
		}
		return
	}
	e.election.pending, e.again = nil, true // a proposal may have waited for it
	if g := &e.election.given; g.life.Node == p.to {
		g.at = e.now
	}
	m := e.promiseFor(p)
	if p.to != e.self {
		e.countAgain(p.members, e.lifeOf(p.to))
	}
	e.send(p.to, Message{Promise: m})
}

// unwritten reports whether a node of a set is back in a life that is not written down here yet. Who goes on with this one relies on its knowing by whom it was joined, in a
// later boot too.
func (e *Engine) unwritten(nodes wire.Nodes) bool {
	return e.storing.writable && slices.ContainsFunc(e.known, func(k wire.Life) bool {
		return nodes.Has(k.Node) && !slices.ContainsFunc(e.durable.Lives, func(w wire.Life) bool { return w.Node == k.Node && w.Incarnation >= k.Incarnation })
	})
}

func (e *Engine) promiseFor(p *pending) *Promise {
	e.forgetOrders()
	m := &Promise{
		Epoch: p.epoch, Life: e.myLife(), Admitted: e.admitted, Writable: e.storing.writable,
		Services: e.reports(), Intents: e.intents, Clean: e.cleanFor(p.to), Config: e.print,
		Counted: e.countedAgain(e.lifeOf(p.to)), Forgot: e.tie.Forgot != 0, View: e.tie.Common.Epoch, Joint: e.tie.Joint, Prepared: e.prepared, GaveUp: e.gaveUp, Strays: e.strays, Tied: e.leavesHalf(p.members), Unsure: e.takesTurns() && (e.tie.Aimed || e.tie.Doubts&^p.members != 0), Fresh: e.fresh(), Awaits: e.awaitsOf(p.to), Unable: e.watchdog.Unarmed, Health: e.ownHealth(),
	}
	for _, other := range e.peers {
		if other.Node == 0 || other.Node == e.self {
			continue
		}
		if other.memberAt != 0 {
			m.MemberAt = append(m.MemberAt, Seen{Node: other.Node, Epoch: other.memberAt, Incarnation: other.memberLife})
		}
		if former := e.formerly(other.Node); former > other.memberLife {
			m.MemberAt = append(m.MemberAt, Seen{Node: other.Node, Incarnation: former})
		}
		if !p.members.Has(other.Node) {
			s := Silence{Node: other.Node, AgeMS: -1 - int64(e.now-e.election.startedAt)/1e6}
			switch {
			case e.alive(other.Node):
				s.AgeMS = 0 // it was granted a lease until now
			case other.LastHeard != 0:
				s.AgeMS = int64(e.now-other.LastHeard) / 1e6
			}
			if other.Incarnation != 0 {
				s.LeaseMS, s.WatchdogMS, s.Loose = other.LeaseMS, other.WatchdogMS, !other.ObeysLease || !other.Armed
			}
			if e.takesTurns() {
				s.LostMS = e.lostMS(other)
			}
			m.Silent = append(m.Silent, s)
		}
	}
	if !e.admitted {
		m.Text = e.cfg.Text
	}
	if m.Forgot {
		m.ForgotMS = int64(e.now-e.tie.Forgot) / 1e6
	}
	return m
}

// forgetOrders: what the promise reports as stopped needs a new order to start, also if it was only stopped because the
// lease ran down, and the lease comes back with the new view.
func (e *Engine) forgetOrders() {
	for i := range e.services {
		if s := &e.services[i]; s.phase(e) == PhaseStopped {
			s.ordered = false
		}
	}
}

// fingerprint names a file by what it means and by its version: of two that mean the same, the older one may have been
// replaced by a third and brought back since.
func fingerprint(cfg *config.Config) string {
	v := versionOf(cfg.Text)
	return fmt.Sprintf("%x.%d.%d", cfg.Fingerprint(), v.Epoch, v.Count)
}

// promisedBy collects the promises to this node's own proposal.
func (e *Engine) promisedBy(from wire.Node, p Promise) {
	e.hasSpoken(from)
	own := e.election.proposal
	if own == nil || p.Epoch != own.epoch || !own.members.Has(from) || p.Life.Node != from {
		return
	}
	at := 0
	for at < len(own.promises) && own.promises[at].Life.Node < from {
		at++
	}
	if at < len(own.promises) && own.promises[at].Life.Node == from {
		return
	}
	e.noteHealth(from, p.Epoch, p.Health)
	p.forgotBy = e.now - wire.Instant(max(0, p.ForgotMS))*1e6
	own.promises = append(own.promises[:at], append([]Promise{p}, own.promises[at:]...)...)
}
