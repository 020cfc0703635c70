package simulate

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var keySeed = flag.Uint64("key-seed", 0, "the first of them")

var keySeeds = flag.Int("key-seeds", 60, "how many histories have the key replaced among disasters")

// The key is replaced step by step while cables are cut, machines die, disks are lost and processes end. Whatever step is
// reached in the end, and with whatever nodes away meanwhile: once all is healed, and an operator has brought the present key
// where it is missed, every node is a member, the rest of the steps can be done, and the disk can break a tie.
//
//	go test ./simulate -run KeyIsReplacedAmong -key-seeds 5000 -timeout 60m
func TestTheKeyIsReplacedAmongDisasters(t *testing.T) {
	t.Parallel()
	reached := map[string]int{}
	for seed := *keySeed; seed < *keySeed+uint64(*keySeeds); seed++ {
		s := rotation(seed)
		transcript, failures := s.Play()
		for _, f := range failures {
			t.Errorf("seed %d: %s", seed, f)
		}
		if len(failures) > 0 {
			t.Log(tail(transcript, 400))
			return
		}
		for _, what := range []string{"both keys are accepted from now on", "and the quorum disk is sealed anew", "the other key is accepted no more", "is sealed with a key that is not ours", "an operator brings the file", "is not sealed anew yet", "is away, and what it wrote"} {
			if strings.Contains(transcript, what) {
				reached[what]++
			}
		}
	}
	t.Log(reached)
}

// rotation draws one history.
func rotation(seed uint64) Script {
	r := rand.New(rand.NewPCG(seed, 24))
	names := []string{"alpha", "beta", "gamma"}[:2+r.IntN(2)]
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	var b strings.Builder
	b.WriteString("cluster t\nkey /k1\nwatchdog /dev/watchdog timeout=4s\npath udp lan")
	for i, n := range names {
		fmt.Fprintf(&b, " %s=192.0.2.%d", n, i+1)
	}
	for i, n := range names {
		fmt.Fprintf(&b, "\nnode %d %s", i+1, n)
	}
	for i := range 1 + 2*r.IntN(2) {
		fmt.Fprintf(&b, "\ndisk /dev/quorum%d", i+1)
	}
	fmt.Fprintf(&b, "\ntiebreak disk\nservice web nodes=%s\nresource web unit nginx.service\n", strings.Join(names, ","))
	all := strings.Join(names, " ")
	s := Script{Config: b.String(), Commands: []string{fmt.Sprint("seed ", seed), "boot " + all, "run 8s"}}
	say := func(format string, args ...any) { s.Commands = append(s.Commands, fmt.Sprintf(format, args...)) }
	steps := []string{"-key /k1 ; +key /k1 next=/k2", "-key /k1 next=/k2 ; +key /k2 previous=/k1", "-key /k2 previous=/k1 ; +key /k2"}
	back := []string{"-key /k2 previous=/k1 ; +key /k1 next=/k2", "-key /k1 next=/k2 ; +key /k1"}
	for range 10 + r.IntN(20) {
		switch r.IntN(3) {
		case 0:
			n := one(names...)
			say("%s", one("cut "+names[0]+" "+names[1], "heal", "kill "+n, "boot "+n, "boot "+all, "boot "+all, "bounce-heart "+n, "kill-engine "+n, "lose-disk "+n, "hang-disk "+n,
				"find-disk "+all, "find-disk "+all, "leave "+n, "start-heart "+all, "pause "+n, "resume "+all))
		default:
			say("apply %s %s", one(names...), one(append(append(steps, steps...), back...)...))
		}
		say("run %dms", 1<<r.IntN(14))
	}
	say("heal")
	say("resume %s", all)
	say("find-disk %s", all)
	say("boot %s", all)
	say("run 20s") // what is leaving leaves
	say("start-heart %s", all)
	say("run 30s")
	say("mend-keys now")
	say("run 60s")
	for range 2 {
		for _, step := range steps {
			say("apply alpha %s", step)
			say("run 30s")
		}
	}
	for _, n := range names {
		say("expect quorate %s", n)
		say("expect file %s key /k2", n)
	}
	say("expect once web")
	return s
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
