package cluster

import (
	"slices"

	"locum/wire"
)

func (e *Engine) start(ev Started) {
	e.started, e.welcome = true, ev.Welcome
	e.durable = ev.Durable
	e.promised = max(ev.Durable.Ceiling, ev.Welcome.Below)
	e.intents = ev.Durable.Intents
	if e.fileVersion().Less(versionOf(ev.Durable.Prepared)) {
		e.prepared = ev.Durable.Prepared
	}
	e.known, e.former = ev.Durable.Lives, slices.Clone(ev.Durable.Lives)
	e.doubted = ev.Durable.Doubted
	e.lease = ev.Welcome.Lease
	e.restoreHealth(ev.Durable)
	e.election.startedAt = e.now
	e.resume(ev)
	e.storing.writable = true
	e.tell(History{Kind: "engine", Level: "info", Text: "the engine is up"})
}

// resume takes the view up again that the heart kept: a new engine under a living heart, or a heart that came back within
// its lease in the same boot. Neither is an absence, so the node keeps its vote.
func (e *Engine) resume(ev Started) {
	r := ev.Welcome.Resume
	sameHeart := ev.Durable.Boot == ev.Welcome.Boot && ev.Durable.Incarnation == ev.Welcome.Incarnation
	if r == nil {
		e.tie.Joint = e.promised
		e.admitted = sameHeart && !ev.Welcome.Boot.IsZero() && !ev.Welcome.Left
		return
	}
	v, tie, err := keptByHeart(r)
	if err != nil {
		e.tell(History{Kind: "alarm", Level: "alarm", Text: err.Error() + "; waiting to be admitted anew"})
		return
	}
	e.view, e.viewSince, e.strays = v, e.now, v.Strays
	e.clean = append([]Clean(nil), v.Clean...)
	e.noteSeen(v.Seen)
	e.noteMembers(v)
	e.admitted = sameHeart || ev.Welcome.Lease.State != wire.LeaseOver // within the lease it is no absence (SAFETY 18)
	// The predecessor may have promised more than this view: the ceiling covers all of that, so the view is not obeyed
	// but proposed anew.
	e.promised = max(e.promised, v.Epoch)
	e.tie = tie
	if v.Verdict.Quorate && ev.Welcome.Lease.State != wire.LeaseExempt {
		e.apart.together = ev.Welcome.Granted // not what its lease ends at, less a lease: the file may name another one since
	}
	for _, c := range e.clean { // since when, and in which order, nobody knows; but all were while the view was in force
		e.peer(c.Node).proven.told, e.peer(c.Node).proven.asked = true, e.apart.together
	}
	if ev.Welcome.Below > v.Epoch { // another's view was promised and never came into force
		e.tie.Doubt, e.tie.Joint = true, max(e.tie.Joint, ev.Welcome.Below)
		e.tie.Doubts = configured(e.cfg) // nobody knows whose
	}
	if ev.Welcome.Below > v.Epoch || !v.Verdict.Quorate { // nor whether one was before a view that is no quorum
		e.tie.Forgot = max(e.now, 1)
	}
}
