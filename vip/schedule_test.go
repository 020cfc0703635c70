package vip

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// incident is something that happens to a schedule at an instant.
type incident struct {
	at   time.Duration
	what string // begin, claim
}

const ms = time.Millisecond

func TestSchedule(t *testing.T) {
	tests := []struct {
		name      string
		incidents []incident
		stalled   [2]time.Duration // nothing is sent between these two
		until     time.Duration
		want      []time.Duration
	}{
		{
			name:  "a start is announced six times within five seconds and then once a minute",
			until: 130 * time.Second,
			want:  []time.Duration{0, 50 * ms, 1100 * ms, 2200 * ms, 3300 * ms, 5000 * ms, 65000 * ms, 125000 * ms},
		},
		{
			name:      "a link that comes up in a quiet time begins anew",
			incidents: []incident{{20 * time.Second, "begin"}},
			until:     26 * time.Second,
			want: []time.Duration{0, 50 * ms, 1100 * ms, 2200 * ms, 3300 * ms, 5000 * ms,
				20000 * ms, 20050 * ms, 21100 * ms, 22200 * ms, 23300 * ms, 25000 * ms},
		},
		{
			name:      "a claim just after the start is answered at once",
			incidents: []incident{{200 * ms, "claim"}},
			until:     1500 * ms,
			want:      []time.Duration{0, 50 * ms, 200 * ms, 250 * ms, 1300 * ms},
		},
		{
			name:      "a second claim within a second is answered by the burst of the first",
			incidents: []incident{{10 * time.Second, "claim"}, {10600 * ms, "ignored claim"}},
			until:     12 * time.Second,
			want: []time.Duration{0, 50 * ms, 1100 * ms, 2200 * ms, 3300 * ms, 5000 * ms,
				10000 * ms, 10050 * ms, 11100 * ms},
		},
		{
			name: "a claimer that does not cease gets two answers a second",
			incidents: []incident{{10000 * ms, "claim"}, {10300 * ms, "ignored claim"}, {10600 * ms, "ignored claim"},
				{11000 * ms, "claim"}, {11300 * ms, "ignored claim"}, {12000 * ms, "claim"}},
			until: 13 * time.Second,
			want: []time.Duration{0, 50 * ms, 1100 * ms, 2200 * ms, 3300 * ms, 5000 * ms,
				10000 * ms, 10050 * ms, 11000 * ms, 11050 * ms, 12000 * ms, 12050 * ms},
		},
		{
			name:    "after a stall one announcement stands for those that were missed",
			stalled: [2]time.Duration{60 * ms, 2500 * ms},
			until:   6 * time.Second,
			want:    []time.Duration{0, 50 * ms, 2500 * ms, 3300 * ms, 5000 * ms},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, play(t, tt.incidents, tt.stalled, tt.until)); diff != "" {
				t.Errorf("announcements (-want +got):\n%s", diff)
			}
		})
	}
}

// play drives a schedule from the start at 0 up to, not including, until, and gives when it announced.
func play(t *testing.T, incidents []incident, stalled [2]time.Duration, until time.Duration) (spoken []time.Duration) {
	origin := time.Unix(1000, 0)
	s := schedule{refresh: time.Minute}
	s.begin(origin)
	for {
		next := s.due().Sub(origin)
		if next > stalled[0] && next < stalled[1] {
			next = stalled[1]
		}
		if len(incidents) > 0 && incidents[0].at < next {
			happen(t, &s, origin, incidents[0])
			incidents = incidents[1:]
			continue
		}
		if next >= until {
			return spoken
		}
		s.spoke(origin.Add(next))
		spoken = append(spoken, next)
	}
}

func happen(t *testing.T, s *schedule, origin time.Time, in incident) {
	if in.what == "begin" {
		s.begin(origin.Add(in.at))
		return
	}
	if got, want := s.claimed(origin.Add(in.at)), in.what == "claim"; got != want {
		t.Errorf("claim at %s began a burst: %t, want %t", in.at, got, want)
	}
}

func TestAHeldBurstSaysAndAnswersNothingBeforeItsEnd(t *testing.T) {
	begun := time.Unix(1000, 0)
	s := schedule{refresh: time.Minute}
	s.begin(begun)
	s.hold()
	end := begun.Add(burst[len(burst)-1])
	if !s.due().Equal(end) {
		t.Errorf("due %s after it began", s.due().Sub(begun))
	}
	if s.claimed(end.Add(-time.Millisecond)) || !s.due().Equal(end) {
		t.Error("a claim is answered before the end")
	}
	if s.spoke(end); !s.claimed(end) || !s.due().Equal(end) {
		t.Error("a claim is not answered after the end")
	}
}

// A node that comes back hears that a split has healed, and that its link is up, before it hears who has the address now.
func TestNothingThatHappensMeanwhileHurriesAHeldBurst(t *testing.T) {
	begun := time.Unix(1000, 0)
	s := schedule{refresh: time.Minute}
	s.begin(begun)
	s.hold()
	end := begun.Add(burst[len(burst)-1])
	s.begin(begun.Add(time.Second))
	if !s.due().Equal(end) {
		t.Errorf("due %s after it began", s.due().Sub(begun))
	}
	late := end.Add(-time.Millisecond)
	s.begin(late)
	if s.spoke(end); !s.due().Equal(late.Add(burst[1])) {
		t.Errorf("it goes on %s after it began", s.due().Sub(begun))
	}
}
