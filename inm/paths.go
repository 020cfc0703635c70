package inm

import (
	"time"

	"locum/wire"
)

// path is one way to the peer, as this session finds it.
type path struct {
	PathInfo
	smoothed, deviation time.Duration // of the round trip, 0 before it was measured
	shortest            time.Duration
	timeouts            uint // in a row
	timedOut            wire.Instant
	suspectUntil        wire.Instant // others are preferred until then
	window              int          // how many segments may be under way
	inFlight            int
	hole                hole
}

// SetPaths replaces what is known of the paths; they are told apart by their index, below wire.MaxPaths. What is under way
// on a path that is no longer up goes at once over the next.
func (s *Session) SetPaths(now wire.Instant, paths []PathInfo) {
	paths = paths[:min(len(paths), wire.MaxPaths)]
	for i, info := range paths {
		if i == len(s.paths) {
			s.paths = append(s.paths, path{window: wire.FirstInFlight})
		}
		if p := &s.paths[i]; info.Up && !p.Up {
			p.timeouts, p.suspectUntil = 0, 0
			if !p.hole.proven {
				p.hole = hole{} // what was lost was lost with the path
			}
		}
		if s.paths[i].MTU != info.MTU {
			s.paths[i].hole = hole{}
		}
		s.paths[i].PathInfo = info
	}
	for i := len(paths); i < len(s.paths); i++ {
		s.paths[i].Up = false
	}
	s.expire(now)
	s.pump(now)
}

// RTT is the round trip of a path as messages find it, 0 before they measured it.
func (s *Session) RTT(path int) time.Duration {
	if path < 0 || path >= len(s.paths) {
		return 0
	}
	return s.paths[path].smoothed
}

func (p *path) usable() bool { return p.Up && p.payload() >= wire.MinPayload }

// payload is how much of a message one segment can carry.
func (p *path) payload() int { return min(p.MTU, wire.MaxFrame) - wire.SegmentOverhead }

func (s *Session) usable() bool {
	for i := range s.paths {
		if s.paths[i].usable() {
			return true
		}
	}
	return false
}

// choose is the best path: one that does not time out before one that does, then the quicker one, then the first of the
// file; -1 if there is none.
func (s *Session) choose(now wire.Instant) int {
	best := -1
	for i := range s.paths {
		if s.paths[i].usable() && (best < 0 || s.paths[i].betterThan(&s.paths[best], now)) {
			best = i
		}
	}
	return best
}

func (p *path) betterThan(o *path, now wire.Instant) bool {
	if p.suspect(now) != o.suspect(now) {
		return !p.suspect(now)
	}
	if p.suspect(now) && p.timeouts != o.timeouts {
		return p.timeouts < o.timeouts
	}
	return p.expected() < o.expected()
}

func (p *path) suspect(now wire.Instant) bool { return now < p.suspectUntil }

// expected is the round trip to reckon with. It is rounded to milliseconds: between two cables of a cluster the order in
// the file decides, and they do not change places with each measurement.
func (p *path) expected() time.Duration {
	switch {
	case p.smoothed > 0:
		return p.smoothed.Truncate(time.Millisecond)
	case p.RTT == 0 && p.Rate > 0: // a full segment, and an acknowledgement that met another on its way
		return 2 * p.time(p.MTU)
	}
	return p.RTT.Truncate(time.Millisecond)
}

// time is how long so many bytes occupy a path whose rate is known.
func (p *path) time(bytes int) time.Duration {
	return time.Duration(bytes) * time.Second / time.Duration(p.Rate)
}

// retryAfter is the wait, doubled for each time-out in a row.
func (p *path) retryAfter() time.Duration {
	return min(p.wait()<<min(p.timeouts, 12), wire.RetryMax)
}

// wait is how long an acknowledgement may take (RFC 6298).
func (p *path) wait() time.Duration {
	wait := wire.RetryFirst
	switch {
	case p.smoothed > 0:
		wait = p.smoothed + max(4*p.deviation, p.smoothed/2)
	case p.RTT > 0:
		wait = 3 * p.RTT
	}
	return min(max(wait, wire.RetryMin), wire.RetryMax)
}

// retryAfter is how long an acknowledgement may take on a path before its segment is sent again. Where there is another path,
// time-outs make this one tried less often, but no message waits longer for it. A quick path is given some time before a
// segment takes a slow one.
func (s *Session) retryAfter(i int) time.Duration {
	next := time.Duration(-1)
	for j := range s.paths {
		if p := &s.paths[j]; j != i && p.usable() && (next < 0 || p.expected() < next) {
			next = p.expected()
		}
	}
	if next < 0 {
		return s.paths[i].retryAfter()
	}
	return max(s.paths[i].wait(), next/4)
}

// backlog is how long the segments under way occupy a path whose rate is known, and the acknowledgements on their way back
// beside the other side's own: twice their time.
func (p *path) backlog() time.Duration {
	if p.Rate == 0 {
		return 0
	}
	return 2 * p.time(p.inFlight*p.MTU)
}

// measured takes one round trip. More segments may be under way as long as they do not wait for each other, which a slow
// cable shows by longer round trips.
func (p *path) measured(rtt time.Duration) {
	rtt = max(rtt, time.Nanosecond)
	if p.smoothed == 0 {
		p.smoothed, p.deviation, p.shortest = rtt, rtt/2, rtt
	} else {
		p.deviation += ((p.smoothed - rtt).Abs() - p.deviation) / 4
		p.smoothed += (rtt - p.smoothed) / 8
		p.smoothed = max(p.smoothed, time.Nanosecond)
		p.shortest = min(p.shortest, rtt)
	}
	p.timeouts, p.suspectUntil = 0, 0
	if rtt < 2*p.shortest+5*time.Millisecond && p.window < wire.MaxInFlight {
		p.window++
	}
}

// late takes a time-out of a segment that was sent at that instant. Segments sent before the last time-out tell nothing
// new: they were lost with it.
func (p *path) late(now, sent wire.Instant) {
	if p.timeouts > 0 && sent < p.timedOut {
		return
	}
	p.timeouts++
	p.timedOut = now
	p.window = max(p.window/2, 1)
	p.suspectUntil = now + wire.Instant(min(4*p.retryAfter(), wire.RetryMax))
}
