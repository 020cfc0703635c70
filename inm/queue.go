package inm

import (
	"slices"
	"time"

	"locum/wire"
)

// message is an own message that the peer's engine has not taken.
type message struct {
	number  uint32
	id      uint64
	payload []byte
	acked   spans // known to have arrived
	covered spans // acked, or under way
	arrived bool
}

func (m *message) length() uint32 { return uint32(len(m.payload)) }

// flight is one segment under way that wants an acknowledgement.
type flight struct {
	transmission uint32
	message      *message
	span         span // empty: a probe
	path         int
	sent         wire.Instant
	deadline     wire.Instant
	late         bool // given up, but its acknowledgement would still tell something
}

// maxLate is how many late flights are remembered.
const maxLate = 64

// sending is the outgoing half of a session.
type sending struct {
	queue        []*message // in order of number
	bytes        int        // of the queue
	number       uint32     // of the newest message
	complete     uint32     // the newest message of which all was transmitted once
	transmission uint32     // the newest
	flights      []flight   // in order of transmission
	probeAt      wire.Instant
	probeWait    time.Duration // 0: no message waits to be taken
}

// Send accepts a message for the peer's engine and transmits at once what the path lets through. The payload must not be
// changed afterwards. Acked or Lost with the same id follows, unless there is an error: ErrNoPeer, ErrFull, ErrSize or
// ErrSpent, and nothing was accepted.
func (s *Session) Send(now wire.Instant, id uint64, payload []byte) error {
	q := &s.sending
	switch {
	case len(payload) < 1 || len(payload) > wire.MaxMessage:
		return ErrSize
	case s.peer.IsZero():
		return ErrNoPeer
	case q.number == ^uint32(0) || q.transmission == ^uint32(0):
		return ErrSpent
	case len(q.queue) >= wire.MaxQueued || q.bytes+len(payload) > wire.MaxQueuedBytes:
		return ErrFull
	}
	q.number++
	q.bytes += len(payload)
	q.queue = append(q.queue, &message{number: q.number, id: id, payload: payload})
	s.pump(now)
	return nil
}

// pump transmits what waits, oldest first, as far as the best path takes it.
func (s *Session) pump(now wire.Instant) {
	for {
		m, gap := s.sending.next()
		if m == nil {
			return
		}
		i := s.choose(now)
		if i < 0 || s.paths[i].inFlight >= s.paths[i].window {
			return
		}
		gap.to = min(gap.to, gap.from+uint32(s.size(now, i)))
		if !s.fly(now, i, m, gap) {
			return
		}
	}
}

// next is the first stretch of the first message that is neither acknowledged nor under way. No more messages are begun
// than a receiver has to keep.
func (q *sending) next() (*message, span) {
	total := 0
	for i, m := range q.queue {
		total += len(m.payload)
		if i >= wire.MaxUntaken || i > 0 && total > wire.MaxMessage {
			break
		}
		if gap := m.covered.gap(m.length()); gap.from < gap.to {
			return m, gap
		}
	}
	return nil, span{}
}

// fly transmits one piece of a message. It reports false when the transmissions of the session are used up.
func (s *Session) fly(now wire.Instant, i int, m *message, piece span) bool {
	q := &s.sending
	if q.transmission == ^uint32(0) {
		return false
	}
	q.transmission++
	p := &s.paths[i]
	p.inFlight++
	q.flights = append(q.flights, flight{
		transmission: q.transmission, message: m, span: piece, path: i,
		sent: now, deadline: now + wire.Instant(s.retryAfter(i)+p.backlog()),
	})
	m.covered = m.covered.add(piece)
	if m.number > q.complete && m.covered.covers(span{0, m.length()}) {
		q.complete = m.number
	}
	s.transmit(i, wire.Segment{
		Transmission: q.transmission, Number: m.number, Length: m.length(), Offset: piece.from,
		Payload: m.payload[piece.from:piece.to],
	})
	return true
}

// hear takes an acknowledgement. It reports false, and changes nothing, if that acknowledges what was never sent.
func (s *Session) hear(now wire.Instant, a wire.Ack) bool {
	q := &s.sending
	if a.Arrived > q.complete || a.Taken > a.Arrived || a.Heard > q.transmission {
		return false
	}
	s.landed(now, a)
	for _, m := range q.queue {
		if m.number <= a.Arrived && !m.arrived {
			m.arrived = true
			m.covered = m.covered.add(span{0, m.length()})
		}
	}
	done := 0
	for done < len(q.queue) && q.queue[done].number <= a.Taken {
		q.bytes -= len(q.queue[done].payload)
		s.out = append(s.out, Acked{q.queue[done].id})
		done++
	}
	q.queue = slices.Delete(q.queue, 0, done)
	s.forget(a.Arrived)
	s.awaitTaken(now, done > 0)
	return true
}

// landed ends the flights whose transmissions were heard.
func (s *Session) landed(now wire.Instant, a wire.Ack) {
	s.sending.flights = slices.DeleteFunc(s.sending.flights, func(f flight) bool {
		if !heard(a, f.transmission) {
			return false
		}
		p := &s.paths[f.path]
		p.measured(time.Duration(now - f.sent))
		p.hole.landed(&f)
		if !f.late {
			p.inFlight--
		}
		f.message.acked = f.message.acked.add(f.span)
		f.message.covered = f.message.covered.add(f.span)
		return true
	})
}

// forget ends the flights of messages that are complete at the peer, but for probes.
func (s *Session) forget(arrived uint32) {
	s.sending.flights = slices.DeleteFunc(s.sending.flights, func(f flight) bool {
		if f.message.number > arrived || f.probe() && !f.message.taken(&s.sending) {
			return false
		}
		if !f.late {
			s.paths[f.path].inFlight--
		}
		return true
	})
}

func (f *flight) probe() bool { return f.span.from == f.span.to }

// taken reports whether a message has left the queue.
func (m *message) taken(q *sending) bool { return len(q.queue) == 0 || m.number < q.queue[0].number }

// heard reports whether an acknowledgement covers a transmission.
func heard(a wire.Ack, transmission uint32) bool {
	if transmission > a.Heard {
		return false
	}
	below := a.Heard - transmission
	return below == 0 || below <= 64 && a.Before&(1<<(below-1)) != 0
}
