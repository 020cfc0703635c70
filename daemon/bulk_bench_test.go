package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"locum/lab"
	"locum/wire"
)

// BenchmarkMessagesThroughLoss sends messages of 8 KB over a switch that loses a fifth of all frames.
func BenchmarkMessagesThroughLoss(b *testing.B) {
	const count, size = 60, 8 << 10
	o := run(b, errand{Count: count, Size: size, Under: 8}, "path udp lan alpha=192.0.2.241 beta=192.0.2.242\n", func(w *lab.World) {
		s, err := lab.NewSwitch(1)
		check(b, err)
		b.Cleanup(func() { check(b, s.Close()) })
		for i, n := range w.Nodes {
			check(b, s.Plug(n, "eth1", netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(241 + i)}), 28)))
		}
		check(b, s.Set(lab.Weather{Loss: 0.2}))
	})
	b.ReportMetric(count*size/1024/o.Took.Seconds(), "KB/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkBeatsBesideAMessageOf32KB: the time between two beats of a node on a serial line, while nothing else is on it and while it
// sends 32 KB. A process that other processes hold up carries the bytes, so that the longest say little on a busy machine.
func BenchmarkBeatsBesideAMessageOf32KB(b *testing.B) {
	c, line := newCable(b, 115200)
	var e ear
	c.Solder(func(s *lab.Soldering) { s.Pass = e.pass })
	o := run(b, errand{Count: 2, Size: 32 << 10, Under: 1, Gap: 2 * time.Second}, line, nil)
	alone, beside := e.gaps()
	for what, list := range map[string][]time.Duration{"alone": alone, "beside": beside} {
		b.ReportMetric(float64(list[len(list)/2].Microseconds()), "µs/"+what+"-median")
		b.ReportMetric(float64(list[len(list)*9/10].Microseconds()), "µs/"+what+"-of-ten-nine")
		b.ReportMetric(float64(list[len(list)-1].Microseconds()), "µs/"+what+"-longest")
	}
	b.ReportMetric(o.Trips[0].Seconds(), "s/32KB")
	b.ReportMetric(0, "ns/op")
}

// ear hears what alpha sends over a cable, and notes when each beat has arrived whole.
type ear struct {
	mu    sync.Mutex
	frame []byte
	heard []heardFrame
}

type heardFrame struct {
	kind wire.Kind
	at   time.Time
}

func (e *ear) pass(from int, b []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range b {
		switch {
		case from != 0:
		case c != 0:
			e.frame = append(e.frame, c)
		case len(e.frame) > 0:
			if raw := unstuffed(e.frame); len(raw) > 5 {
				e.heard = append(e.heard, heardFrame{wire.Kind(raw[5]), time.Now()}) // behind an envelope of four bytes and the version
			}
			e.frame = nil
		}
	}
	return b
}

// unstuffed undoes the framing (COBS) of the first bytes of a frame.
func unstuffed(b []byte) (raw []byte) {
	for len(b) > 0 && len(raw) < 6 {
		n := min(int(b[0]), len(b))
		raw = append(raw, b[1:n]...)
		if b = b[n:]; n < 255 {
			raw = append(raw, 0)
		}
	}
	return raw
}

// gaps are the times between beats, in order of length, where no segment lies between them and where some do.
func (e *ear) gaps() (alone, beside []time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var last heardFrame
	segments := 0
	for _, h := range e.heard {
		switch gap := h.at.Sub(last.at); {
		case h.kind == wire.KindSegment:
			segments++
			continue
		case h.kind != wire.KindBeat:
			continue
		case last.kind == wire.KindBeat && segments == 0:
			alone = append(alone, gap)
		case last.kind == wire.KindBeat:
			beside = append(beside, gap)
		}
		last, segments = h, 0
	}
	slices.Sort(alone)
	slices.Sort(beside)
	return alone, beside
}

// BenchmarkFailoverOfMessages: both paths are well, and the quicker one is cut where nobody is told.
func BenchmarkFailoverOfMessages(b *testing.B) {
	var s *lab.Switch
	var alpha *lab.Node
	lines := "path udp lan alpha=192.0.2.241 beta=192.0.2.242\n" + ethernetLine
	stop := make(chan struct{})
	var cutting sync.WaitGroup
	o := run(b, errand{Count: 1500, Size: 32, Under: 1, Gap: time.Millisecond}, lines, func(w *lab.World) {
		var err error
		s, err = lab.NewSwitch(1)
		check(b, err)
		for i, n := range w.Nodes {
			check(b, s.Plug(n, "eth1", netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(241 + i)}), 28)))
		}
		alpha = w.Nodes[0]
		cutting.Go(func() { flap(s, alpha, stop) })
	})
	close(stop)
	cutting.Wait()
	check(b, s.Close())
	report(b, o)
	b.ReportMetric(float64(o.Trips[len(o.Trips)-1].Microseconds()), "µs/worst")
}

// flap cuts what a node sends over udp, again and again.
func flap(s *lab.Switch, n *lab.Node, stop <-chan struct{}) {
	for cut := true; ; cut = !cut {
		select {
		case <-stop:
			return
		case <-time.After(250 * time.Millisecond):
			if err := s.Cut(n, 0x0800, cut); err != nil {
				fmt.Println(err)
			}
		}
	}
}
