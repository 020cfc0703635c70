package cluster

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

const limitFile = `cluster t
key /k
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
tiebreak unsafe
service web nodes=alpha,beta stateless=yes
resource web vip 192.0.2.100/24
`

// limited is an engine of alpha that has begun, with these limit lines.
func limited(t *testing.T, lines string) *Engine {
	t.Helper()
	cfg, problems := config.Parse("f", limitFile+lines)
	if cfg == nil {
		t.Fatal(problems)
	}
	e := New(cfg, 1)
	e.Step(1, Started{Welcome: wire.Welcome{Incarnation: 1}})
	return e
}

func known(value int64) Reading { return Reading{Known: true, Value: value} }

func TestSidesOfALimit(t *testing.T) {
	e := limited(t, "limit load=8 memory=512M link=eth1\n")
	load, memory, link := &e.cfg.Limits[0], &e.cfg.Limits[1], &e.cfg.Limits[2]
	for _, tc := range []struct {
		limit *config.Limit
		r     Reading
		want  Side
	}{
		{load, Reading{}, SideUnknown}, {load, Reading{Value: 900}, SideUnknown},
		{load, known(801), SideOver}, {load, known(800), SideBetween}, {load, known(720), SideBetween}, {load, known(719), SideWell}, {load, known(0), SideWell},
		{memory, known(512<<20 - 1), SideOver}, {memory, known(512 << 20), SideBetween}, {memory, known(563 << 20), SideBetween}, {memory, known(564 << 20), SideWell},
		{memory, known(1 << 62), SideWell}, {memory, known(0), SideOver},
		{link, known(0), SideOver}, {link, known(1), SideWell},
	} {
		if got := sideOf(tc.limit, tc.r); got != tc.want {
			t.Errorf("%s at %+v: %s, want %s", tc.limit.Name(), tc.r, got, tc.want)
		}
	}
}

// The judge looks at the whole past, which no gauge keeps: a limit is passed if there is a time of its length, up to now, in which
// every reading was over, and none was awaited for longer than half of it.
type limitJudge struct {
	at    []wire.Instant
	sides []Side
	past  bool
}

func (j *limitJudge) look(now wire.Instant, length time.Duration) {
	want := SideOver
	if j.past {
		want = SideWell
	}
	next := now
	for i := len(j.at) - 1; i >= 0 && j.sides[i] == want && next-j.at[i] <= wire.Instant(length/2); i-- {
		if next = j.at[i]; now-next >= wire.Instant(length) {
			j.past = !j.past
			return
		}
	}
}

func TestALimitIsPassedAndClearAsAJudgeOfTheWholePastSays(t *testing.T) {
	const length = 10 * time.Second
	turns := 0
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		e, j := limited(t, "limit load=8 for=10s\n"), limitJudge{}
		now, reading := wire.Instant(time.Minute), known(0)
		for range 400 {
			now += wire.Instant(time.Duration(rnd.IntN(2000)) * time.Millisecond)
			if rnd.IntN(100) == 0 {
				now += wire.Instant(6 * time.Second) // the machine was too busy to sample
			}
			if rnd.IntN(8) == 0 {
				reading = []Reading{known(900), known(900), known(900), known(780), known(100), known(100), known(100), {}}[rnd.IntN(8)]
			}
			before := e.ailing(1)
			if rnd.IntN(4) == 0 {
				e.Step(now, Tick{})
			} else {
				e.Step(now, Sampled{Limits: []Reading{reading}})
				j.at, j.sides = append(j.at, now), append(j.sides, sideOf(&e.cfg.Limits[0], reading))
			}
			j.look(now, length)
			if got := e.ailing(1) != ""; got != j.past {
				t.Fatalf("seed %d at %s: past is %t, the judge says %t", seed, time.Duration(now), got, j.past)
			}
			if before != e.ailing(1) {
				turns++
			}
		}
	}
	if turns < 1000 {
		t.Errorf("only %d turns were seen", turns)
	}
}

// An engine asks to be called when a run will have lasted: no sample has to come just then.
func TestAnEngineWakesWhenALimitIsPassed(t *testing.T) {
	e := limited(t, "limit load=8 for=10s\n")
	begin := wire.Instant(time.Minute)
	for i := range 3 {
		e.Step(begin+wire.Instant(i)*wire.Instant(4*time.Second), Sampled{Limits: []Reading{known(900)}})
	}
	if want := begin + wire.Instant(10*time.Second); e.wake != want {
		t.Fatalf("it wakes at %s, want %s", time.Duration(e.wake), time.Duration(want))
	}
	e.Step(e.wake, Tick{})
	if got := e.ailing(1); got != "load 9, limit 8, for 10s" {
		t.Errorf("ailing: %q", got)
	}
}

func TestWhatANodeIsPastIsKeptForItsBootAlone(t *testing.T) {
	e := limited(t, "limit load=8 for=10s\nlimit memory=512M\n")
	boot := wire.ID{1}
	for _, tc := range []struct {
		boot wire.ID
		past []PastLimit
		want string
	}{
		{boot, []PastLimit{{"load=8 for=10s", "load 9"}, {"memory=512M for=30s", "memory 1M"}}, "load 9; memory 1M"},
		{boot, []PastLimit{{"load=9 for=10s", "load 9.5"}}, ""}, // a limit that the file has no more
		{wire.ID{2}, []PastLimit{{"load=8 for=10s", "load 9"}}, ""},
	} {
		n := New(e.cfg, 1)
		n.Step(1, Started{Welcome: wire.Welcome{Incarnation: 1, Boot: boot}, Durable: Durable{Past: tc.past, PastBoot: tc.boot}})
		if got := n.ailing(1); got != tc.want {
			t.Errorf("after %v: %q, want %q", tc.past, got, tc.want)
		}
		if got := n.desired().Past; (tc.want == "") != (got == nil) || tc.want != "" && !slices.Equal(got, tc.past) {
			t.Errorf("it keeps %v", got)
		}
	}
}

func TestHowOftenANodeSamples(t *testing.T) {
	e := limited(t, "limit beta load=8 for=2s\nlimit alpha memory=512M\n")
	if a, b, none := SampleEvery(e.cfg.Limits, 1), SampleEvery(e.cfg.Limits, 2), SampleEvery(nil, 1); a != time.Second || b != 400*time.Millisecond || none != 10*time.Second {
		t.Errorf("%s, %s, %s", a, b, none)
	}
}

// A leader that hears vitals change all the time passes them on seldom, and a limit that is passed at once.
func TestVitalsArePassedOnSeldomAndAilmentsAtOnce(t *testing.T) {
	e := limited(t, "limit load=8 for=10s\n")
	e.view, e.promised = View{Epoch: 1, Members: wire.SetOf(1, 2), Leader: 1}, 1
	var sent []string
	now := wire.Instant(time.Minute)
	say := func(h Health) {
		e.out, e.now = nil, now
		e.noteHealth(2, 1, h)
		e.relayHealth()
		for _, a := range e.out {
			w := a.(Send).Body.Health
			sent = append(sent, fmt.Sprint(time.Duration(now), " ", w.Nodes[0].Ailing, w.Nodes[0].Vitals.Load))
		}
	}
	for i := range 300 {
		now += wire.Instant(100 * time.Millisecond)
		h := Health{Vitals: Vitals{Known: true, Load: int64(1000 * (1 + i%2))}}
		if i > 255 {
			h.Ailing = []string{"x"}
		}
		say(h)
	}
	if got := strings.Join(sent, "; "); got != "1m0.2s [] 2000; 1m10.3s [] 1000; 1m20.4s [] 2000; 1m25.8s [x] 2000" {
		t.Error(got)
	}
}
