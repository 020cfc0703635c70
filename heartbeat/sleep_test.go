package heartbeat

import (
	"fmt"
	"slices"
	"testing"

	"locum/wire"
)

func TestAStopBetweenDrainAndTickLeavesNobodyJudgedByWhatWasNotDrained(t *testing.T) {
	w, a, b := pairWithView(t)
	w.run(second)
	b.kill()
	w.until("late", second, func() bool { return a.peer(2).State == wire.PeerLate })
	_, deadline := a.h.detector.Judge(2, w.now)
	w.run(deadline - w.now - ms)
	asked := a.wake
	if asked != deadline {
		t.Fatalf("the next tick is at %v, the deadline at %v", asked, deadline)
	}
	w.now = deadline + 100*ms // stopped until then, after an empty drain
	a.step(Tick{Drained: true})
	if a.peer(2).State == wire.PeerDead {
		t.Error("judged although frames may wait")
	}
	if a.wake != w.now {
		t.Error("it did not ask to be called at once")
	}
	a.step(Tick{Drained: true})
	if a.peer(2).State != wire.PeerDead {
		t.Error("not judged after a whole drain")
	}
}

func TestAfterASleepBeyondTheLeaseItIsOverBeforeAnyBeatOrFrame(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		t.Run(fmt.Sprintf("suspended with its kernel: %v", deaf), func(t *testing.T) { sleepBeyondTheLease(t, deaf) })
	}
}

func sleepBeyondTheLease(t *testing.T, deaf bool) {
	w, a, b := pairWithView(t)
	a.permitAll()
	a.sleep(9*second, deaf)
	w.run(9*second - 1)
	b.kill()
	slept := a.h.sealer.Counter()
	first := -1
	w.checked = func(n *node) {
		if n == a && first < 0 && len(n.last) > 0 {
			first = slices.IndexFunc(n.last, func(o Output) bool { _, ok := o.(Reset); return ok })
			if n.leaseTold() != wire.LeaseOver {
				t.Errorf("after its first step the lease is %v", n.leaseTold())
			}
		}
	}
	w.run(second)
	if first != 0 {
		t.Errorf("the reset is output %d of the first step", first)
	}
	for counter, b := range a.beats {
		if counter > slept && (b.beat.Epoch != 0 || b.beat.Quorate) {
			t.Errorf("a beat after the sleep grants: epoch %d, quorate %v", b.beat.Epoch, b.beat.Quorate)
		}
	}
}

func TestTwoNodesThatBothSleptBeyondTheLeaseFindTheirViewAgain(t *testing.T) {
	w, a, b := pairWithView(t)
	a.sleep(20*second, true)
	b.sleep(20*second, true)
	w.run(20 * second)
	w.until("both hold", second, func() bool {
		return a.leaseTold() == wire.LeaseHeld && b.leaseTold() == wire.LeaseHeld
	})
	for _, n := range []*node{a, b} {
		if !slices.ContainsFunc(n.records, func(r wire.ToEngine) bool { return r.Lease != nil && r.Lease.State == wire.LeaseOver }) {
			t.Errorf("node %d: the lease was never over", n.id)
		}
	}
}

func TestAStoppedHeartDoesNotTakeLivingPeersForDead(t *testing.T) {
	for _, c := range []struct {
		name string
		stop wire.Instant
		deaf bool
	}{
		{"stopped for less than dead", 700 * ms, false},
		{"stopped for longer than dead", 5 * second, false},
		{"suspended with its kernel for less than dead", 700 * ms, true},
		{"suspended with its kernel for longer than dead", 5 * second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, b := pairWithView(t)
			w.run(2 * second)
			a.sleep(c.stop, c.deaf)
			w.run(c.stop + 2*second)
			for _, r := range a.records {
				if r.Peer != nil && r.Peer.State == wire.PeerDead {
					t.Fatal("the sleeper took its peer for dead")
				}
			}
			if died := slices.ContainsFunc(b.records, func(r wire.ToEngine) bool { return r.Peer != nil && r.Peer.State == wire.PeerDead }); died != (c.stop > second) {
				t.Errorf("its peer took it for dead: %v", died)
			}
			if p := b.peer(1); p.State != wire.PeerUp {
				t.Errorf("afterwards its peer says %v", p.State)
			}
			if len(a.alarms) != 0 {
				t.Errorf("the sleeper alarms %q", a.alarms)
			}
		})
	}
}

func TestAStoppedHeartFindsAPeerDeadThatDiedMeanwhile(t *testing.T) {
	w, a, b := pairWithView(t)
	a.sleep(5*second, false)
	b.kill()
	w.run(5*second + 1)
	if a.peer(2).State == wire.PeerDead {
		t.Error("the time it slept was held against the peer")
	}
	w.run(second)
	if a.peer(2).State != wire.PeerDead {
		t.Error("the peer is not found dead")
	}
}

func TestWhenAPeerWasHeardLastIsNotBeforeItSentWhatWasEchoed(t *testing.T) {
	w, a, b := pairWithView(t)
	w.unstamped = true
	w.run(5 * second)
	woke := w.now + 800*ms
	b.sleep(800*ms, false)
	w.run(800*ms - ms)
	// All is cut as soon as node 2, awake again, has echoed what waited.
	w.until("the echo arrived", second, func() bool { return w.now > woke && a.h.lease.Until > woke+thisLease-150*ms })
	w.cutAll()
	w.run(4 * second)
	heard, granted := b.peer(1).LastHeard, a.h.lease.Until-thisLease
	if b.peer(1).State != wire.PeerDead || heard < granted {
		t.Errorf("node 2 says that it heard node 1 (%v) last at %v ms; node 1 has a lease that counts from %v ms", b.peer(1).State, heard/ms, granted/ms)
	}
}
