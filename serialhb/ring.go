package serialhb

import "locum/wire"

// Header fields of wire's frames that stand in the clear.
const (
	leastFrame = 19 // the header
	tagFrom    = 2
	tagTo      = 6
	senderAt   = 6
	nameTo     = 17 // sender, incarnation and counter: one frame has one name
)

func (s *Serial) arrived(at wire.Instant, from int, e envelope, frame []byte, take func(wire.Received)) {
	h := &s.lines[from].heard
	switch {
	case len(frame) < leastFrame:
		h.garbage(at, frame)
		return
	case s.tagged && s.tag != [tagTo - tagFrom]byte(frame[tagFrom:tagTo]):
		h.foreign = at
		return
	case wire.Node(frame[senderAt]) == s.self:
		h.own = at
		return
	}
	h.peer = at
	s.forward(from, e, frame)
	if e.to == 0 || e.to == s.self {
		take(wire.Received{Frame: frame, At: s.before})
	}
}

// forward passes a frame on to the other port, once, and not without end.
func (s *Serial) forward(from int, e envelope, frame []byte) {
	if len(s.lines) < 2 || e.to == s.self || int(e.hops) >= wire.MaxNodes || !s.seen.first(frame) {
		return
	}
	other := s.lines[1-from]
	if other.fd >= 0 {
		other.out.put(envelope{e.to, e.hops + 1}, frame)
	}
}

// seen remembers the newest frames that were forwarded.
type seen struct {
	names [256][nameTo - senderAt]byte
	n     int
}

// first reports whether a frame is new. Its name is sender, incarnation and counter, of which no two frames have the same.
func (s *seen) first(frame []byte) bool {
	name := [nameTo - senderAt]byte(frame[senderAt:nameTo])
	for _, x := range s.names {
		if x == name {
			return false
		}
	}
	s.names[s.n%len(s.names)] = name
	s.n++
	return true
}
