package main

import (
	"slices"
	"testing"
	"time"
)

// The difference of two times does not fit into an int everywhere.
func TestEventsHappenInTheOrderOfTheirTimes(t *testing.T) {
	got := inTime([]timed{{10 * time.Second, "cut"}, {3 * time.Second, "kill"}, {3 * time.Second, "leave"}, {0, "switch"}})
	if want := []string{"switch", "run 3s", "kill", "leave", "run 7s", "cut"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
