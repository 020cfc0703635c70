package simulate

import (
	"bytes"
	"time"

	"locum/config"
	"locum/heartbeat"
	"locum/wire"
)

// heart is one life of a node's heart process: the real heartbeat.Heart and the loop around it.
type heart struct {
	n       *node
	h       *heartbeat.Heart
	file    *config.Config // that it goes by: another one takes effect with the next life
	dead    bool
	wake    wire.Instant
	waiting []arrival       // in the kernel's receive queue
	sent    []byte          // the frame of this step that was sent last, as it is in the heart's memory
	copied  []byte          // a copy of it, which all its ways share
	keys    []wire.KeyPrint // that it goes by
	drain   func()          // loop: making it a value at each frame would cost as much as the frame
}

// hop is how long a record takes from one process of a node to the other.
const hop = 30 * time.Microsecond

func newHeart(n *node) *heart {
	s := heartbeat.Settings{Config: n.config, Self: n.cfg.Number, Incarnation: n.incarnation, Boot: n.boot,
		Machine: n.id("machine", 0), Salt: wire.Salt(n.id("salt", n.lives)), Keys: n.keys(), Resume: n.run}
	seed := n.id("seed", n.lives)
	copy(s.Seed[:], seed[:])
	real, err := heartbeat.New(s)
	if err != nil {
		n.w.broken("a heart that cannot be made: %v", err)
		return &heart{n: n, dead: true}
	}
	h := &heart{n: n, h: real, file: n.config}
	if h.keys, err = wire.PrintsOf(s.Keys); err != nil {
		panic(err)
	}
	h.drain = h.loop
	return h
}

// receive puts a frame into the kernel's queue. What comes at one instant is drained at once.
func (h *heart) receive(a arrival) {
	h.waiting = append(h.waiting, a)
	if len(h.waiting) == 1 {
		h.n.w.in(0, h.drain)
	}
}

// arrival is a frame that has come, when in the world's time, and what is true of it.
type arrival struct {
	truth *passage
	at    wire.Instant
	frame heartbeat.Frame
}

// copyOf gives a copy of a frame that is valid only until the next step.
func (h *heart) copyOf(frame []byte) []byte {
	if len(frame) != len(h.sent) || &frame[0] != &h.sent[0] {
		h.sent, h.copied = frame, bytes.Clone(frame)
	}
	return h.copied
}

// loop is what the process does when something wakes it: drain, then tick.
func (h *heart) loop() {
	if h.dead || h.n.paused {
		return
	}
	for _, a := range h.waiting {
		h.n.w.arrives(h.n, a)
		h.step(a.frame)
	}
	clear(h.waiting)
	h.waiting = h.waiting[:0]
	h.step(heartbeat.Tick{Drained: true})
}

func (h *heart) step(in heartbeat.Input) {
	if h.dead {
		return
	}
	if h.n.paused {
		h.n.stalled = append(h.n.stalled, func() { h.step(in) })
		return
	}
	if said, ok := in.(heartbeat.FromEngine); ok && said.View != nil {
		h.n.w.checks.inForce(h.n, *said.View)
	}
	h.sent = nil
	for _, o := range h.h.Step(h.n.now(), in) {
		h.carryOut(o)
	}
	h.n.checkLease(h.h.Lease(), h.file.Lease)
}

func (h *heart) carryOut(o heartbeat.Output) {
	n := h.n
	switch o := o.(type) {
	case heartbeat.Transmit:
		n.w.send(n, o)
	case heartbeat.ToEngine:
		h.tellEngine(o.ToEngine)
	case heartbeat.WakeAt:
		h.wakeAt(o.At)
	case heartbeat.Persist:
		state := o.State
		n.run = &state
	case heartbeat.Alarm:
		n.w.log(n, "heart: %s", o.Text)
	case heartbeat.KillEngine:
		n.w.in(0, n.crashEngine)
	case heartbeat.Arm:
		came := n.armWatchdog()
		n.w.in(0, func() { h.step(came) })
	case heartbeat.Pet:
		n.pet(h, o.Until)
	case heartbeat.Settle:
		came := n.settleWatchdog()
		n.w.in(0, func() { h.step(came) })
	case heartbeat.Reset:
		if n.w.checks.calm && !n.w.checks.byHand {
			n.w.broken("needless: %s is reset though nothing is wrong: %s", n.cfg.Name, o.Why)
		}
		if n.config.Watchdog.Device != "" {
			h.dead = true
			n.w.in(0, func() { n.reset(o.Why) })
		}
	case heartbeat.OnDisk:
		h.onDisk(o.Action)
	case heartbeat.Restart:
		n.incarnation = max(n.incarnation, o.AtLeast-1)
		h.dead = true
		n.w.in(0, n.bounceHeart)
	case heartbeat.Exit:
		n.armed = false
		n.w.in(0, n.killHeart)
	}
}

// tellEngine carries a record to the engine that runs now. What Ping asks is answered by the process, not by Step.
func (h *heart) tellEngine(r wire.ToEngine) {
	n, e := h.n, h.n.engine
	n.noteLease(r)
	switch {
	case r.Peer != nil:
		n.checkGhosts(*r.Peer)
	case r.Ceased != nil:
		n.truth.ceased = max(n.truth.ceased, r.Ceased.Below)
	}
	n.hops(toEngine, func() {
		if n.engine != e || e == nil || h.dead {
			return
		}
		n.engineGets(r)
	})
}

func (h *heart) wakeAt(at wire.Instant) {
	h.wake = at
	h.n.w.queue.put(max(h.n.clock.when(at), h.n.w.now), func() {
		if h.wake == at {
			h.loop()
		}
	})
}
