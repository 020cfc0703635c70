package inm

import (
	"slices"
	"time"

	"locum/wire"
)

// expire gives up the flights whose acknowledgement is late, or whose path is no longer up; pump then sends those pieces
// again, over the best path, which no longer is the one that was late.
func (s *Session) expire(now wire.Instant) {
	q := &s.sending
	late := 0
	for i := range q.flights {
		f := &q.flights[i]
		p := &s.paths[f.path]
		switch {
		case f.late:
		case !p.usable():
			s.giveUp(now, f)
		case f.deadline <= now:
			if tried := p.hole.late(now, f); !tried {
				p.late(now, f.sent)
			}
			s.giveUp(now, f)
		}
		if f.late {
			late++
		}
	}
	// The oldest of too many are forgotten.
	q.flights = slices.DeleteFunc(q.flights, func(f flight) bool {
		if !f.late || late <= maxLate {
			return false
		}
		late--
		return true
	})
}

func (s *Session) giveUp(now wire.Instant, f *flight) {
	f.late = true
	s.paths[f.path].inFlight--
	if f.probe() {
		s.sending.probeAt = now
		return
	}
	m := f.message
	if m.arrived {
		return
	}
	m.covered = m.covered.remove(f.span)
	for _, a := range m.acked {
		m.covered = m.covered.add(a)
	}
}

// awaitTaken starts to wait for the word that the peer's engine took the first message, once that is complete there. The
// word is sent once and may be lost, so it is asked for: soon at first, then at longer intervals, for an engine that
// hangs.
func (s *Session) awaitTaken(now wire.Instant, progress bool) {
	q := &s.sending
	if len(q.queue) == 0 || !q.queue[0].arrived {
		q.probeWait = 0
		return
	}
	if q.probeWait != 0 && !progress {
		return
	}
	q.probeWait = wire.RetryFirst
	if i := s.choose(now); i >= 0 {
		q.probeWait = max(s.paths[i].retryAfter(), wire.ProbeMin)
	}
	q.probeAt = now + wire.Instant(q.probeWait)
}

// wantsProbe reports whether it is time to ask at probeAt.
func (q *sending) wantsProbe() bool {
	return q.probeWait > 0 && q.transmission != ^uint32(0) &&
		!slices.ContainsFunc(q.flights, func(f flight) bool { return f.probe() && !f.late })
}

// probe asks for an acknowledgement of the first message, by a piece of it that has no bytes.
func (s *Session) probe(now wire.Instant) {
	q := &s.sending
	if !q.wantsProbe() || now < q.probeAt {
		return
	}
	i := s.choose(now)
	if i < 0 {
		return
	}
	q.probeWait = min(2*q.probeWait, time.Duration(wire.RetryMax))
	q.probeAt = now + wire.Instant(q.probeWait)
	s.fly(now, i, q.queue[0], span{})
}
