package machine

import (
	"strings"
	"testing"
	"time"
)

func (p *pair) status(m *Machine) string {
	p.t.Helper()
	text, _ := m.Do("run", "/locum", "status") // which fails while there is no quorum
	return text
}

func TestASoftdogResetsAndIsNoProof(t *testing.T) {
	p := newPair(t, "watchdog /dev/watchdog1 timeout=4s\n")
	p.serves(p.alpha)
	const want = "no proof for others: softdog is only a timer of the kernel"
	p.until("status says so", 10*time.Second, func() bool { return strings.Contains(p.status(p.alpha), want) })
	p.do(p.alpha, "leave-dead")
	since := time.Now()
	p.do(p.alpha, "signal", p.heart(p.alpha), "9")
	reset := p.isReset(since, watchdogTime)
	p.watched(3 * watchdogTime) // more than the lease, the watchdog and a tenth
	for _, o := range p.prober.Since(since.Add(reset + tolerance)) {
		t.Fatalf("%s answers %s after the fault", o.MAC, o.At.Sub(since))
	}
	if err := p.alpha.AwaitBoots(2); err != nil {
		t.Fatal(err)
	}
	p.do(p.alpha, "begin") // a new boot is a proof
	p.until("somebody serves", 30*time.Second, func() bool { return p.owner() != "" })
}

func TestAWatchdogThatSomebodyHoldsIsSaidAndTheServiceStartsElsewhere(t *testing.T) {
	p := preparePair(t, "watchdog /dev/watchdog timeout=4s\n")
	p.do(p.alpha, "hold", "/dev/watchdog")
	since := time.Now()
	p.begin()
	const want = "nothing is started on this node until its watchdog is armed: best effort: /dev/watchdog is held by init (process 1)"
	p.until("status names the holder", 20*time.Second, func() bool { return strings.Contains(p.status(p.alpha), want) })
	p.serves(p.beta)
	for _, o := range p.prober.Since(since) {
		if o.MAC != MAC(p.beta.Number, 0) {
			t.Errorf("%s serves without its watchdog", o.MAC)
		}
	}
	p.until("beta's status says why alpha does not serve", 20*time.Second, func() bool {
		return strings.Contains(p.status(p.beta), "nothing is started there: /dev/watchdog is held by init (process 1)")
	})
}

// TestAMachineWithoutAWatchdogResetsItself: by reboot(2), when its lease is over and what it runs was not stopped. That is no proof for
// the others, who cannot know that its kernel still works; its new boot is.
func TestAMachineWithoutAWatchdogResetsItself(t *testing.T) {
	p := newPair(t, "watchdog reboot\n")
	p.serves(p.alpha)
	if said := p.status(p.alpha); !strings.Contains(said, "self-fencing: best effort: reboot, without a watchdog") {
		t.Errorf("status says\n%s", said)
	}
	const lease = 4 * time.Second
	since := time.Now()
	p.do(p.alpha, "signal", p.engine(p.alpha), "19") // nobody stops the service
	p.lan.Cut(true)
	p.cross.Cut(true)
	reset := p.isReset(since, lease)
	p.watched(3 * watchdogTime) // longer than proof 2 would take with a watchdog
	for _, o := range p.prober.Since(since.Add(reset + tolerance)) {
		t.Fatalf("%s answers %s after the cut, and alpha is not proven clean", o.MAC, o.At.Sub(since))
	}
	p.lan.Cut(false)
	p.cross.Cut(false)
	if err := p.alpha.AwaitBoots(2); err != nil {
		t.Fatal(err)
	}
	p.do(p.alpha, "begin")
	p.until("somebody serves", 30*time.Second, func() bool { return p.owner() != "" })
	t.Logf("reset %s after the cut", reset.Round(time.Millisecond))
}
