package machine

import (
	"strings"
	"testing"
	"time"
)

// withWatchdog is a pair whose machines reset by themselves: lease 4 s, watchdog 4 s, proof 2 after 8.8 s.
func withWatchdog(t *testing.T, parameters ...string) *pair {
	t.Helper()
	p := preparePair(t, "watchdog /dev/watchdog timeout=4s\n", parameters...)
	p.begin()
	p.serves(p.alpha)
	for _, m := range []*Machine{p.alpha, p.beta} {
		p.until(m.Name+"'s watchdog is armed", 10*time.Second, func() bool {
			return strings.Contains(p.do(m, "run", "/locum", "status"), "self-fencing: watchdog /dev/watchdog (i6300ESB timer), 4s\n")
		})
	}
	return p
}

// watchdogTime is what is asked for and granted; tolerance is what the test may hear of it late, and the device's own
// inaccuracy: its clock is divided by 2^15, so that it takes 1.7 % longer.
const (
	watchdogTime = 4 * time.Second
	tolerance    = time.Second
)

// isReset waits for alpha's reset and gives how long after an instant it came.
func (p *pair) isReset(since time.Time, within time.Duration) time.Duration {
	p.t.Helper()
	p.until("alpha is reset", within+tolerance, func() bool { return len(p.alpha.Events.Of("RESET", since)) > 0 })
	return p.alpha.Events.Of("RESET", since)[0].At.Sub(since)
}

// handedOver waits until beta serves, and fails if alpha answered after that, or beta before alpha's reset.
func (p *pair) handedOver(since time.Time, reset time.Duration) {
	p.t.Helper()
	p.serves(p.beta)
	first := time.Duration(0)
	for _, o := range p.prober.Since(since) {
		after := o.At.Sub(since)
		switch o.MAC {
		case MAC(p.beta.Number, 0):
			if first == 0 {
				first = after
			}
			if after < reset {
				p.t.Fatalf("beta answers %s after the fault, alpha was reset only after %s", after, reset)
			}
		case MAC(p.alpha.Number, 0):
			if first != 0 || after > reset+tolerance/5 {
				p.t.Fatalf("alpha answers %s after the fault; it was reset after %s, and beta began after %s", after, reset, first)
			}
		}
	}
	p.t.Logf("reset after %s, beta answers after %s", reset.Round(time.Millisecond), first.Round(time.Millisecond))
}

func TestAHeartThatStaysDeadIsAMachineThatIsReset(t *testing.T) {
	p := withWatchdog(t)
	p.do(p.alpha, "leave-dead")
	since := time.Now()
	p.do(p.alpha, "signal", p.heart(p.alpha), "9")
	reset := p.isReset(since, watchdogTime)
	// The last pet lay within a quarter of its time before: the death itself must not have fed it.
	if reset > watchdogTime+tolerance/2 || reset < watchdogTime/2 {
		t.Errorf("reset %s after the heart's death", reset)
	}
	p.handedOver(since, reset)
}

func TestAHeartThatStandsStillIsAMachineThatIsReset(t *testing.T) {
	p := withWatchdog(t)
	since := time.Now()
	p.do(p.alpha, "signal", p.heart(p.alpha), "19")
	p.handedOver(since, p.isReset(since, watchdogTime))
}

func TestAHeartThatDiesAgainAndAgainDoesNotFeedTheWatchdog(t *testing.T) {
	p := withWatchdog(t)
	since := time.Now()
	// Each life ends before it can have the lease renewed; what it does to the descriptor must not count as a pet.
	over := make(chan struct{})
	go func() {
		defer close(over)
		for p.alpha.Boots() == 1 {
			state, err := p.alpha.Do("unit")
			if err != nil {
				continue
			}
			if pid := strings.Fields(state)[0]; pid != "0" {
				_, _ = p.alpha.Do("signal", pid, "9")
			}
		}
	}()
	p.handedOver(since, p.isReset(since, 3*watchdogTime))
	<-over
}

func TestDeathsThatEndSoonMoveNothing(t *testing.T) {
	p := withWatchdog(t)
	since := time.Now()
	for range 10 {
		p.until("an engine answers", 20*time.Second, func() bool {
			said, _ := p.alpha.Do("run", "/locum", "status") // which fails while there is no quorum
			return p.engine(p.alpha) != "" && strings.HasPrefix(said, "cluster lab")
		})
		p.do(p.alpha, "signal", p.engine(p.alpha), "9")
		p.stays(p.alpha, 300*time.Millisecond, since)
	}
	for range 4 { // each a second after the one before
		was := p.heart(p.alpha)
		p.do(p.alpha, "signal", was, "9")
		p.until("another heart runs", 10*time.Second, func() bool { now := p.heart(p.alpha); return now != was && now != "0" })
		p.stays(p.alpha, time.Second, since)
	}
	if state := p.do(p.alpha, "unit"); !strings.HasSuffix(state, " watchdog-10.130") { // by the numbers of /dev/watchdog: misc, WATCHDOG_MINOR
		t.Errorf("the store has not one watchdog: %q", state)
	}
	for range 3 { // less than dead
		p.do(p.alpha, "pause", p.heart(p.alpha), "600")
		p.stays(p.alpha, time.Second, since)
	}
	p.stays(p.alpha, watchdogTime+tolerance, since)
}

func TestAHeartThatGoesOnAfterItsLeaseResetsTheMachineAtOnce(t *testing.T) {
	p := newPair(t, "watchdog /dev/watchdog timeout=20s\n") // the watchdog is slower than the lease
	p.serves(p.alpha)
	p.prober.Close()
	p.prober = Probe(p.lan, vip, time.Millisecond)
	p.serves(p.alpha)
	since := time.Now()
	go func() { _, _ = p.alpha.Do("pause", p.heart(p.alpha), "6000") }() // the reset is its answer
	p.handedOver(since, p.isReset(since, 7*time.Second))
}

// engine is the number of a machine's engine, "" while there is none.
func (p *pair) engine(m *Machine) string {
	p.t.Helper()
	for _, child := range strings.Fields(p.do(m, "children", p.heart(m))) {
		if said, err := m.Do("read", "/proc/"+child+"/cmdline"); err == nil && !strings.Contains(said, "disk-helper") {
			return child
		}
	}
	return ""
}

func TestAnOrderlyStopStopsTheWatchdog(t *testing.T) {
	p := withWatchdog(t)
	since := time.Now()
	p.do(p.alpha, "leave-dead")
	p.do(p.alpha, "signal", p.heart(p.alpha), "15")
	p.until("alpha has left", 20*time.Second, func() bool { return p.heart(p.alpha) == "0" })
	p.serves(p.beta)
	p.watched(2 * watchdogTime)
	for _, m := range []*Machine{p.alpha, p.beta} {
		if list := m.Events.Of("RESET", since); len(list) > 0 {
			t.Errorf("%s was reset", m.Name)
		}
	}
	if state := p.do(p.alpha, "unit"); strings.Contains(state, "watchdog") {
		t.Errorf("the store still has it: %q", state)
	}
}

// TestAWatchdogThatCannotBeStoppedIsSaidAndOutlivesARestart: with nowayout the end of locum is a reset, which is said before, and
// one that begins again in time is none.
func TestAWatchdogThatCannotBeStoppedIsSaidAndOutlivesARestart(t *testing.T) {
	p := withWatchdog(t, "i6300esb.nowayout=1")
	const why = "/dev/watchdog cannot be stopped (nowayout): load its driver, \"i6300ESB timer\", with nowayout=0"
	if said := p.status(p.alpha); !strings.Contains(said, "to stop locum resets this machine 4s later: "+why) {
		t.Errorf("status does not say so:\n%s", said)
	}
	if said := p.do(p.alpha, "run", "/locum", "check", "/etc/locum.conf"); !strings.Contains(said, "to stop locum resets this machine: "+why) {
		t.Errorf("check does not say so:\n%s", said)
	}
	since := time.Now()
	was := p.heart(p.alpha)
	p.do(p.alpha, "signal", was, "15") // and it is started again
	p.until("another heart runs", 20*time.Second, func() bool { now := p.heart(p.alpha); return now != was && now != "0" })
	p.serves(p.beta)
	p.watched(2 * watchdogTime)
	if list := p.alpha.Events.Of("RESET", since); len(list) > 0 {
		t.Fatalf("alpha was reset %s after it was told to begin again", list[0].At.Sub(since))
	}
	p.do(p.alpha, "leave-dead")
	p.do(p.alpha, "signal", p.heart(p.alpha), "15")
	p.until("alpha has left", 20*time.Second, func() bool { return p.heart(p.alpha) == "0" })
	since = time.Now()
	if reset := p.isReset(since, watchdogTime); reset < watchdogTime-tolerance {
		t.Errorf("alpha was reset %s after its end: the last pet was not at its end", reset)
	}
	if said := p.alpha.Console(); !strings.Contains(said, "this machine is reset 4s later, unless it is started again before that: "+why) {
		t.Error("the log does not say so")
	}
	if owner := p.owner(); owner != MAC(p.beta.Number, 0) {
		t.Errorf("%q serves", owner)
	}
}

// TestAFileThatTakesTheWatchdogAwayHasItGivenUp: a longer time is set and the device given up while the service runs, and neither resets
// a machine: not the new heart that takes it up, and not the one that stands still afterwards.
func TestAFileThatTakesTheWatchdogAwayHasItGivenUp(t *testing.T) {
	p := withWatchdog(t)
	since := time.Now()
	p.do(p.alpha, "run", "/locum", "apply", "/etc/longer.conf")
	p.until("alpha's watchdog has 8 s", 20*time.Second, func() bool {
		return strings.Contains(p.status(p.alpha), "self-fencing: watchdog /dev/watchdog (i6300ESB timer), 8s\n")
	})
	p.stays(p.alpha, 2*watchdogTime, since)
	p.do(p.alpha, "run", "/locum", "apply", "/etc/no-watchdog.conf")
	p.until("alpha's watchdog is given up", 20*time.Second, func() bool {
		return strings.Contains(p.status(p.alpha), "self-fencing: best effort: the file has no watchdog line\n")
	})
	p.stays(p.alpha, time.Second, since)
	if state := p.do(p.alpha, "unit"); strings.Contains(state, "watchdog") {
		t.Errorf("the store still has it: %q", state)
	}
	p.do(p.alpha, "signal", p.heart(p.alpha), "19")
	p.watched(5 * watchdogTime)
	if list := p.alpha.Events.Of("RESET", since); len(list) > 0 {
		t.Fatal("alpha was reset by a watchdog that was given up")
	}
	for _, o := range p.prober.Since(since) {
		if o.MAC == MAC(p.beta.Number, 0) {
			t.Fatal("beta has taken over from a node that is not armed")
		}
	}
}

// watched lets a time pass in which a watchdog would have bitten: nothing else can show that it does not.
func (p *pair) watched(long time.Duration) { <-time.After(long) }
