package daemon

import (
	"testing"
	"time"
)

// However many nodes there are, one outlet is asked about some twelve times a minute at most, and a pair asks every minute.
func TestAPowerStripIsNotAskedMoreOftenByMoreNodes(t *testing.T) {
	for nodes, every := range map[int]time.Duration{2: time.Minute, 12: time.Minute, 13: 65 * time.Second, 64: 320 * time.Second} {
		r := roundsOf(nodes)
		if r.every != every {
			t.Errorf("%d nodes: each asks every %s, want %s", nodes, r.every, every)
		}
		if perMinute := float64(nodes-1) * float64(time.Minute) / float64(r.every); perMinute > 12 {
			t.Errorf("%d nodes: an outlet is asked about %.1f times a minute", nodes, perMinute)
		}
	}
}
