package quorumdisk

import (
	"flag"
	"testing"
	"time"
)

var (
	exhaust = flag.Bool("exhaust", false, "search the large scopes of the tie-break too (minutes, gigabytes)")
	most    = flag.Int("exhaust-states", 40e6, "give a scope up, as failed, at so many states")
)

// scopes are searched whole: every order in which reads and writes can take effect, crashes with what was under way written
// or not, failed operations that were done or not, acknowledged ones that were not.
var scopes = []rules{
	{contenders: 2, disks: 1, rounds: 3, instances: 1, crashes: 2, fails: 2},
	{contenders: 2, disks: 1, rounds: 2, instances: 3, crashes: 1, fails: 1, proofs: 2},
	{contenders: 3, disks: 1, rounds: 2, instances: 1, crashes: 1},
	{contenders: 3, disks: 1, rounds: 2, instances: 2, proofs: 2},
	{contenders: 2, disks: 3, rounds: 2, instances: 1},
	{contenders: 2, disks: 3, rounds: 1, instances: 2, proofs: 1},
	{contenders: 2, disks: 3, rounds: 1, instances: 1, crashes: 1},
}

var largeScopes = []rules{
	{contenders: 3, disks: 1, rounds: 2, instances: 1, crashes: 1, fails: 2},
	{contenders: 3, disks: 1, rounds: 2, instances: 3, crashes: 1, proofs: 2},
	{contenders: 2, disks: 3, rounds: 2, instances: 1, fails: 1},
	{contenders: 2, disks: 3, rounds: 2, instances: 1, crashes: 1},
	{contenders: 2, disks: 3, rounds: 2, instances: 2, proofs: 1},
	{contenders: 3, disks: 3, rounds: 1, instances: 1},
}

func TestNoInterleavingBreaksAgreement(t *testing.T) {
	list := scopes
	if *exhaust {
		list = append(list, largeScopes...)
	}
	for _, r := range list {
		t.Run(r.String(), func(t *testing.T) {
			began := time.Now()
			s := search{seen: map[uint64]struct{}{}, most: *most}
			w := newWorld(&r)
			s.from(t, &w)
			t.Logf("%d states, %d ways between them, %d beyond the scope, %s", len(s.seen), s.ways, s.beyond, time.Since(began).Round(time.Millisecond))
			if len(s.seen) >= *most {
				t.Error("given up: the scope is larger than -exhaust-states")
			}
		})
	}
}
