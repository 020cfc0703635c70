package quorumdisk

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var (
	exhaust   = flag.Bool("exhaust", false, "search the large scopes of the tie-break too (minutes, gigabytes)")
	walkCount = flag.Int("tie-walks", 5000, "how many random ways to take in each scope that is too large to be searched")
	most      = flag.Int("exhaust-states", 40e6, "give a scope up, as failed, at so many states")
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
	{contenders: 2, disks: 3, rounds: 1, instances: 1, replace: true, coarse: true},
}

// Of a scope that is too large to be searched whole, random ways are taken.
var walks = []rules{
	{contenders: 2, disks: 3, rounds: 2, instances: 1, replace: true},
	{contenders: 2, disks: 3, rounds: 4, instances: 2, crashes: 2, fails: 2, proofs: 1, replace: true},
	{contenders: 3, disks: 3, rounds: 4, instances: 2, crashes: 2, fails: 3, proofs: 2, replace: true},
}

func TestNoRandomWayBreaksAgreement(t *testing.T) {
	for _, r := range walks {
		t.Run(r.String(), func(t *testing.T) {
			for n := range uint64(*walkCount) {
				takeWalk(t, &r, n)
			}
		})
	}
}

// takeWalk takes one random way. Each pair of node and disk has a speed of its own, which changes now and then: where everything is as fast
// as everything else, little of what is rare happens.
func takeWalk(t *testing.T, r *rules, n uint64) {
	chance := rand.New(rand.NewPCG(*tieSeed, n))
	w, s, speed := newWorld(r), search{}, map[[2]int]int{}
	for range 400 {
		ways := w.ways()
		if len(ways) == 0 || w.beyond() {
			return
		}
		if chance.IntN(30) == 0 {
			clear(speed)
		}
		next := pick(chance, speed, ways)
		next.do(&w)
		s.path = append(s.path, next)
		if what := w.wrong(); what != "" {
			t.Fatalf("walk %d: %s\n%s", n, what, s.story())
		}
	}
}

func pick(chance *rand.Rand, speed map[[2]int]int, ways []way) way {
	var sums []int
	sum := 0
	for _, w := range ways {
		v := speed[w.who()]
		if v == 0 {
			v = []int{1, 1, 100, 1000}[chance.IntN(4)]
			speed[w.who()] = v
		}
		sum += v
		sums = append(sums, sum)
	}
	i, _ := slices.BinarySearch(sums, chance.IntN(sum)+1)
	return ways[i]
}

// who is the node and the disk of a way, as far as it is of any.
func (w way) who() (who [2]int) {
	for i, a := range w.args[:min(2, len(w.args))] {
		if v, ok := a.(int); ok {
			who[i] = v + 1
		}
	}
	return who
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
