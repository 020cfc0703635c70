package heartbeat

import (
	"testing"

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
		h.grants.take(&v, h.self)
		for _, p := range h.peers {
			p.echoed = 0
		}
		for range 4 { // echoes only come nearer under one view
			for _, p := range h.peers {
				p.echoed += wire.Instant(w.rng.IntN(4))
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
