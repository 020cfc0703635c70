package simulate

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var (
	seeds = flag.Int("seeds", 200, "how many random histories to play")
	first = flag.Uint64("seed", 1, "the first seed")
)

// randomScript makes a history of disasters: each seed draws which kinds exist at all, then which happens when.
func randomScript(seed uint64) Script {
	rnd := rand.New(rand.NewPCG(seed, 7))
	names := []string{"alpha", "beta", "gamma"}[:2+rnd.IntN(2)]
	s := Script{Config: randomConfig(rnd, names)}
	s.Commands = append(s.Commands, "boot "+strings.Join(names, " "), "run 4s")
	node := func() string { return names[rnd.IntN(len(names))] }
	kinds := []func() string{
		func() string { return "kill " + node() },
		func() string { return "boot " + node() },
		func() string { return "cut " + node() + " " + node() },
		func() string { return "cut-one-way " + node() + " " + node() },
		func() string { return "heal" },
		func() string { return "kill-engine " + node() },
		func() string { return "bounce-heart " + node() },
		func() string { return "pause " + node() },
		func() string { return "resume " + node() },
		func() string {
			return "switch " + node() + " " + []string{"ok", "fail", "hang", "ignore", "late"}[rnd.IntN(5)]
		},
		func() string {
			return "manner " + node() + " web/1 " + []string{"start", "stop"}[rnd.IntN(2)] + " " + []string{"ok", "ok", "fail", "hang"}[rnd.IntN(4)]
		},
		func() string { return "fail " + node() + " web/1" },
		func() string {
			return "ask " + node() + " " + []string{"move web", "stop web", "start web", "restart web", "standby alpha", "online alpha", "clear web", "maintenance on", "maintenance off"}[rnd.IntN(9)]
		},
		func() string { return "stop-engine " + node() },
		func() string { return "cont-engine " + node() },
		func() string { return []string{"read-only ", "writable "}[rnd.IntN(2)] + node() },
	}
	var drawn []func() string
	for _, k := range kinds {
		if rnd.IntN(2) == 0 {
			drawn = append(drawn, k)
		}
	}
	for range 20 {
		if len(drawn) > 0 {
			s.Commands = append(s.Commands, drawn[rnd.IntN(len(drawn))]())
		}
		s.Commands = append(s.Commands, fmt.Sprintf("run %dms", 1<<rnd.IntN(13)))
	}
	// All faults are healed, an operator says what only he can know: within bounded time the service has to run, once.
	s.Commands = append(s.Commands, "heal")
	for _, n := range names {
		s.Commands = append(s.Commands, "switch "+n+" ok", "manner "+n+" web/1 start ok", "manner "+n+" web/1 stop ok",
			"writable "+n, "resume "+n, "boot "+n)
	}
	s.Commands = append(s.Commands, "run 60s")
	for _, n := range names {
		s.Commands = append(s.Commands, "boot "+n)
	}
	s.Commands = append(s.Commands, "run 60s", "ask beta clear web", "run 5s", "ask beta maintenance off", "run 5s", "ask beta online alpha",
		"run 5s", "ask beta start web", "run 30s")
	for _, n := range names {
		s.Commands = append(s.Commands, "boot "+n)
	}
	s.Commands = append(s.Commands, "run 60s", "expect once web")
	return s
}

func randomConfig(rnd *rand.Rand, names []string) string {
	var b strings.Builder
	b.WriteString("cluster t\nkey /k\nbeat every=100ms dead=1s\n")
	path := "path udp lan"
	for i, n := range names {
		fmt.Fprintf(&b, "node %d %s\n", i+1, n)
		path += fmt.Sprintf(" %s=192.0.2.%d", n, i+1)
	}
	b.WriteString(path + "\ntiebreak fence delay=3s\n")
	for _, n := range names {
		fmt.Fprintf(&b, "fence %s pdu type=http url-off=http://192.0.2.9/off url-status=http://192.0.2.9/s timeout=1s\n", n)
	}
	fmt.Fprintf(&b, "service web nodes=%s failback=%s\n", strings.Join(names, ","), []string{"yes", "no"}[rnd.IntN(2)])
	b.WriteString("resource web vip 192.0.2.100/24\nresource web unit nginx.service start=5s stop=5s\n")
	return b.String()
}

func TestRandomDisasters(t *testing.T) {
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		s := randomScript(seed)
		transcript, failures := s.Play()
		if len(failures) > 0 {
			file := fmt.Sprintf("%s/seed-%d.txt", os.TempDir(), seed)
			_ = os.WriteFile(file, []byte(transcript), 0o600)
			t.Errorf("seed %d: %s\n  the transcript is in %s", seed, strings.Join(failures, "; "), file)
		}
	}
}
