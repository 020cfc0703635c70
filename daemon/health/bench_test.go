package health

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// BenchmarkASample is what a node with a limit of each kind but a gateway spends for a sample, and for the engine's step on it.
func BenchmarkASample(b *testing.B) {
	cfg, problems := config.Parse("f", file+"limit load=8 memory=1M disk=/:1M cpu-pressure=60 io-pressure=40 memory-pressure=20 link=lo0\n")
	if cfg == nil {
		b.Fatal(problems)
	}
	s := newSampler(cfg, 1, "/proc", sourceOf)
	for i, a := range s.askers {
		go a.run(b.Context(), s.sources[i])
	}
	e := cluster.New(cfg, 1)
	e.Step(1, cluster.Started{Welcome: wire.Welcome{Incarnation: 1}})
	now := wire.Instant(1)
	before := spent(b)
	for b.Loop() {
		now += 1e9
		e.Step(now, s.sample())
	}
	b.ReportMetric(float64(spent(b)-before)/float64(b.N)/1e3, "cpu-us/op")
}

// spent is the processor time that this process has used.
func spent(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
