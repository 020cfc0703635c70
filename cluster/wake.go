package cluster

import (
	"time"

	"locum/wire"
)

// after is the instant some time from now.
func (e *Engine) after(d time.Duration) wire.Instant { return e.now + wire.Instant(d) }

// setWake asks to be called again when the next of the awaited instants comes.
func (e *Engine) setWake() {
	var at wire.Instant
	sooner := func(t wire.Instant) {
		if t > e.now && (at == 0 || t < at) { // what is due already was derived in this very step
			at = t
		}
	}
	sooner(e.election.due)
	if len(e.asks) > 0 {
		sooner(e.viewSince + wire.Instant(e.cfg.Beat.Dead))
		sooner(e.agreedBy())
	}
	for _, a := range e.asks {
		sooner(a.until)
	}
	for _, s := range e.shots {
		sooner(s.due)
	}
	for _, r := range e.readings {
		sooner(r.due)
	}
	for i := range e.peers {
		sooner(e.peers[i].off.due)
		sooner(e.peers[i].off.until)
	}
	for _, h := range e.held {
		sooner(h.until)
	}
	for i := range e.services {
		sooner(e.services[i].due)
		for _, r := range e.services[i].res {
			sooner(r.endBy)
		}
	}
	sooner(e.lead.due)
	sooner(e.lead.boardDue)
	sooner(e.storing.due)
	sooner(e.storing.late)
	sooner(e.tieWait())
	sooner(e.claimWait())
	sooner(e.joinDue())
	sooner(e.healthDue())
	sooner(e.health.relay.due)
	if at != e.wake {
		e.wake = at
		e.do(Wake{At: at})
	}
}

func soonest(a, b wire.Instant) wire.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
