package quorumdisk

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"locum/wire"
)

var (
	tieSeed  = flag.Uint64("tie-seed", 1, "the first random tie")
	tieSeeds = flag.Uint64("tie-seeds", 1000, "how many random ties")
)

// chance is a tie-break played through time: disks with a latency of their own each time, that fail, lose writes, hang, and
// nodes that crash. After its horizon everything is well, and then everything has to come to an end.
type chance struct {
	*rand.Rand
	now     wire.Instant
	tie     []Tie
	life    []wire.Incarnation
	up      []bool
	disks   [][]Claim
	queue   []happening
	decided map[uint64]Winner
	story   []string
}

type happening struct {
	at   wire.Instant
	what func() error
}

const (
	horizon = wire.Instant(3 * time.Second)
	theEnd  = horizon + wire.Instant(time.Minute)
)

func TestRandomTies(t *testing.T) {
	wins := 0
	for seed := *tieSeed; seed < *tieSeed+*tieSeeds; seed++ {
		c := newChance(seed)
		if err := c.run(); err != nil {
			for _, line := range c.story {
				t.Log(line)
			}
			t.Fatalf("-tie-seed %d: %d nodes, %d disks: %v", seed, len(c.tie), len(c.disks), err)
		}
		wins += len(c.decided)
	}
	t.Logf("%d ties, %d instances decided", *tieSeeds, wins)
}

func newChance(seed uint64) *chance {
	c := &chance{Rand: rand.New(rand.NewPCG(seed, 0)), decided: map[uint64]Winner{}}
	nodes := 2 + c.IntN(3)
	if c.IntN(50) == 0 {
		nodes = 2 + c.IntN(wire.MaxNodes-1)
	}
	for range 1 + 2*c.IntN(2) {
		c.disks = append(c.disks, make([]Claim, nodes))
	}
	c.tie, c.life, c.up = make([]Tie, nodes), make([]wire.Incarnation, nodes), make([]bool, nodes)
	for i := range nodes {
		c.later(c.between(0, 20*time.Millisecond), func() error { return c.start(i) })
		for range c.IntN(3) {
			c.later(c.between(0, time.Duration(horizon)), func() error { return c.crash(i) })
		}
	}
	return c
}

func (c *chance) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.Int64N(int64(most-least)))
}

func (c *chance) later(after time.Duration, what func() error) {
	c.queue = append(c.queue, happening{c.now + wire.Instant(after), what})
}

func (c *chance) run() error {
	for len(c.queue) > 0 && c.now < theEnd {
		slices.SortStableFunc(c.queue, func(a, b happening) int { return cmp.Compare(a.at, b.at) })
		next := c.queue[0]
		c.queue, c.now = c.queue[1:], next.at
		if err := next.what(); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return err
		}
	}
	return c.ended()
}

func (c *chance) start(i int) error {
	c.life[i]++
	c.up[i] = true
	c.tie[i] = NewTie(TieSettings{wire.Node(i + 1), c.life[i], len(c.disks), 50 * time.Millisecond, 40 * time.Millisecond})
	c.step(i, Tick{})
	c.later(c.between(0, 10*time.Millisecond), func() error { return c.claim(i, c.life[i]) })
	return nil
}

// claim claims, and again from time to time, with the proofs that there are then.
func (c *chance) claim(i int, life wire.Incarnation) error {
	if !c.up[i] || c.life[i] != life {
		return nil
	}
	w := Want{Epoch: wire.Epoch(life), Side: wire.SetOf(wire.Node(i + 1)), Rank: i, Judged: c.tie[i].last.Instance}
	for n := range c.tie {
		w.Gone[n] = c.life[n]
		if c.up[n] {
			w.Gone[n]--
		}
	}
	c.step(i, Claimed{w})
	c.later(500*time.Millisecond, func() error { return c.claim(i, life) })
	return nil
}

func (c *chance) crash(i int) error {
	if c.up[i] && c.now < horizon {
		c.up[i] = false
		c.story = append(c.story, fmt.Sprintf("%v: %d crashes", time.Duration(c.now), i+1))
		c.later(c.between(0, time.Second), func() error { return c.start(i) })
	}
	return nil
}

func (c *chance) step(i int, ev TieEvent) {
	t := &c.tie[i]
	for _, a := range t.Step(c.now, ev) {
		c.begin(i, c.life[i], a)
	}
	if at := t.Wake(); at != 0 {
		life := c.life[i]
		c.later(time.Duration(max(at-c.now, 0)), func() error {
			if c.up[i] && c.life[i] == life && t.Wake() != 0 && t.Wake() <= c.now {
				c.step(i, Tick{})
			}
			return nil
		})
	}
}

// begin carries an operation out, in time; what a node has begun may still be done after it crashed.
func (c *chance) begin(i int, life wire.Incarnation, a TieAction) {
	latency, well := c.between(time.Millisecond, 10*time.Millisecond), true
	if c.now < horizon {
		well = c.IntN(10) != 0
		if c.IntN(10) == 0 {
			latency = c.between(0, time.Second) // it hangs
		}
	}
	done := well || c.IntN(2) == 0
	c.later(latency, func() error {
		alive := c.up[i] && c.life[i] == life
		if a.Write && done && (alive || c.life[i] == life) {
			c.disks[a.Disk][i] = a.Claim
			c.story = append(c.story, fmt.Sprintf("%v: %d (life %d) writes %v to disk %d, said: %t", time.Duration(c.now), i+1, life, a.Claim, a.Disk, well))
		}
		switch {
		case !alive:
		case !well && (!a.Write || done || c.IntN(2) == 0):
			c.step(i, Failed{a.Disk, a.Op})
		case a.Write:
			c.step(i, WriteDone{a.Disk, a.Op})
		default:
			c.step(i, ReadDone{a.Disk, a.Op, slices.Clone(c.disks[a.Disk]), 1})
		}
		return nil
	})
}

func (c *chance) check() error {
	won := -1
	for i := range c.tie {
		if !c.up[i] {
			continue
		}
		o := c.tie[i].Outcome()
		if said, known := c.decided[o.Last.Instance]; known && said != o.Last.Winner {
			return fmt.Errorf("instance %d: %v and %v", o.Last.Instance, said, o.Last.Winner)
		}
		if o.Last.Instance > 0 {
			c.decided[o.Last.Instance] = o.Last.Winner
		}
		if o.Verdict == Won && (o.AsOf > c.now || o.CompleteAt > c.now || o.Last.Winner.Node != wire.Node(i+1)) {
			return fmt.Errorf("node %d has won by %+v", i+1, o)
		}
		if o.Verdict == Won && won >= 0 && c.tie[won].Outcome().Last.Instance == o.Last.Instance {
			return fmt.Errorf("nodes %d and %d have both won", won+1, i+1)
		}
		if o.Verdict == Won {
			won = i
		}
	}
	return nil
}

// ended tells whether all came to an end: one has won, and all others know.
func (c *chance) ended() error {
	won := 0
	for i := range c.tie {
		switch o := c.tie[i].Outcome(); {
		case o.Verdict == Open:
			return fmt.Errorf("node %d never came to an end: %+v", i+1, c.tie[i])
		case o.Verdict == Won:
			won++
		}
	}
	if won != 1 {
		return fmt.Errorf("%d have won", won)
	}
	return nil
}
