package inm

import (
	"errors"
	"fmt"
	"time"

	"locum/wire"
)

// The reasons for which a message is not accepted.
var (
	ErrNoPeer = errors.New("the peer's engine is not known")
	ErrFull   = errors.New("too many messages wait for the peer")
	ErrSize   = fmt.Errorf("a message must have 1 to %d bytes", wire.MaxMessage)
	ErrSpent  = errors.New("the numbers of this session are used up: restart the engine")
)

// PathInfo is what the heart says of one path to the peer.
type PathInfo struct {
	MTU int           // the largest frame it carries, in bytes, seal and header included
	Up  bool          // it carries in both directions, as far as is known
	RTT time.Duration // what to expect before it is measured, 0 if unknown
	// Rate is how many bytes a second it carries, 0 if that does not matter. On a slow one a segment waits for those before
	// it, which is no reason to take it for lost.
	Rate int
}

// Output is one of Transmit, Deliver, Acked and Lost.
type Output interface{ output() }

// Transmit asks for a segment to be sealed and sent over the path of that index, at once: it shares the message's bytes.
type Transmit struct {
	Path    int
	Segment wire.Segment
}

// Deliver is a message of the peer, in order and once. Took with its Number acknowledges it. Numbers go on rising when
// the session starts anew, so that a late Took cannot acknowledge another message.
type Deliver struct {
	From    wire.End
	Number  uint64
	Payload []byte
}

// Acked says that the peer's engine took the message.
type Acked struct{ ID uint64 }

// Lost says that the session ended before the peer's engine was known to have taken the message: its outcome is unknown.
type Lost struct{ ID uint64 }

func (Transmit) output() {}
func (Deliver) output()  {}
func (Acked) output()    {}
func (Lost) output()     {}

// Session is one end of the messages between this node and one peer.
type Session struct {
	self, peer wire.End
	paths      []path
	out        []Output
	sending    sending
	arriving   arriving
	base       uint64 // Deliver.Number of message n is base + n
}

// New makes a session of this node's engine with a peer that is not yet known.
func New(self wire.End) *Session { return &Session{self: self} }

// Rename says that this node has a new engine. It reports whether the session started anew; ends only rise, and any other
// name changes nothing.
func (s *Session) Rename(self wire.End) bool {
	if !self.Above(s.self) {
		return false
	}
	s.restart()
	s.self = self
	return true
}

// SetPeer says which engine, of which life, the peer has. It reports whether the session started anew; ends only rise, and
// any other name changes nothing: a peer that was silent and is the same goes on where it was.
func (s *Session) SetPeer(peer wire.End) bool {
	if !peer.Above(s.peer) {
		return false
	}
	s.restart()
	s.peer = peer
	return true
}

// Peer is the peer's end as it was set, zero before.
func (s *Session) Peer() wire.End { return s.peer }

func (s *Session) restart() {
	for _, m := range s.sending.queue {
		s.out = append(s.out, Lost{m.id})
	}
	s.base += uint64(s.arriving.delivered)
	s.sending, s.arriving = sending{}, arriving{}
	for i := range s.paths {
		s.paths[i].inFlight = 0
	}
}

// Outputs hands out what the calls since the last one left behind, in order. The slice is valid until the next call.
func (s *Session) Outputs() []Output {
	out := s.out
	s.out = s.out[:0]
	return out
}

// Waiting is the number of own messages that were neither taken nor lost.
func (s *Session) Waiting() int { return len(s.sending.queue) }

// Due does what has become due: acknowledges, sends again what was lost, asks what became of a message. Afterwards Next
// lies ahead.
func (s *Session) Due(now wire.Instant) {
	s.expire(now)
	s.pump(now)
	s.probe(now)
	s.acknowledge(now)
}

// Next is the instant at which Due wants to be called, at the latest; an instant in the past means now. It reports false
// if there is nothing to wait for.
func (s *Session) Next() (wire.Instant, bool) {
	var next wire.Instant
	var any bool
	earlier := func(t wire.Instant) {
		if !any || t < next {
			next, any = t, true
		}
	}
	if s.arriving.owed && s.usable() {
		earlier(s.arriving.owedAt)
	}
	for _, f := range s.sending.flights {
		if !f.late {
			earlier(f.deadline)
		}
	}
	if s.sending.wantsProbe() && s.usable() {
		earlier(s.sending.probeAt)
	}
	return next, any
}

// transmit puts a segment out, with the newest acknowledgement on it.
func (s *Session) transmit(path int, g wire.Segment) {
	g.From, g.To, g.Ack = s.self, s.peer, s.arriving.ack()
	s.arriving.owed = false
	s.out = append(s.out, Transmit{path, g})
}

// acknowledge sends what is owed where no segment carried it. The path that brought the newest segment carries at least
// in one direction, so it is tried first.
func (s *Session) acknowledge(now wire.Instant) {
	if !s.arriving.owed || now < s.arriving.owedAt {
		return
	}
	path := s.arriving.path
	if path < 0 || path >= len(s.paths) || !s.paths[path].usable() {
		if path = s.choose(now); path < 0 {
			return
		}
	}
	s.transmit(path, wire.Segment{})
}
