package simulate

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"locum/config"
)

var outcomes = flag.String("outcomes", "", "write to this file what each of -seeds histories comes to where nothing is healed in the end")

// What a history comes to when nobody heals anything shows what a rule costs: compare.sh plays the same histories by two versions, and lists in which of them only one still serves.
//
//	simulate/compare.sh REVISION 1 2000 -votes
//	go test ./simulate -run Come -votes -seed 278 -seeds 1 -outcomes /dev/null -v    # one of them, told
func TestWhatHistoriesComeTo(t *testing.T) {
	if *outcomes == "" {
		t.Skip("it is for comparing two versions: simulate/compare.sh")
	}
	lines := make([]string, *seeds)
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				seed := *first + uint64(i)
				came, transcript := outcome(drawn(seed))
				lines[i] = fmt.Sprintf("%d %s\n", seed, came)
				if *seeds == 1 {
					t.Log(transcript)
				}
			}
		})
	}
	for i := range lines {
		next <- i
	}
	close(next)
	wait.Wait()
	if err := os.WriteFile(*outcomes, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// outcome is what of a history's services runs two minutes after the last thing that happened, or what went wrong.
func outcome(s Script) (came, transcript string) {
	if end := slices.Index(s.Commands, healed); end >= 0 {
		s.Commands = slices.Clone(s.Commands[:end])
	}
	s.Commands = append(s.Commands, "run 120s", "expect once nothing") // which fails, and so has each node tell what it knows
	w, transcript, _ := s.play()
	if len(w.Broken) > 0 {
		return "BROKEN " + strings.Join(w.Broken, "; "), transcript
	}
	running := 0
	for _, service := range servicesOf(s.Config) {
		if len(w.Owners(service)) > 0 {
			running++
		}
	}
	return fmt.Sprint(running), transcript
}

func servicesOf(text string) (names []string) {
	if cfg, _ := config.Parse("drawn", text); cfg != nil {
		for i := range cfg.Services {
			names = append(names, cfg.Services[i].Name)
		}
	}
	return names
}
