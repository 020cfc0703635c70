package heartbeat

import (
	"fmt"
	"testing"
	"time"

	"locum/wire"
)

// TestAClockThatIsSetMakesNoFrameNewer sets the wall clock by up to a year between two drains, before or after the frame
// that comes there was stamped. Of no drain is the frame placed after its true arrival, nor before the drain before: a
// dead node lives not longer for it, and a living one is late by one drain at most.
func TestAClockThatIsSetMakesNoFrameNewer(t *testing.T) {
	const (
		start  = int64(1e18)
		drain  = 100 * ms
		set    = 5 // the drain before which the clock is set
		drains = 10
	)
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 365 * 24 * time.Hour, -365 * 24 * time.Hour, time.Second, -time.Second, 6 * time.Millisecond} {
		for _, stampedFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("set by %v, the frame stamped before it %v", jump, stampedFirst), func(t *testing.T) {
				var s stamps
				offset := start
				for i := range drains {
					now := wire.Instant(i+1) * drain
					truth := now - drain/2
					stamp := int64(truth) + offset
					if i == set {
						offset += int64(jump)
						if !stampedFirst {
							stamp = int64(truth) + offset
						}
					}
					s.took(now, offset)
					at, stamped := s.place(stamp)
					if at > truth && i > 0 || at < now-drain && i > 0 {
						t.Errorf("drain %d: placed at %v, came at %v", i, time.Duration(at), time.Duration(truth))
					}
					if want := i != 0 && i != set; stamped != want {
						t.Errorf("drain %d: its stamp is believed: %v, want %v", i, stamped, want)
					}
				}
			})
		}
	}
}
