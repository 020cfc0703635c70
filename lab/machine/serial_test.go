package machine

import (
	"testing"
	"time"
)

func TestASerialCableCarriesTheClusterWhenBothNetworksAreCut(t *testing.T) {
	p := newPair(t, "path serial null alpha=/dev/ttyS1 beta=/dev/ttyS1 baud=115200\nwatchdog /dev/watchdog timeout=4s\n")
	p.serves(p.alpha)
	p.until("all three paths are up", 20*time.Second, func() bool { return p.pathsUp(p.alpha) == 3 && p.pathsUp(p.beta) == 3 })
	since := time.Now()
	p.lan.Cut(true)
	p.cross.Cut(true)
	p.until("one path is left", 20*time.Second, func() bool { return p.pathsUp(p.alpha) == 1 && p.pathsUp(p.beta) == 1 })
	p.stays(p.alpha, 2*watchdogTime, since) // no lease ran out either
	p.do(p.alpha, "leave-dead")
	since = time.Now()
	p.do(p.alpha, "signal", p.heart(p.alpha), "9")
	p.handedOver(since, p.isReset(since, watchdogTime))
}
