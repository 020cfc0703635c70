package simulate

import (
	"time"

	"locum/cluster"
	"locum/heartbeat"
	"locum/wire"
)

func (n *node) startEngine() {
	n.engineStart++
	n.engine, n.engineFile = cluster.New(n.config, n.cfg.Number), n.config
	n.endLeftovers()
	n.wake, n.backlog = 0, nil
	n.heart.step(heartbeat.EngineStarted{Number: n.engineStart})
}

func (n *node) killEngine() {
	n.engine = nil
	clear(n.watched)
	clear(n.listens)
}

// step hands the engine one event and carries out what it wants.
func (n *node) step(ev cluster.Event) {
	if n.engine == nil {
		return
	}
	if n.stopped {
		n.backlog = append(n.backlog, func() { n.step(ev) })
		return
	}
	for _, a := range n.engine.Step(n.now(), ev) {
		n.act(a)
	}
}

// later hands an event to this engine after some time, unless another has taken its place.
func (n *node) later(d time.Duration, ev cluster.Event) {
	e := n.engine
	n.w.in(d, func() {
		if n.engine == e {
			n.step(ev)
		}
	})
}

func (n *node) act(a cluster.Action) {
	if s, ok := a.(cluster.Send); ok && n.w.Said != nil {
		n.w.Said(n.cfg.Number, s.To, s.Body)
	}
	if r, ok, err := cluster.RecordOf(a); err != nil {
		n.w.broken("message: one that cannot be sent: %v", err)
		return
	} else if ok {
		n.w.checks.saw(n, a)
		n.tellHeart(r)
		return
	}
	switch a := a.(type) {
	case cluster.RunOp:
		n.runOp(a)
	case cluster.CancelOp:
		n.cancelOp(a.ID)
	case cluster.Watch:
		n.watched[a.Resource] = a.On
	case cluster.Listen:
		n.listens[a.Resource] = a.On
	case cluster.Shoot:
		n.shoot(a)
	case cluster.ReadPower:
		n.readPower(a)
	case cluster.JoinDisk:
		n.joinDisk(a)
	case cluster.ReadKeys:
		n.readKeys(a)
	case cluster.CancelJoin:
		n.joining = 0
	case cluster.Store:
		n.store(a)
	case cluster.Wake:
		n.setWake(a.At)
	case cluster.Adopt:
		n.adopt(a.Text)
	case cluster.Answer:
		n.w.answers = append(n.w.answers, a.Result)
		n.w.checks.answered(a)
		if a.Result.Over != "" {
			n.w.checks.overrides(n)
		}
		n.w.log(n, "answer %d: %s", a.Result.Code, a.Result.Text)
	case cluster.Tell:
		n.w.log(n, "%s: %s", a.Event.Kind, a.Event.Text)
	}
}

// The directions of hops.
const (
	toHeart = iota
	toEngine
)

// hops does something when a record has got from one process to the other.
func (n *node) hops(direction int, do func()) {
	n.hopped[direction] = max(n.hopped[direction], n.w.now+wire.Instant(n.hop))
	n.w.queue.put(n.hopped[direction], do)
}

// tellHeart carries a record to the heart that runs now. The socket of an engine that is gone is gone with it.
func (n *node) tellHeart(r wire.ToHeart) {
	h, e := n.heart, n.engine
	n.hops(toHeart, func() {
		if n.heart == h && h != nil && n.engine == e {
			h.step(heartbeat.FromEngine{ToHeart: r})
		}
	})
}

// engineGets is what the engine's process does with a record from its heart.
func (n *node) engineGets(r wire.ToEngine) {
	if n.stopped {
		n.backlog = append(n.backlog, func() { n.engineGets(r) })
		return
	}
	switch {
	case r.Arrived != nil && n.isLate(r):
		return
	case r.Welcome != nil:
		n.step(cluster.Started{Welcome: *r.Welcome, Durable: n.durable})
		return
	case r.Ping != nil:
		n.tellHeart(wire.ToHeart{Pong: r.Ping})
		return
	}
	ev, ok, err := cluster.EventOf(r)
	if err != nil {
		n.w.broken("message: one that cannot be read: %v", err)
	}
	if ok {
		n.step(ev)
	}
	if r.Arrived != nil {
		n.tellHeart(wire.ToHeart{Took: &wire.Took{From: r.Arrived.From, Number: r.Arrived.Number}})
	}
}

func (n *node) setWake(at wire.Instant) {
	n.wake = at
	if at == 0 {
		return
	}
	e := n.engine
	n.w.queue.put(max(n.clock.when(at), n.w.now), func() {
		if n.engine == e && n.wake == at {
			n.wake = 0
			n.step(cluster.Tick{})
		}
	})
}

// crashEngine ends the engine; the heart starts it anew. On a paused machine nobody can.
func (n *node) crashEngine() {
	if n.paused {
		n.stalled = append(n.stalled, n.crashEngine)
		return
	}
	if n.engine == nil || n.heart == nil {
		return
	}
	n.killEngine()
	n.stopped = false
	n.heart.step(heartbeat.EngineGone{})
	h := n.heart
	n.w.in(50*time.Millisecond, func() {
		if n.heart == h && h != nil && n.powered && n.engine == nil {
			n.startEngine()
		}
	})
}

// contEngine has a stopped engine go on: it takes up what has queued.
func (n *node) contEngine() {
	n.stopped = false
	backlog := n.backlog
	n.backlog = nil
	for _, do := range backlog {
		do()
	}
}
