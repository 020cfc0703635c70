package cluster_test

import (
	"testing"
	"time"

	"locum/cluster"
	"locum/wire"
)

// bidder is alpha, which proposes a view with beta, and when it did so.
type bidder struct {
	e         *cluster.Engine
	now, wake wire.Instant
	proposed  []wire.Instant
	epoch     wire.Epoch // of the newest
}

func newBidder(t *testing.T) *bidder {
	t.Helper()
	b := &bidder{e: cluster.New(parsed(t, twoNodes), 1), now: wire.Instant(time.Hour)}
	b.step(cluster.Started{Welcome: wire.Welcome{Self: 1, Incarnation: 1, EngineStart: 1, Lease: wire.Lease{State: wire.LeaseHeld}},
		Durable: cluster.Durable{Known: true, Ceiling: 100}})
	b.step(cluster.PeerChanged{Peer: wire.Peer{Node: 2, State: wire.PeerUp, Incarnation: 1, EngineUp: true, EngineStart: 1, Hears: 3}})
	return b
}

func (b *bidder) step(ev cluster.Event) {
	for _, a := range b.e.Step(b.now, ev) {
		switch a := a.(type) {
		case cluster.Cease:
			b.step(cluster.Ceased(a))
		case cluster.Store:
			b.step(cluster.Stored{ID: a.ID, OK: true})
		case cluster.Wake:
			b.wake = a.At
		case cluster.Send:
			if p := a.Body.Propose; p != nil {
				b.proposed, b.epoch = append(b.proposed, b.now), p.Epoch
			}
		}
	}
}

// refused answers the newest proposal.
func (b *bidder) refused(promised wire.Epoch, awaits wire.Node) {
	b.step(cluster.MessageArrived{From: 2, Life: wire.Life{Node: 2, Incarnation: 1, EngineStart: 1}, Body: cluster.Message{
		Refuse: &cluster.Refuse{Epoch: b.epoch, Promised: promised, Why: "a newer epoch is promised already", Awaits: awaits}}})
}

// sleep goes on to the next instant that the engine has asked for.
func (b *bidder) sleep(t *testing.T) {
	t.Helper()
	if b.wake <= b.now {
		t.Fatalf("it waits for nothing after %d proposals", len(b.proposed))
	}
	b.now = b.wake
	b.step(cluster.Tick{})
}

// Two nodes that outbid each other must not end in a pause that is longer than half a lease (SAFETY 21): a proposal that was
// only too low is made again at once, and counts for nothing in how long the next one waits.
func TestAProposalThatWasOutbidDoesNotLengthenThePauseBeforeTheNext(t *testing.T) {
	outbid := newBidder(t)
	for range 4 {
		outbid.refused(outbid.epoch+1000, 0)
	}
	if n := len(outbid.proposed); n != 4 {
		t.Fatalf("%d proposals at the first instant, want 4: the first, and three that went higher", n)
	}
	plain := newBidder(t)
	plain.refused(0, 0)
	for len(plain.proposed) < 3 {
		plain.sleep(t)
		plain.refused(0, 0)
		outbid.sleep(t)
		outbid.refused(0, 0)
	}
	for i, want := range plain.proposed[1:3] {
		if got := outbid.proposed[4+i]; got != want {
			t.Errorf("proposal %d after the first instant comes %v after it, want %v as without being outbid", i+1,
				time.Duration(got-outbid.proposed[0]), time.Duration(want-plain.proposed[0]))
		}
	}
}

// A proposal that the other has not answered yet is on its way: one above it would only make all of it anew, again and again on a
// slow line.
func TestAProposalUnderWayIsNotOutbidByItsProposer(t *testing.T) {
	b := newBidder(t)
	for b.now < b.proposed[0]+wire.Instant(2*time.Second) {
		if len(b.proposed) != 1 {
			t.Fatalf("%d proposals after %v, want one for a quarter of a lease of 8s", len(b.proposed), time.Duration(b.now-b.proposed[0]))
		}
		b.now += wire.Instant(10 * time.Millisecond)
		b.step(cluster.Tick{})
	}
}

// Who is refused because the other waits for a third node's view waits for that too.
func TestWhoIsToldOfAnothersProposalWaitsForIt(t *testing.T) {
	b := newBidder(t)
	b.refused(b.epoch+1000, 2)
	b.sleep(t)
	if took := time.Duration(b.now - b.proposed[0]); took != 3*time.Second {
		t.Errorf("the next proposal is made after %v, want three eighths of a lease of 8s", took)
	}
}
