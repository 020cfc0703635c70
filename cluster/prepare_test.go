package cluster_test

import (
	"testing"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// target is beta as a member of a view that alpha leads, by hand: an instant and an event at a time.
type target struct {
	t   *testing.T
	e   *cluster.Engine
	now wire.Instant
	ops []cluster.RunOp
	ask []cluster.Permit
}

var alphaLife = wire.Life{Node: 1, Incarnation: 1, EngineStart: 1}

func newTarget(t *testing.T) *target {
	t.Helper()
	cfg, problems := config.Parse("f", twoNodes)
	if cfg == nil {
		t.Fatal(problems)
	}
	b := &target{t: t, e: cluster.New(cfg, 2), now: wire.Instant(time.Hour)}
	b.step(cluster.Started{Welcome: wire.Welcome{Self: 2, Incarnation: 1, EngineStart: 1, Lease: wire.Lease{State: wire.LeaseHeld}},
		Durable: cluster.Durable{Known: true, Ceiling: 100}})
	b.step(cluster.PeerChanged{Peer: wire.Peer{Node: 1, State: wire.PeerUp, Incarnation: 1, EngineUp: true, EngineStart: 1, Hears: 3}})
	b.admit(101)
	return b
}

// step carries out what needs no choice, as heart and workers do.
func (b *target) step(ev cluster.Event) {
	b.now += wire.Instant(time.Millisecond)
	for _, a := range b.e.Step(b.now, ev) {
		switch a := a.(type) {
		case cluster.Cease:
			b.step(cluster.Ceased(a))
		case cluster.Store:
			b.step(cluster.Stored{ID: a.ID, OK: true})
		case cluster.Permit:
			b.ask = append(b.ask, a)
		case cluster.RunOp:
			if a.Kind == cluster.OpProbe {
				b.step(cluster.OpEnded{ID: a.ID, Outcome: wire.OutcomeDone, State: wire.StateStopped})
				continue
			}
			b.ops = append(b.ops, a)
		}
	}
}

func (b *target) hear(m cluster.Message) {
	b.step(cluster.MessageArrived{From: 1, Life: alphaLife, Body: m})
}

func (b *target) admit(epoch wire.Epoch) {
	b.hear(cluster.Message{Propose: &cluster.Propose{Epoch: epoch, Members: 3, Quorate: true}})
	b.hear(cluster.Message{Install: &cluster.Install{View: cluster.View{Epoch: epoch, Leader: 1, Members: 3,
		Lives:   []wire.Life{alphaLife, {Node: 2, Incarnation: 1, EngineStart: 1}},
		Verdict: cluster.Verdict{Quorate: true, Have: 2, Total: 2, Voters: 3}}}})
}

func (b *target) order(epoch wire.Epoch, serial uint64, prepare, run []string) {
	b.hear(cluster.Message{Orders: &cluster.Orders{Epoch: epoch, Serial: serial, Prepare: prepare, Run: run}})
}

func TestThePermitOfAPreparedStart(t *testing.T) {
	web := []string{"web"}
	soon := func(b *target) wire.Instant { return b.now + wire.Instant(4*time.Second) }
	for _, c := range []struct {
		name string
		play func(b *target) // from the moment at which the permit is in hand
		own  bool            // the start needs a permit of its own
	}{
		{"is used by the order that follows", func(b *target) { b.order(101, 2, nil, web) }, false},
		{"is not used once it has run out, as after a sleep", func(b *target) {
			b.now += wire.Instant(5 * time.Second)
			b.order(101, 2, nil, web)
		}, true},
		{"is not used under another view", func(b *target) {
			b.admit(102)
			b.order(102, 1, nil, web)
		}, true},
		{"is let go when the leader changes its mind", func(b *target) {
			b.order(101, 2, nil, nil)
			b.order(101, 3, nil, web)
		}, true},
		{"is let go when half of the lease is over", func(b *target) {
			b.step(cluster.LeaseChanged{Lease: wire.Lease{State: wire.LeaseHalf}})
			b.step(cluster.LeaseChanged{Lease: wire.Lease{State: wire.LeaseHeld}})
			b.now += wire.Instant(time.Second)
			b.order(101, 2, nil, web)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newTarget(t)
			b.order(101, 1, web, nil)
			if len(b.ask) != 1 || len(b.ops) != 0 {
				t.Fatalf("prepared: permits %v, operations %v", b.ask, b.ops)
			}
			b.step(cluster.Permitted{ID: b.ask[0].ID, OK: true, Until: soon(b)})
			before := len(b.ask)
			c.play(b)
			b.now += wire.Instant(time.Second)
			b.step(cluster.Tick{})
			if asked := len(b.ask) > before; asked != c.own || asked == (len(b.ops) > 0) {
				t.Errorf("permits asked %v, operations %v; want a permit of its own: %t", b.ask, b.ops, c.own)
			}
		})
	}
}

func TestAPermitThatIsAwaitedIsUsedByTheOrderThatOvertakesIt(t *testing.T) {
	b := newTarget(t)
	b.order(101, 1, []string{"web"}, nil)
	b.order(101, 2, nil, []string{"web"})
	if len(b.ask) != 1 || len(b.ops) != 0 {
		t.Fatalf("before the answer: permits %v, operations %v", b.ask, b.ops)
	}
	b.step(cluster.Permitted{ID: b.ask[0].ID, OK: true, Until: b.now + wire.Instant(time.Second)})
	if len(b.ask) != 1 || len(b.ops) != 1 || b.ops[0].Kind != cluster.OpStart {
		t.Errorf("after it: permits %v, operations %v", b.ask, b.ops)
	}
}
