package config

import (
	"fmt"
	"testing"
	"time"

	"locum/wire"
)

// BenchmarkBeatSize gives the size of a beat, and the share of a serial line that the beats of all nodes take of each direction.
func BenchmarkBeatSize(b *testing.B) {
	for _, nodes := range []int{2, 8, 64} {
		b.Run(fmt.Sprint(nodes, " nodes"), func(b *testing.B) {
			c := &Config{Nodes: make([]Node, nodes), Beat: Beat{Every: 100 * time.Millisecond}}
			b.ReportMetric(float64(wire.BeatFrame(nodes-1)), "bytes")
			for _, baud := range []int{19200, 115200} {
				b.ReportMetric(float64(c.LineShare(Path{Baud: baud})), fmt.Sprintf("%%/%dbaud", baud))
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
