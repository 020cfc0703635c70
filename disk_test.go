package main

import (
	"testing"
	"time"

	"locum/config"
)

// Who writes every ten seconds is not seen to write in three.
func TestADiskIsLookedAtForTwoRoundsOfTheFile(t *testing.T) {
	for every, want := range map[string]time.Duration{"": leastWatch, "disk /dev/disk/by-id/x\n": leastWatch, "disk /dev/disk/by-id/x every=10s dead=30s\n": 20 * time.Second} {
		cfg, problems := config.Parse("f", good+every)
		if cfg == nil {
			t.Fatal(problems)
		}
		if got := watchOf(cfg); got != want {
			t.Errorf("%q: %s, want %s", every, got, want)
		}
	}
}
