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

	"locum/config"
)

var (
	seeds  = flag.Int("seeds", 200, "how many random histories to play")
	first  = flag.Uint64("seed", 1, "the first seed")
	many   = flag.Bool("many", false, "with many services: weights, capacities, limits, instances")
	large  = flag.Bool("large", false, "with 16 to 64 nodes instead of 2 to 5")
	share  = flag.Bool("shared", false, "with a path on which a beat goes out once, to all")
	sick   = flag.Bool("unwell", false, "with nodes that pass limits of their file")
	disks  = flag.Bool("disks", false, "play only seeds whose cluster has quorum disks, as many of them as -seeds says")
	once   = flag.Bool("first", false, "end with the first seed that fails")
	files  = flag.Bool("files", false, "with new files in the middle of disasters")
	halves = flag.Bool("halves", false, "with four or six nodes that part in halves, one after the other")
	votes  = flag.Bool("votes", false, "with votes that are freed and come back, and quorum disks that are lost and won by turns")
	near   = flag.Bool("near", false, "near the scenarios of package cluster")
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

// The same with new files in the middle of them.
func TestDisastersOfNewFiles(t *testing.T) {
	for seed := range uint64(count(60)) {
		playScript(t, seed, DrawFiles(seed), "-files")
	}
}

// The same with votes that are freed and come back.
func TestDisastersOfVotes(t *testing.T) {
	for seed := range uint64(count(60)) {
		playScript(t, seed, DrawVotes(seed), "-votes")
	}
}

// The same near the scenarios of package cluster.
func TestDisastersNearScenarios(t *testing.T) {
	for seed := range uint64(count(150)) {
		playScript(t, seed, DrawNear(seed, scenarios()), "-near")
	}
}

// The same with four or six nodes that part in halves.
func TestDisastersOfHalves(t *testing.T) {
	for seed := range uint64(count(60)) {
		playScript(t, seed, DrawHalves(seed), "-halves")
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
	seed := first
	for played := 0; played < seeds && !(*once && t.Failed()); seed++ {
		if seed > first+100*uint64(seeds) {
			t.Fatalf("of %d seeds only %d have quorum disks", seed-first, played)
		}
		if *disks && !drawn(seed).HasDisks() {
			continue
		}
		played++
		next <- seed
	}
	close(next)
	wait.Wait()
	t.Logf("seeds %d to %d", first, seed-1)
}

// drawn is the history of a seed.
func drawn(seed uint64) Script {
	switch {
	case *sick:
		return DrawUnwell(seed)
	case *large:
		return DrawLarge(seed)
	case *many:
		return DrawMany(seed)
	case *halves:
		return DrawHalves(seed)
	case *files:
		return DrawFiles(seed)
	case *votes:
		return DrawVotes(seed)
	case *near:
		return DrawNear(seed, scenarios())
	}
	return Draw(seed)
}

// scenarios are those of package cluster, in the order of their names.
var scenarios = sync.OnceValue(func() (list []Script) {
	names, _ := filepath.Glob("../cluster/testdata/*.txt")
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		s, err := ParseScript(string(text))
		if err != nil {
			panic(name + ": " + err.Error())
		}
		list = append(list, s)
	}
	return list
})

// Of the seeds, two in five draw a cluster with quorum disks.
func TestHistoriesWithDisksAreTold(t *testing.T) {
	with, splits := 0, 0
	for seed := range uint64(1000) {
		s := Draw(seed)
		cfg, _ := config.Parse("drawn", s.Config)
		if cfg == nil || s.HasDisks() != (len(cfg.Disks) > 0) {
			t.Fatalf("seed %d: HasDisks says %t:\n%s", seed, s.HasDisks(), s.Config)
		}
		if s.HasDisks() {
			with++
		}
		if s.HasDisks() && strings.Count(strings.Join(s.Commands, "\n"), "-disk ") > 3 {
			splits++
		}
	}
	if with < 300 || with > 500 {
		t.Errorf("%d of 1000 histories have disks", with)
	}
	t.Logf("of 1000 histories %d have disks, %d have much trouble with them", with, splits)
}

func play(t *testing.T, seed uint64, shared bool) {
	s := drawn(seed)
	if shared {
		s = Share(s, seed)
	}
	playScript(t, seed, s, strings.Join(kind(shared), " "))
}

// kind are the options that make the same kind of history of a seed.
func kind(shared bool) []string {
	return strings.Fields(fmt.Sprintf("-large=%t -many=%t -files=%t -halves=%t -votes=%t -shared=%t -unwell=%t -near=%t", *large, *many, *files, *halves, *votes, shared, *sick, *near))
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
