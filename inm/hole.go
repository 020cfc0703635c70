package inm

import (
	"slices"
	"time"

	"locum/wire"
)

// A path may carry what is small, beats among it, and swallow what is large: a tunnel with a smaller MTU whose complaints are filtered, a
// firewall that drops fragments. Nobody says so; what shows it is that large frames are lost again and again, as in
// packetization-layer path MTU discovery (RFC 4821, RFC 8899). Pieces are then made so small that they pass anywhere.

// hole is what is known of the large frames of a path.
type hole struct {
	lost   int          // in a row, those that were lost together counted once
	lostAt wire.Instant // when the newest was found lost
	small  bool         // only small frames are sent
	since  wire.Instant // since when
	passed int          // small ones in a row that were sent since then and have arrived
	proven bool         // these were enough: it is not the path that carries nothing, or loses much of all sizes
	again  wire.Instant // when a large one is tried again
	pause  time.Duration
}

// large reports whether a piece needs a frame that not every path carries.
func large(piece span) bool { return int(piece.to-piece.from)+wire.SegmentOverhead > wire.SmallFrame }

// Hole reports whether large frames do not pass on a path on which small ones do, and how many in a row were lost.
func (s *Session) Hole(path int) (lost int, small bool) {
	if path < 0 || path >= len(s.paths) {
		return 0, false
	}
	h := &s.paths[path].hole
	return h.lost, h.small && h.proven
}

// size is how much of a message the next segment on a path may carry.
func (s *Session) size(now wire.Instant, i int) int {
	p := &s.paths[i]
	if p.hole.small && (now < p.hole.again || s.tries(i)) {
		return min(p.payload(), wire.SmallFrame-wire.SegmentOverhead)
	}
	return p.payload()
}

// tries reports whether a large frame is under way on a path.
func (s *Session) tries(path int) bool {
	return slices.ContainsFunc(s.sending.flights, func(f flight) bool { return f.path == path && !f.late && large(f.span) })
}

// late notes a frame whose acknowledgement is late. It reports whether that was only a try, which says nothing of the path.
func (h *hole) late(now wire.Instant, f *flight) (tried bool) {
	switch {
	case !large(f.span):
		h.passed = 0
		return false
	case h.lost > 0 && f.sent < h.lostAt: // lost together with the one before
		return h.small
	}
	h.lost++
	h.lostAt = now
	switch {
	case h.small:
		h.pause = min(2*h.pause, wire.LargeAgainMax)
		tried = true
	case h.lost >= wire.LargeLost:
		h.small, h.since, h.pause = true, now, wire.LargeAgain
	}
	h.again = now + wire.Instant(h.pause)
	return tried
}

// landed notes that a frame has arrived.
func (h *hole) landed(f *flight) {
	switch {
	case large(f.span):
		*h = hole{}
	case h.small && f.sent >= h.since:
		h.passed++
		h.proven = h.proven || h.passed >= wire.SmallPassed
	}
}
