package simulate

import (
	"fmt"
	"strconv"
	"strings"

	"locum/cluster"
	"locum/config"
)

// samples is what a machine would say of itself: readings by what they are of, such as "load" or "disk /var". What is not named
// is well.
type samples struct {
	on   bool // it is asked; not before a script says what it says, so that others are the same as ever
	said map[string]cluster.Reading
}

// wellLoad, wellFree and a link that is up are what a machine says of which a script says nothing.
const (
	wellLoad = 10
	wellFree = int64(64 << 30)
)

// commandSample: sample NODE [load=9.3] [memory=300M] [disk=/var:2G] [gateway=down] [link=eth1:down] …: what the node's samples say
// from now on, or "unknown" in a value's place.
func (w *World) commandSample(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	for _, word := range args[1:] {
		kind, value, _ := strings.Cut(word, "=")
		what := kind
		if at := strings.LastIndexByte(value, ':'); at >= 0 {
			what, value = kind+" "+value[:at], value[at+1:]
		}
		r, err := readingOf(config.LimitKind(kind), value)
		if err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
		n.samples.said[what] = r
	}
	if !n.samples.on {
		n.samples.on = true
		n.sample()
	}
	return nil
}

func readingOf(kind config.LimitKind, value string) (r cluster.Reading, err error) {
	r.Known = true
	switch {
	case value == "unknown":
		return cluster.Reading{Why: "no answer"}, nil
	case kind == config.LimitMemory || kind == config.LimitDisk:
		r.Value, err = config.ParseSize(value)
	case kind != config.LimitGateway && kind != config.LimitLink:
		var f float64
		f, err = strconv.ParseFloat(value, 64)
		r.Value = int64(f*100 + 0.5)
	case value == "up":
		r.Value = 1
	case value != "down":
		return r, fmt.Errorf("want up, down or unknown")
	}
	return r, err
}

// sample hands the engine a sample, and goes on doing so.
func (n *node) sample() {
	if n.engine != nil && !n.stopped && !n.paused {
		s := cluster.Sampled{Load: n.reading(config.Limit{Kind: config.LimitLoad}), Memory: n.reading(config.Limit{Kind: config.LimitMemory})}
		for _, l := range n.config.Limits {
			s.Limits = append(s.Limits, n.reading(l))
		}
		n.step(s)
	}
	n.w.in(cluster.SampleEvery(n.config.Limits, n.cfg.Number), n.sample)
}

func (n *node) reading(l config.Limit) cluster.Reading {
	for _, what := range []string{l.Subject(), string(l.Kind)} {
		if r, ok := n.samples.said[what]; ok {
			return r
		}
	}
	switch l.Kind {
	case config.LimitMemory, config.LimitDisk:
		return cluster.Reading{Known: true, Value: wellFree}
	case config.LimitGateway, config.LimitLink:
		return cluster.Reading{Known: true, Value: 1}
	}
	return cluster.Reading{Known: true, Value: wellLoad}
}
