package cluster_test

import (
	"testing"
	"time"

	"locum/cluster"
	"locum/config"
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
	cfg, problems := config.Parse("f", twoNodes)
	if cfg == nil {
		t.Fatal(problems)
	}
	b := &bidder{e: cluster.New(cfg, 1), now: wire.Instant(time.Hour)}
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
	for range 3 {
		outbid.step(cluster.MessageArrived{From: 2, Life: wire.Life{Node: 2, Incarnation: 1, EngineStart: 1}, Body: cluster.Message{
			Refuse: &cluster.Refuse{Epoch: outbid.epoch, Promised: outbid.epoch + 1000, Why: "a newer epoch is promised already"}}})
	}
	if n := len(outbid.proposed); n != 4 {
		t.Fatalf("%d proposals at the first instant, want 4: the first, and three that went higher", n)
	}
	plain := newBidder(t)
	for len(plain.proposed) < 3 || len(outbid.proposed) < 6 {
		plain.sleep(t)
		outbid.sleep(t)
	}
	for i, want := range plain.proposed[1:3] {
		if got := outbid.proposed[4+i]; got != want {
			t.Errorf("proposal %d after the first instant comes %v after it, want %v as without being outbid", i+1,
				time.Duration(got-outbid.proposed[0]), time.Duration(want-plain.proposed[0]))
		}
	}
}
