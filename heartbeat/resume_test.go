package heartbeat

import (
	"testing"
	"time"

	"locum/wire"
)

func TestARunStateThatCannotBeIsNotBelieved(t *testing.T) {
	w := newWorld(t, 1, 1, 0)
	n := w.nodes[1]
	n.kill()
	v := view(4, 1, 1)
	n.run = &RunState{Boot: n.boot, View: &v, LeaseUntil: w.now + 1000*second, MayRun: true, Idle: true}
	n.start()
	if n.h.lease.Until > w.now+thisLease {
		t.Errorf("the lease lasts %v", time.Duration(n.h.lease.Until-w.now))
	}
	if n.h.beats.beat.Idle {
		t.Error("something may run, and the beat says that nothing does")
	}
}

func TestAHeartThatReturns(t *testing.T) {
	for _, c := range []struct {
		name    string
		mayRun  bool
		away    wire.Instant
		reboot  bool
		resumes bool
		reset   bool
	}{
		{"within its lease in the same boot resumes its view", true, 2 * second, false, true, false},
		{"after its lease, while something may run, is reset first of all", true, 9 * second, false, true, true},
		{"after its lease, when nothing runs, is not reset", false, 9 * second, false, true, false},
		{"in a new boot knows nothing and is not reset", true, 9 * second, true, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, _ := pairWithView(t)
			if c.mayRun {
				a.permitAll()
			}
			w.run(second)
			a.kill()
			w.run(c.away)
			if c.reboot {
				a.boot = wire.ID{1, 77}
			}
			a.outputs, a.records = nil, nil
			a.start()
			if got := len(a.resets()) > 0; got != c.reset {
				t.Errorf("resets %q", a.resets())
			}
			if c.reset {
				if _, ok := a.outputs[0].(Reset); !ok {
					t.Errorf("the first output is %T", a.outputs[0])
				}
			}
			welcome := a.records[0].Welcome
			if (welcome.Resume != nil) != c.resumes || c.resumes && welcome.Resume.Epoch != 1 {
				t.Errorf("welcome %+v", welcome)
			}
			if held := welcome.Lease.State == wire.LeaseHeld; held != (c.away < thisLease/2 && c.resumes) {
				t.Errorf("the lease is %v", welcome.Lease.State)
			}
			if a.h.granted() != 0 {
				t.Error("it grants before a quorum has answered it")
			}
		})
	}
}

func TestAHeartThatReturnsWithinItsLeaseHoldsItAgainAfterOneRoundTrip(t *testing.T) {
	w, a, b := pairWithView(t)
	a.permitAll()
	a.kill()
	w.run(200 * ms)
	a.start()
	w.run(second)
	w.cutAll() // what counts is that both were renewed
	for _, n := range []*node{a, b} {
		if left := n.h.lease.Until - w.now; left < thisLease-300*ms {
			t.Errorf("node %d: %v ms of the lease are left", n.id, left/ms)
		}
	}
	if len(a.resets()) != 0 {
		t.Errorf("resets %q", a.resets())
	}
}

// TestAHeartThatIsAwayForATimeFindsItsLeaseHeld whenever it died, and also if it had only just come back.
func TestAHeartThatIsAwayForATimeFindsItsLeaseHeld(t *testing.T) {
	const away = thisLease * 3 / 8
	for at := wire.Instant(0); at < 3*second; at += 100 * ms {
		w, a, _ := pairWithView(t)
		a.permitAll()
		w.run(second + at)
		for death := range 2 {
			a.kill()
			w.run(away)
			a.records = nil
			a.start()
			if is := a.records[0].Welcome.Lease.State; is != wire.LeaseHeld {
				t.Errorf("death %d, %v ms after the view: the lease is %v", death+1, (second+at)/ms, is)
			}
			w.run(second)
		}
	}
}

func TestTheWrittenLeaseEndIsNeverLaterAndAtMostASixteenthEarlier(t *testing.T) {
	w, a, _ := pairWithView(t)
	writes := 0
	w.checked = func(n *node) {
		if n != a {
			return
		}
		for _, o := range n.last {
			if _, ok := o.(Persist); ok {
				writes++
			}
		}
		if end, now := n.run.LeaseUntil, n.h.lease.Until; end > now || now-end > thisLease/writtenShare {
			t.Fatalf("written %v, held until %v", time.Duration(end), time.Duration(now))
		}
	}
	w.run(60 * second)
	if writes > 121 {
		t.Errorf("written %d times in a minute", writes)
	}
}

func TestWhoHasSaidThatItLeftWasAwayHoweverSoonItReturns(t *testing.T) {
	w, a, _ := pairWithView(t)
	a.says(wire.ToHeart{Idle: &wire.Idle{Idle: true, Left: true}})
	w.run(second / 10)
	a.kill()
	w.run(second / 10)
	a.records = nil
	a.start()
	if welcome := a.records[0].Welcome; welcome.Resume != nil || welcome.Lease.State != wire.LeaseOver {
		t.Errorf("welcome %+v", welcome)
	}
}

func TestAnEngineLearnsWhatWasPromisedInThisBoot(t *testing.T) {
	w, a, _ := pairWithView(t)
	a.says(wire.ToHeart{Cease: &wire.Ceased{Below: 9}})
	w.run(second)
	a.kill()
	a.records = nil
	a.start()
	if welcome := a.records[0].Welcome; welcome.Below != 9 {
		t.Errorf("welcome %+v", welcome)
	}
}

// What the others' beats have said of their leases and watchdogs outlives the heart that heard it, and nothing else of them does.
func TestAHeartThatReturnsKnowsWhatItHadHeard(t *testing.T) {
	w, a, b := pairWithView(t)
	w.run(second)
	want := wire.Peer{Node: 2, Incarnation: b.h.incarnation, Boot: b.boot, Machine: b.h.machine, ObeysLease: true, LeaseMS: milliseconds(b.h.cfg.Lease),
		Armed: b.h.watchdog.Armed, WatchdogMS: milliseconds(b.h.watchdog.Timeout)}
	b.kill()
	a.kill()
	w.run(second / 2)
	a.records = nil
	a.start()
	var told []wire.Peer
	for _, r := range a.records {
		if r.Peer != nil {
			told = append(told, *r.Peer)
		}
	}
	if len(told) != 1 || told[0] != want {
		t.Errorf("told %+v, want %+v", told, want)
	}
}
