package simulate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	seeds  = flag.Int("seeds", 200, "how many random histories to play")
	first  = flag.Uint64("seed", 1, "the first seed")
	many   = flag.Bool("many", false, "with many services: weights, capacities, limits, instances")
	large  = flag.Bool("large", false, "with 16 to 64 nodes instead of 2 to 5")
	share  = flag.Bool("shared", false, "with a path on which a beat goes out once, to all")
	sick   = flag.Bool("unwell", false, "with nodes that pass limits of their file")
	once   = flag.Bool("first", false, "end with the first seed that fails")
	shrink = flag.Bool("shrink", false, "write the shortest scenario that still fails, for the first seed that does")
)

// Each seed is a history of disasters (Draw). None may break what must never be broken, and in the end all has to run.
//
//	go test ./simulate -run Random -seed 4711 -seeds 1 -shrink
func TestRandomDisasters(t *testing.T) {
	playFrom(t, *first, count(*seeds), *share)
}

// The same disasters where a beat goes out once, to all, and where that sometimes fails.
func TestRandomDisastersOnASharedPath(t *testing.T) {
	playFrom(t, *first, count(*seeds/2), true)
}

// count is how many histories are played: of a short run 50.
func count(asked int) int {
	if testing.Short() {
		return min(asked, 50)
	}
	return asked
}

// In CI some histories are played that nobody has played before. A seed that fails is one to be mended; it is printed.
func TestDisastersNeverPlayedBefore(t *testing.T) {
	if os.Getenv("CI") == "" {
		t.Skip("CI plays it: go test ./simulate -run Random -seed N -seeds 100 does the same with a seed of your own")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seeds %d to %d", seed, seed+99)
	playFrom(t, seed, 100, *share)
}

// The same with nodes that pass limits of their file; here a few, with -unwell as many as one likes.
func TestDisastersOfUnwellNodes(t *testing.T) {
	passed := 0
	for seed := range uint64(30) {
		passed += strings.Count(playScript(t, seed, DrawUnwell(seed), "-unwell"), "is past a limit")
	}
	if passed < 30 {
		t.Errorf("only %d limits were passed", passed)
	}
}

// The same with many services, whose placement hangs together.
func TestDisastersOfManyServices(t *testing.T) {
	for seed := range uint64(count(60)) {
		playScript(t, seed, DrawMany(seed), "-many")
	}
}

func playFrom(t *testing.T, first uint64, seeds int, shared bool) {
	next := make(chan uint64)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for seed := range next {
				play(t, seed, shared)
			}
		})
	}
	for seed := first; seed < first+uint64(seeds) && !(*once && t.Failed()); seed++ {
		next <- seed
	}
	close(next)
	wait.Wait()
}

func play(t *testing.T, seed uint64, shared bool) {
	s := Draw(seed)
	if *many {
		s = DrawMany(seed)
	}
	if *large {
		s = DrawLarge(seed)
	}
	if *sick {
		s = DrawUnwell(seed)
	}
	if shared {
		s = Share(s, seed)
	}
	playScript(t, seed, s, fmt.Sprintf("-large=%t -many=%t -shared=%t -unwell=%t", *large, *many, shared, *sick))
}

// playScript plays a seed's script, which options of the test make, and gives the transcript.
func playScript(t *testing.T, seed uint64, s Script, options string) string {
	transcript, failures := s.Play()
	if len(failures) == 0 {
		return transcript
	}
	if *shrink {
		s = Shrink(s)
		transcript, _ = s.Play()
	}
	file := filepath.Join(os.TempDir(), fmt.Sprintf("seed-%d.txt", seed))
	if err := os.WriteFile(file, []byte(transcript), 0o600); err != nil {
		t.Error(err)
	}
	t.Errorf("seed %d: %s\n  the transcript is in %s; shorter: go test ./simulate -run Random -seed %d -seeds 1 -shrink %s",
		seed, strings.Join(failures, "; "), file, seed, options)
	return transcript
}
