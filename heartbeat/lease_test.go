package heartbeat

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"locum/wire"
)

// pairWithView is two nodes in a view that needs both.
func pairWithView(t *testing.T) (w *world, a, b *node) {
	t.Helper()
	w = newWorld(t, 1, 2, 1)
	w.meet()
	w.install(view(1, 2, 1, 2))
	return w, w.nodes[1], w.nodes[2]
}

func (w *world) cutAll() {
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			for p := range w.cfg.Paths {
				w.cut[cable{p, a.id, b.id}] = true
			}
		}
	}
}

func TestTheLeaseRunsFromTheSendingOfTheNewestBeatThatWasEchoed(t *testing.T) {
	w, a, _ := pairWithView(t)
	w.run(10 * second)
	if a.leaseTold() != wire.LeaseHeld {
		t.Fatal("not held while all is well")
	}
	w.cutAll()
	w.run(ms)
	sent := w.now
	for _, b := range a.beats {
		if b.at < w.now-100*ms {
			continue
		}
		sent = min(sent, b.at) // the newest that can have been echoed before the cut
	}
	half, over := wire.Instant(0), wire.Instant(0)
	w.checked = func(n *node) {
		if n == a && half == 0 && n.leaseTold() == wire.LeaseHalf {
			half = w.now
		}
		if n == a && over == 0 && n.leaseTold() == wire.LeaseOver {
			over = w.now
		}
	}
	w.run(10 * second)
	end := a.h.lease.Until
	if half != end-thisLease/2 || over != end {
		t.Errorf("half over at %v, over at %v, end %v", half, over, end)
	}
	if end > sent+thisLease || end < sent+thisLease-200*ms {
		t.Errorf("the lease ended %v ms after the newest beat that can have been echoed, want about %v", (end-sent)/ms, thisLease/ms)
	}
}

func TestTheFirstLeaseInAViewTakesOneRoundTripAndNotABeat(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	w.run(second)
	a, b := w.nodes[1], w.nodes[2]
	w.until("the beats are behind and ahead", second, func() bool {
		for _, n := range []*node{a, b} {
			if w.now-n.h.beats.last < 25*ms || n.h.beats.next-w.now < 60*ms {
				w.in(ms, func() {})
				return false
			}
		}
		return true
	})
	v := view(1, 2, 1, 2)
	begun := w.now
	a.says(wire.ToHeart{View: &v})
	w.run(5 * ms)
	b.says(wire.ToHeart{View: &v})
	w.until("both hold", second, func() bool { return a.leaseTold() == wire.LeaseHeld && b.leaseTold() == wire.LeaseHeld })
	if took := w.now - begun; took > 40*ms {
		t.Errorf("it took %v ms", took/ms)
	}
}

func TestManyChangesAtATimeMakeFewBeats(t *testing.T) {
	w, a, _ := pairWithView(t)
	w.run(second)
	before := len(a.beats)
	for i := range 500 {
		a.says(wire.ToHeart{Idle: &wire.Idle{Idle: i%2 == 0}})
		w.run(ms)
	}
	if sent := len(a.beats) - before; sent > 5+20+1 {
		t.Errorf("%d beats in half a second", sent)
	}
}

func TestAnOlderViewChangesNothing(t *testing.T) {
	w, a, _ := pairWithView(t)
	v := view(9, 2, 1, 2)
	a.says(wire.ToHeart{View: &v})
	old := view(3, 1, 1)
	a.says(wire.ToHeart{View: &old})
	w.run(second)
	if got := a.h.granted(); got != 9 || a.run.View.Epoch != 9 {
		t.Errorf("grants under %d", got)
	}
}

// TestTheQuorumsEchoIsThatOfEnoughVotes compares with a reckoning over all sets of members.
func TestTheQuorumsEchoIsThatOfEnoughVotes(t *testing.T) {
	w := newWorld(t, 1, 5, 1)
	h := w.nodes[2].h
	for range 3000 {
		v := view(1, 1+w.rng.IntN(8), 1, 2, 3, 4, 5)
		for i := range v.Votes {
			v.Votes[i].Votes = w.rng.IntN(3)
		}
		h.grants.view = &v
		for _, p := range h.peers {
			p.echoed = wire.Instant(w.rng.IntN(4))
		}
		want := wire.Instant(0)
		for set := range wire.Nodes(32) {
			votes, since := v.Votes[1].Votes, h.now
			for m := range set.Without(2).All {
				votes += v.Votes[m-1].Votes
				since = min(since, h.byNode[m].echoed)
			}
			if votes >= v.Needed {
				want = max(want, since)
			}
		}
		if got := h.quorumEcho(); got != want {
			t.Fatalf("echoes since %v, the reckoning says %v: %+v", got, want, v)
		}
	}
}

func TestAnEchoOfTheViewBeforeDoesNotCountInTheNext(t *testing.T) {
	w := newWorld(t, 1, 3, 1)
	w.meet()
	w.install(view(1, 3, 1, 2, 3))
	// Node 3 echoes in view 1 for two seconds more than node 2 does, and never comes to view 2.
	w.cut[cable{0, 2, 1}] = true
	w.run(2 * second)
	until := w.nodes[1].h.lease.Until
	w.cut[cable{0, 2, 1}] = false
	v := view(2, 3, 1, 2, 3)
	for _, m := range []wire.Node{1, 2} {
		w.nodes[m].says(wire.ToHeart{View: &v})
	}
	w.run(2 * second)
	if got := w.nodes[1].h.lease.Until; got != until || w.nodes[1].h.byNode[2].echoed == 0 {
		t.Errorf("renewed by %v ms with the echo of an older view", (got-until)/ms)
	}
}

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

func TestAnEchoFromAnotherViewRenewsNothing(t *testing.T) {
	w := newWorld(t, 1, 3, 1)
	w.meet()
	w.install(view(1, 2, 1, 2, 3))
	w.run(second)
	// 1-3 is cut; 1 and 2 form the next view, but 2 goes on hearing 3 and echoes it.
	w.cut[cable{0, 1, 3}], w.cut[cable{0, 3, 1}] = true, true
	cut := w.now
	v := view(2, 2, 1, 2)
	for _, n := range []*node{w.nodes[1], w.nodes[2]} {
		n.says(wire.ToHeart{Cease: &wire.Ceased{Below: 2}})
		n.says(wire.ToHeart{View: &v})
	}
	w.run(20 * second)
	if end := w.nodes[3].h.lease.Until; end > cut+thisLease || w.nodes[3].leaseTold() != wire.LeaseOver {
		t.Errorf("node 3 holds its lease until %v ms after the cut: %v", (end-cut)/ms, w.nodes[3].leaseTold())
	}
	if w.nodes[1].leaseTold() != wire.LeaseHeld || w.nodes[3].peer(2).State != wire.PeerUp {
		t.Error("the others do not hold theirs, or 3 does not hear 2: the case is not the one meant")
	}
}

func TestACeaseEndsRenewalEverywhereWithinOneDelay(t *testing.T) {
	w := newWorld(t, 1, 3, 1)
	w.meet()
	w.install(view(1, 2, 1, 2, 3))
	w.run(second)
	for _, m := range []wire.Node{2, 3} {
		w.nodes[m].says(wire.ToHeart{Cease: &wire.Ceased{Below: 2}})
	}
	w.run(ms) // the delay of the network: what had left before arrives
	until := w.nodes[1].h.lease.Until
	w.run(20 * second)
	if got := w.nodes[1].h.lease.Until; got != until {
		t.Errorf("renewed by %v ms after both others had ceased", (got-until)/ms)
	}
	if w.nodes[1].leaseTold() != wire.LeaseOver {
		t.Errorf("the lease is %v", w.nodes[1].leaseTold())
	}
}

func TestCeasedIsAnsweredAfterItWasWrittenAndNoBeatGrantsAfterIt(t *testing.T) {
	w, a, _ := pairWithView(t)
	a.says(wire.ToHeart{Cease: &wire.Ceased{Below: 5}})
	i := slices.IndexFunc(a.last, func(o Output) bool { p, ok := o.(Persist); return ok && p.Wait && p.State.Below == 5 })
	j := slices.IndexFunc(a.last, func(o Output) bool { r, ok := o.(ToEngine); return ok && r.Ceased != nil && r.Ceased.Below == 5 })
	if i < 0 || j < i {
		t.Fatalf("written at %d, answered at %d of %v", i, j, a.last)
	}
	ceased := a.h.sealer.Counter()
	w.run(second)
	for counter, b := range a.beats {
		if counter > ceased && b.beat.Epoch != 0 {
			t.Errorf("a beat grants under %d", b.beat.Epoch)
		}
	}
	// A heart that dies after the answer must not grant under the old view again (SAFETY 2).
	a.kill()
	a.start()
	w.run(second)
	for _, b := range a.beats {
		if b.beat.Epoch != 0 {
			t.Errorf("after its restart a beat grants under %d", b.beat.Epoch)
		}
	}
}

func TestAViewThatNeedsOnlyOurVoteIsHeldUntilItIsCeased(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	w.nodes[2].kill()
	w.run(2 * second)
	v := view(1, 1, 1)
	n := w.nodes[1]
	n.says(wire.ToHeart{View: &v})
	if n.leaseTold() != wire.LeaseHeld {
		t.Fatal("not held at once")
	}
	n.permitAll()
	w.run(60 * second)
	n.sleep(30*second, true)
	w.run(40 * second)
	if n.leaseTold() != wire.LeaseHeld || len(n.resets()) != 0 {
		t.Fatalf("%v, resets %q", n.leaseTold(), n.resets())
	}
	n.says(wire.ToHeart{Cease: &wire.Ceased{Below: 2}})
	until := n.h.lease.Until
	w.run(20 * second)
	if n.h.lease.Until != until || n.leaseTold() != wire.LeaseOver {
		t.Error("renewed by itself after it had ceased")
	}
}

func TestAViewWithoutQuorumDoesNotRenewAndTheOldLeaseRunsOut(t *testing.T) {
	w, a, _ := pairWithView(t)
	w.cutAll()
	w.run(2 * second)
	until := a.h.lease.Until
	v := view(2, 1, 1)
	v.Quorate = false
	a.says(wire.ToHeart{View: &v})
	w.run(10 * second)
	if a.h.lease.Until != until || a.leaseTold() != wire.LeaseOver {
		t.Errorf("until %v, was %v: %v", a.h.lease.Until, until, a.leaseTold())
	}
}

func TestAnExemptViewObeysNoLeaseAndSaysSo(t *testing.T) {
	w, a, _ := pairWithView(t)
	w.cutAll()
	w.run(2 * second)
	v := view(2, 1, 1)
	v.Quorate, v.Exempt = false, true
	a.says(wire.ToHeart{View: &v})
	a.permitAll()
	w.run(60 * second)
	if a.leaseTold() != wire.LeaseExempt || len(a.resets()) != 0 || a.h.beats.beat.ObeysLease {
		t.Fatalf("%v, %q, obeys %v", a.leaseTold(), a.resets(), a.h.beats.beat.ObeysLease)
	}
	next := view(3, 1, 1)
	next.Quorate = false
	a.says(wire.ToHeart{View: &next})
	begun := w.now
	if !a.h.beats.beat.ObeysLease && a.h.beats.last == w.now {
		t.Error("the next beat does not say that it obeys one")
	}
	w.run(10 * second)
	if a.h.lease.Until != begun+thisLease || len(a.resets()) != 1 {
		t.Errorf("the lease ended %v ms after the exemption, resets %q", (a.h.lease.Until-begun)/ms, a.resets())
	}
}

// permitAll asks for a permit under the node's view, as before a start.
func (n *node) permitAll() bool {
	n.says(wire.ToHeart{Permit: &wire.Permit{ID: 7, Epoch: n.h.grants.view.Epoch}})
	for _, r := range slices.Backward(n.records) {
		if r.Permit != nil {
			return r.Permit.OK
		}
	}
	return false
}

func TestPermits(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(w *world, n *node)
		ask  wire.Epoch
		want bool
	}{
		{"are given under the view in force while the lease is held", func(*world, *node) {}, 1, true},
		{"are refused under an older view", func(_ *world, n *node) { v := view(2, 2, 1, 2); n.says(wire.ToHeart{View: &v}) }, 1, false},
		{"are refused under a view not yet known", func(*world, *node) {}, 2, false},
		{"are refused under no view", func(*world, *node) {}, 0, false},
		{"are refused once a newer view is promised", func(_ *world, n *node) { n.says(wire.ToHeart{Cease: &wire.Ceased{Below: 2}}) }, 1, false},
		{"are refused when half of the lease is over", func(w *world, _ *node) { w.cutAll(); w.run(5 * second) }, 1, false},
		{"are refused in a view without quorum although the old lease is held", func(_ *world, n *node) {
			v := view(2, 1, 1)
			v.Quorate = false
			n.says(wire.ToHeart{View: &v})
		}, 2, false},
		{"are given in an exempt view", func(_ *world, n *node) {
			v := view(2, 1, 1)
			v.Quorate, v.Exempt = false, true
			n.says(wire.ToHeart{View: &v})
		}, 2, true},
		{"are refused after a sleep beyond the lease", func(w *world, n *node) {
			n.sleep(9*second, false)
			w.run(9*second + ms/2)
		}, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, _ := pairWithView(t)
			a.says(wire.ToHeart{Idle: &wire.Idle{Idle: true}})
			c.play(w, a)
			a.says(wire.ToHeart{Permit: &wire.Permit{ID: 3, Epoch: c.ask}})
			i := slices.IndexFunc(a.last, func(o Output) bool { r, ok := o.(ToEngine); return ok && r.Permit != nil })
			if r := a.last[i].(ToEngine).Permit; r.OK != c.want || r.ID != 3 || r.Epoch != c.ask {
				t.Fatalf("answer %+v", r)
			}
			j := slices.IndexFunc(a.last, func(o Output) bool { p, ok := o.(Persist); return ok && p.Wait && p.State.MayRun && !p.State.Idle })
			if c.want && (j < 0 || j > i) {
				t.Errorf("the permit was answered before it was written that something may run: %v", a.last)
			}
			if c.want == a.h.grants.idle {
				t.Errorf("counts as idle: %v", a.h.grants.idle)
			}
		})
	}
}

func TestAtTheLeaseEndANodeThatMayRunSomethingIsReset(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(n *node)
		want int
	}{
		{"because a start was permitted", func(n *node) { n.permitAll() }, 1},
		{"but not if it never ran anything", func(*node) {}, 0},
		{"but not if its engine has said since that nothing runs", func(n *node) {
			n.permitAll()
			n.says(wire.ToHeart{Idle: &wire.Idle{Idle: true}})
		}, 0},
		{"also if that engine has gone since", func(n *node) { n.permitAll(); n.step(EngineGone{}) }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, _ := pairWithView(t)
			c.play(a)
			w.cutAll()
			w.run(a.h.lease.Until - w.now - 1)
			if len(a.resets()) != 0 {
				t.Fatal("reset before the end")
			}
			w.run(second)
			if got := a.resets(); len(got) != c.want {
				t.Errorf("resets %q, want %d", got, c.want)
			}
		})
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

func TestTheWrittenLeaseEndIsNeverLaterAndAtMostAQuarterEarlier(t *testing.T) {
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
	if writes > 31 {
		t.Errorf("written %d times in a minute", writes)
	}
}

// TestNoLeaseOutlivesItsNewestEcho runs hearts through random delays, losses, cuts and sleeps, and reckons each lease anew
// from the beats as they were before they were sealed.
func TestNoLeaseOutlivesItsNewestEcho(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { chaos(t, seed) })
	}
}

func chaos(t *testing.T, seed uint64) {
	w := newWorld(t, seed, 3, 2)
	w.meet()
	j := &judge{w: w, echoed: map[[2]wire.Node]wire.Instant{}, allowed: map[wire.Node]wire.Instant{}}
	w.carried = j.carried
	w.checked = j.check
	w.delay = func() wire.Instant { return ms + wire.Instant(w.rng.Int64N(int64(400*ms))) }
	epoch := wire.Epoch(0)
	for range 60 {
		w.loss = w.rng.Float64() / 2
		w.cut[cable{w.rng.IntN(2), wire.Node(1 + w.rng.IntN(3)), wire.Node(1 + w.rng.IntN(3))}] = w.rng.IntN(2) == 0
		switch n := w.nodes[wire.Node(1+w.rng.IntN(3))]; w.rng.IntN(4) {
		case 0:
			n.sleep(wire.Instant(w.rng.Int64N(int64(6*second))), w.rng.IntN(2) == 0)
		case 1:
			epoch++
			v := view(epoch, 2, 1, 2, 3)
			for m := range v.Members.All {
				j.newView(m)
				w.nodes[m].says(wire.ToHeart{View: &v})
			}
		case 2:
			n.says(wire.ToHeart{Cease: &wire.Ceased{Below: epoch + 1}})
		}
		w.run(wire.Instant(w.rng.Int64N(int64(2 * second))))
	}
	if j.renewals == 0 {
		t.Error("no lease was ever held: the case shows nothing")
	}
}

// judge is the second implementation of the lease: it looks at every pair of an echo and its view, and is as generous as
// the rule allows.
type judge struct {
	w        *world
	echoed   map[[2]wire.Node]wire.Instant // [who was echoed, by whom]
	allowed  map[wire.Node]wire.Instant
	renewals int
}

func (j *judge) newView(n wire.Node) {
	for m := range j.w.nodes {
		delete(j.echoed, [2]wire.Node{n, m})
	}
}

func (j *judge) carried(from, to *node, _ wire.Instant, frame []byte) {
	if wire.Kind(frame[1]) != wire.KindBeat {
		return
	}
	b := from.beats[counterOf(frame)].beat
	if b.Epoch == 0 || b.Epoch != to.h.grants.view.Epoch || !b.Hears.Has(to.id) {
		return
	}
	at := to.beats[b.Echoes[to.id-1].Counter].at
	key := [2]wire.Node{to.id, from.id}
	j.echoed[key] = max(j.echoed[key], at)
	// Two of three votes: this node's own and any other's.
	j.allowed[to.id] = max(j.allowed[to.id], j.echoed[key]+thisLease)
}

func (j *judge) check(n *node) {
	until := n.h.lease.Until
	if until > j.allowed[n.id] {
		j.w.t.Fatalf("node %d at %v: the lease lasts until %v, the newest echo allows %v", n.id,
			time.Duration(j.w.now), time.Duration(until), time.Duration(j.allowed[n.id]))
	}
	if n.leaseTold() == wire.LeaseHeld && j.w.now < until {
		j.renewals++
	}
}
