package quorumdisk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"locum/wire"
)

// Measure is what "locum disk test" finds out about one disk.
type Measure struct {
	Path    string      `json:"path"`
	Rounds  int         `json:"rounds"` // each a write and a read
	Writes  Percentiles `json:"write"`
	Reads   Percentiles `json:"read"`
	Others  []Seen      `json:"others"` // other nodes that ran the same test meanwhile
	OK      bool        `json:"ok"`
	Verdict string      `json:"verdict"`
}

// Percentiles are latencies in microseconds.
type Percentiles struct {
	P50 int64 `json:"p50_us"`
	P90 int64 `json:"p90_us"`
	P99 int64 `json:"p99_us"`
	Max int64 `json:"max_us"`
}

// Seen is what was found of another node's test.
type Seen struct {
	Node wire.Node `json:"node"`
	Rose int       `json:"rose"` // how often a read showed a greater count than the one before
}

// MeasureOptions say what to test, and by what to judge it.
type MeasureOptions struct {
	Path    string
	Seals   Seals
	Self    wire.Node
	Run     uint64        // at random: names this test
	Every   time.Duration // of the file: how often a node writes and reads
	Dead    time.Duration // of the file
	Last    time.Duration // how long to go on
	Timeout time.Duration
}

// testPause is between two rounds.
const testPause = 50 * time.Millisecond

// MeasureDisk writes and reads the sector that is there for it, over and over, and looks for those of other nodes. It disturbs no locum.
func MeasureDisk(ctx context.Context, o MeasureOptions) (m Measure, err error) {
	m.Path, m.Others = o.Path, []Seen{}
	s, err := OpenSession(ctx, o.Path, false, o.Timeout)
	if err != nil {
		return m, err
	}
	defer s.Close()
	h, err := s.Header(ctx, o.Seals)
	if err != nil {
		return m, err
	}
	if !h.Nodes.Has(o.Self) {
		return m, fmt.Errorf("disk %s has room for %d nodes, and this is node %d; run locum disk init again", o.Path, h.Nodes, o.Self)
	}
	t := trialRun{o: o, s: s, h: h, last: map[wire.Node]Trial{}, rose: map[wire.Node]int{}}
	for end := time.Now().Add(o.Last); time.Now().Before(end); {
		if err := t.round(ctx); err != nil {
			return m, err
		}
		select {
		case <-time.After(testPause):
		case <-ctx.Done():
			return m, errors.New("interrupted")
		}
	}
	t.judge(&m)
	return m, nil
}

type trialRun struct {
	o             MeasureOptions
	s             *Session
	h             Header
	counter       uint64
	writes, reads []time.Duration
	last          map[wire.Node]Trial
	rose          map[wire.Node]int
}

func (t *trialRun) round(ctx context.Context) error {
	t.counter++
	at := t.h.Nodes.Trial(t.o.Self)
	began := time.Now()
	if _, err := t.s.Do(ctx, Request{Place: at, Write: t.o.Seals.SealTrial(t.h.ID, at, Trial{t.o.Run, t.counter})}); err != nil {
		return err
	}
	wrote := time.Now()
	data, err := t.s.Do(ctx, Request{Place: t.h.Nodes.Trial(1), Count: int(t.h.Nodes)})
	if err != nil {
		return err
	}
	t.writes, t.reads = append(t.writes, wrote.Sub(began)), append(t.reads, time.Since(wrote))
	for n := wire.Node(1); t.h.Nodes.Has(n); n, data = n+1, data[blockSize:] {
		v, err := t.o.Seals.OpenTrial(t.h.ID, t.h.Nodes.Trial(n), data[:blockSize])
		if err := t.saw(n, v, err); err != nil {
			return err
		}
	}
	return nil
}

// saw looks at one node's trial: the own has to be the one just written, others have to rise.
func (t *trialRun) saw(n wire.Node, v Trial, err error) error {
	if n == t.o.Self {
		if err != nil || v != (Trial{t.o.Run, t.counter}) {
			return fmt.Errorf("disk %s does not show what was written to it a moment ago (%+v, %v): it loses writes, or answers from a cache of its own, or another machine runs this test as node %d", t.o.Path, v, err, n)
		}
		return nil
	}
	was, known := t.last[n]
	if err != nil || !known {
		t.last[n] = v
		return nil
	}
	if v.Run == was.Run && v.Counter < was.Counter {
		return fmt.Errorf("disk %s shows an older count of node %d (%d) than it did before (%d): it answers from a cache of its own", t.o.Path, n, v.Counter, was.Counter)
	}
	if v != was {
		t.rose[n]++
	}
	t.last[n] = v
	return nil
}

func (t *trialRun) judge(m *Measure) {
	m.Rounds, m.Writes, m.Reads = len(t.writes), percentiles(t.writes), percentiles(t.reads)
	for n := wire.Node(1); t.h.Nodes.Has(n); n++ {
		if t.rose[n] > 0 {
			m.Others = append(m.Others, Seen{n, t.rose[n]})
		}
	}
	worst := time.Duration(m.Writes.Max+m.Reads.Max) * time.Microsecond
	switch {
	case worst > t.o.Dead/2:
		m.Verdict = fmt.Sprintf("too slow: a write and a read took up to %s, more than half of dead=%s; write a longer dead=, or use other storage", worst.Round(time.Millisecond), t.o.Dead)
	case worst > t.o.Every:
		m.Verdict = fmt.Sprintf("slow: a write and a read took up to %s, more than every=%s; write a longer every=, or use other storage", worst.Round(time.Millisecond), t.o.Every)
	case len(m.Others) == 0:
		m.OK, m.Verdict = true, "fast enough and honest to this node; no other node was seen: run this on another node at the same time, to see that it is the same disk and without a cache between"
	default:
		m.OK, m.Verdict = true, "fast enough, honest, and shared"
	}
}

func percentiles(list []time.Duration) Percentiles {
	if len(list) == 0 {
		return Percentiles{}
	}
	slices.Sort(list)
	at := func(p int) int64 { return list[min(len(list)*p/100, len(list)-1)].Microseconds() }
	return Percentiles{at(50), at(90), at(99), list[len(list)-1].Microseconds()}
}
