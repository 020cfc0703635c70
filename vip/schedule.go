package vip

import "time"

// burst is when to announce after something happened. Three lessons are in it: a frame gets lost, so the second follows
// at once; Linux neighbours believe no change for a second after the last one (locktime), so the third comes after 1.1 s;
// switches and their spanning trees take seconds after a link came up. RFC 5227 asks for two announcements 2 s apart,
// RFC 4861 for at most three unsolicited advertisements; both speak of hosts that nobody waits for.
var burst = [...]time.Duration{
	0,
	50 * time.Millisecond,
	1100 * time.Millisecond,
	2200 * time.Millisecond,
	3300 * time.Millisecond,
	5 * time.Second,
}

// claimGap is the least time between two bursts that claims have begun: two machines that both believe that they own the
// address must not fill the wire. A claim within it is answered by the third announcement of the running burst, which
// comes later than claimGap.
const claimGap = time.Second

// schedule says when to announce next. It knows no clock: every instant is handed in.
type schedule struct {
	refresh time.Duration
	begun   time.Time // the running burst's beginning
	next    int       // index into burst; len(burst) once it is over
	last    time.Time // the newest announcement
	contest time.Time // when a claim last began a burst
	quiet   time.Time // nothing is said before
}

// begin starts a burst: an announcement is due at once.
func (s *schedule) begin(now time.Time) {
	s.begun, s.next = now, 0
}

// hold leaves of the burst that has begun only its last announcement, and claims unanswered until then. No burst that begins meanwhile is sooner:
// a split that has healed is just when one may hear that another has it.
func (s *schedule) hold() {
	s.next = len(burst) - 1
	s.quiet = s.begun.Add(burst[s.next])
}

// claimed is told that another machine claims the address. It reports whether that began a burst; if not, one is so
// young that it answers this claim too.
func (s *schedule) claimed(now time.Time) bool {
	if now.Sub(s.contest) < claimGap || now.Before(s.quiet) {
		return false
	}
	s.contest = now
	s.begin(now)
	return true
}

// due is when the next announcement has to be sent.
func (s *schedule) due() time.Time {
	at := s.last.Add(s.refresh)
	if s.next < len(burst) {
		at = s.begun.Add(burst[s.next])
	}
	if at.Before(s.quiet) {
		return s.quiet
	}
	return at
}

// spoke is told that an announcement was sent. One that comes late stands for all that were due by then.
func (s *schedule) spoke(now time.Time) {
	s.last = now
	for s.next < len(burst) && !s.begun.Add(burst[s.next]).After(now) {
		s.next++
	}
}
