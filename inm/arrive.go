package inm

import (
	"cmp"
	"slices"
	"time"

	"locum/wire"
)

// arriving is the incoming half of a session.
type arriving struct {
	taken     uint32 // our engine took all messages up to this one
	delivered uint32 // handed out up to this one
	lengths   []int  // of the messages above taken up to delivered
	parts     []*assembly
	heard     uint32
	before    uint64
	owed      bool // an acknowledgement
	owedAt    wire.Instant
	path      int // of the newest segment
}

// assembly is a message of which something is here, but which cannot be delivered yet.
type assembly struct {
	number  uint32
	payload []byte
	here    spans
}

func (a *assembly) complete() bool { return a.here.covers(span{0, uint32(len(a.payload))}) }

// ack says what is here. What is complete above a gap is not in Arrived: its pieces are acknowledged one by one.
func (r *arriving) ack() wire.Ack {
	return wire.Ack{Taken: r.taken, Arrived: r.delivered, Heard: r.heard, Before: r.before}
}

// Receive takes an authentic segment of the peer that came on a path. It keeps nothing of the payload. It gives
// wire.DropNone, or why the segment, or its piece of a message, does not count: DropOtherSession, DropMalformed,
// DropRepeated or DropNoRoom.
func (s *Session) Receive(now wire.Instant, path int, g *wire.Segment) wire.Drop {
	switch {
	case !g.Valid():
		return wire.DropMalformed
	case s.peer.IsZero() || g.From != s.peer || g.To != s.self:
		return wire.DropOtherSession
	case !s.hear(now, g.Ack):
		return wire.DropMalformed
	}
	drop := wire.DropNone
	if g.Transmission != 0 {
		drop = s.arriving.put(g)
		whole := s.deliver()
		if drop == wire.DropNone || drop == wire.DropRepeated {
			s.arriving.note(g.Transmission, path)
			s.arriving.owe(now, s.patience(path, whole))
		}
	}
	s.pump(now)
	return drop
}

// patience is how long an acknowledgement waits for the engine to take what has just come whole. On a slow line one that left
// before would hold the word of the engine up for as long as it takes itself.
func (s *Session) patience(path int, whole bool) time.Duration {
	if whole && path >= 0 && path < len(s.paths) && s.paths[path].Rate > 0 {
		return wire.AckWait
	}
	return 0
}

// owe has an acknowledgement leave after a while, or sooner if one is owed sooner.
func (r *arriving) owe(now wire.Instant, wait time.Duration) {
	if at := now + wire.Instant(wait); !r.owed || at < r.owedAt {
		r.owed, r.owedAt = true, at
	}
}

// put adds a piece to its message.
func (r *arriving) put(g *wire.Segment) wire.Drop {
	piece := span{g.Offset, g.Offset + uint32(len(g.Payload))}
	if len(g.Payload) == 0 {
		return wire.DropNone // only asks
	}
	if g.Number <= r.delivered {
		return wire.DropRepeated
	}
	a, drop := r.assembly(g)
	switch {
	case drop != wire.DropNone:
		return drop
	case a.here.covers(piece):
		return wire.DropRepeated
	}
	here := slices.Clone(a.here).add(piece) // add may change what it is called on
	if len(here) > wire.MaxPieces {
		return wire.DropNoRoom
	}
	a.here = here
	copy(a.payload[piece.from:], g.Payload)
	return wire.DropNone
}

// assembly finds the message of a piece, or makes room for it. What a sender may begin always finds room; beyond that only
// the message that is delivered next does.
func (r *arriving) assembly(g *wire.Segment) (*assembly, wire.Drop) {
	i, found := slices.BinarySearchFunc(r.parts, g.Number, func(a *assembly, n uint32) int { return cmp.Compare(a.number, n) })
	if found {
		if len(r.parts[i].payload) != int(g.Length) {
			return nil, wire.DropMalformed
		}
		return r.parts[i], wire.DropNone
	}
	if g.Number-r.taken > wire.MaxUntaken || g.Number != r.delivered+1 && r.kept()+int(g.Length) > wire.MaxMessage {
		return nil, wire.DropNoRoom
	}
	a := &assembly{number: g.Number, payload: make([]byte, g.Length)}
	r.parts = slices.Insert(r.parts, i, a)
	return a, wire.DropNone
}

// kept is the bytes of all that is here and not taken.
func (r *arriving) kept() int {
	sum := 0
	for _, n := range r.lengths {
		sum += n
	}
	for _, a := range r.parts {
		sum += len(a.payload)
	}
	return sum
}

// note remembers a transmission for the next acknowledgement.
func (r *arriving) note(transmission uint32, path int) {
	r.path = path
	switch {
	case transmission > r.heard:
		up := transmission - r.heard
		// A shift by more than there are bits leaves none of them.
		r.before <<= up
		if r.heard > 0 && up <= 64 {
			r.before |= 1 << (up - 1)
		}
		r.heard = transmission
	case transmission < r.heard:
		if below := r.heard - transmission; below <= 64 {
			r.before |= 1 << (below - 1)
		}
	}
}

// deliver hands out what is complete, in order, and reports whether there was something.
func (s *Session) deliver() (some bool) {
	r := &s.arriving
	for len(r.parts) > 0 && r.parts[0].number == r.delivered+1 && r.parts[0].complete() {
		a := r.parts[0]
		r.parts = slices.Delete(r.parts, 0, 1)
		r.delivered++
		r.lengths = append(r.lengths, len(a.payload))
		s.out = append(s.out, Deliver{s.peer, s.base + uint64(r.delivered), a.payload})
		some = true
	}
	return some
}

// Took says that our engine took all messages up to the number of a Deliver. A number of a session that ended, or that was
// not delivered, changes nothing.
func (s *Session) Took(now wire.Instant, number uint64) {
	r := &s.arriving
	if number <= s.base+uint64(r.taken) || number > s.base+uint64(r.delivered) {
		return
	}
	taken := uint32(number - s.base)
	r.lengths = slices.Delete(r.lengths, 0, int(taken-r.taken))
	r.taken = taken
	r.owe(now, 0)
}
