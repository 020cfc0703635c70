package health

import (
	"context"
	"slices"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// Sampler samples one node again and again.
type Sampler struct {
	limits  []config.Limit
	every   time.Duration // between samples
	renew   time.Duration // after which a sample is given that tells nothing new
	within  time.Duration // an answer has to come
	askers  []*asker
	sources []source // of the askers
	load    *asker
	memory  *asker
	of      []*asker // of each limit; nil of those about other nodes
}

// longest is how long an answer is waited for at most.
const longest = 500 * time.Millisecond

// New makes the sampler of one node of a file.
func New(cfg *config.Config, self wire.Node) *Sampler {
	return newSampler(cfg, self, "/proc", sourceOf)
}

func newSampler(cfg *config.Config, self wire.Node, proc string, find func(config.Limit, string, time.Duration) source) *Sampler {
	s := &Sampler{limits: cfg.Limits, every: cluster.SampleEvery(cfg.Limits, self), renew: cluster.RenewEvery(cfg.Limits, self)}
	s.within = min(longest, s.every/2)
	known := map[string]*asker{}
	askerOf := func(name string, from source) *asker {
		if known[name] == nil {
			known[name] = newAsker()
			s.askers, s.sources = append(s.askers, known[name]), append(s.sources, from)
		}
		return known[name]
	}
	s.load, s.memory = askerOf("load", load(proc)), askerOf("memory", memory(proc))
	for _, l := range cfg.Limits {
		if !l.About(self) {
			s.of = append(s.of, nil)
			continue
		}
		s.of = append(s.of, askerOf(l.Subject(), find(l, proc, s.within)))
	}
	return s
}

// Run gives samples until ctx ends: each that tells something new of a limit at once, others now and then.
func (s *Sampler) Run(ctx context.Context, give func(cluster.Sampled)) {
	for i, a := range s.askers {
		go a.run(ctx, s.sources[i])
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	var sides []cluster.Side
	var given time.Time
	for {
		sample := s.sample()
		now := sample.Sides(s.limits)
		if given.IsZero() || time.Since(given) >= s.renew || !slices.Equal(now, sides) {
			sides, given = now, time.Now()
			give(sample)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sample asks all sources at once and takes what comes in time.
func (s *Sampler) sample() cluster.Sampled {
	begun := time.Now()
	for _, a := range s.askers {
		a.begin()
	}
	over := make(chan struct{})
	timer := time.AfterFunc(s.within, func() { close(over) })
	defer timer.Stop()
	readings := map[*asker]cluster.Reading{}
	for _, a := range s.askers {
		readings[a] = a.end(begun, over)
	}
	out := cluster.Sampled{Load: readings[s.load], Memory: readings[s.memory]}
	for _, a := range s.of {
		out.Limits = append(out.Limits, readings[a]) // nothing of nil
	}
	return out
}
