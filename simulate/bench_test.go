package simulate

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

// TestMain lets garbage gather: each world is thrown away whole, and a world of 64 nodes takes some 60 MB.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(1 << 30)
	os.Exit(m.Run())
}

// One run is 60 simulated seconds: a cluster comes up, the node that serves dies, comes back, and an operator moves the
// service.
func BenchmarkAMinuteOf(b *testing.B) {
	for _, nodes := range []int{2, 5, 16, 64} {
		b.Run(fmt.Sprintf("%d-nodes", nodes), func(b *testing.B) {
			s := minuteOf(nodes)
			for b.Loop() {
				if _, failures := s.Play(); len(failures) > 0 {
					b.Fatal(failures)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
		})
	}
}

func minuteOf(nodes int) Script {
	var file strings.Builder
	file.WriteString("cluster t\nkey /k\nbeat every=100ms dead=1s\n")
	var names []string
	path := "path udp lan"
	for i := range nodes {
		names = append(names, fmt.Sprintf("n%d", i+1))
		fmt.Fprintf(&file, "node %d n%d\n", i+1, i+1)
		path += fmt.Sprintf(" n%d=192.0.2.%d", i+1, i+1)
	}
	file.WriteString(path + "\ntiebreak fence delay=3s\n")
	for _, n := range names {
		fmt.Fprintf(&file, "fence %s pdu type=http url-off=http://192.0.2.99/off url-status=http://192.0.2.99/s timeout=1s\n", n)
	}
	fmt.Fprintf(&file, "service web nodes=%s\nresource web vip 192.0.2.100/24\nresource web unit web.service\n", strings.Join(names, ","))
	return Script{Config: file.String(), Commands: []string{"boot " + strings.Join(names, " "), "run 10s", "kill n1", "run 20s", "boot n1",
		"run 10s", "ask any move web n1", "run 20s", "expect owner web n1"}}
}
