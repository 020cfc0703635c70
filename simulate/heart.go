package simulate

import (
	"time"

	"locum/cluster"
	"locum/wire"
)

// heart is a plain model of the heart: beats, silence, grants and lease, by the rules of the design.
type heart struct {
	n     *node
	dead  bool
	peers map[wire.Node]*heard
	view  wire.ViewForHeart
	below wire.Epoch // grants nothing under views below it
	idle  bool
	lease wire.Lease
	// echoed is, for each member, when this node sent the newest beat that it has echoed inside the same view.
	echoed map[wire.Node]wire.Instant
	queue  []cluster.Send
}

type heard struct {
	p    wire.Peer
	last beat
}

// beat is what one heart says to the others.
type beat struct {
	from  wire.Peer
	sent  wire.Instant
	echo  map[wire.Node]wire.Instant // of each peer, when it sent the newest beat heard from it
	boots int
}

func newHeart(n *node) *heart {
	h := &heart{n: n, peers: map[wire.Node]*heard{}, echoed: map[wire.Node]wire.Instant{}}
	if n.run != nil && n.w.now < n.runLease.Until {
		h.view, h.lease = *n.run, n.runLease
	}
	n.w.each(func(o *node) {
		if o != n {
			h.peers[o.cfg.Number] = &heard{p: wire.Peer{Node: o.cfg.Number}}
		}
	})
	return h
}

func (h *heart) engineStarted(number uint16) {
	n := h.n
	w := wire.Welcome{Version: wire.RecordsVersion, Self: n.cfg.Number, Incarnation: n.incarnation, Boot: n.boot,
		Machine: n.id("machine", 0), EngineStart: number, Lease: h.lease}
	if h.view.Epoch != 0 {
		v := h.view
		w.Resume = &v
	}
	n.later(time.Millisecond, cluster.Started{Welcome: w, Durable: n.durable})
	n.w.each(func(o *node) {
		if p := h.peers[o.cfg.Number]; p != nil && p.p.State != wire.PeerNever {
			n.later(time.Millisecond, cluster.PeerChanged{Peer: p.p})
		}
	})
}

func (h *heart) dur(d time.Duration) wire.Instant { return wire.Instant(d) }

// tick sends a beat, judges silence and the lease, and comes again.
func (h *heart) tick() {
	if h.dead {
		return
	}
	if !h.n.paused {
		h.judge()
		h.sendBeat()
	}
	h.n.w.in(h.n.w.Config.Beat.Every, h.tick)
}

func (h *heart) granted() wire.Epoch {
	if h.view.Epoch < h.below {
		return 0
	}
	return h.view.Epoch
}

func (h *heart) me() wire.Peer {
	n := h.n
	p := wire.Peer{Node: n.cfg.Number, State: wire.PeerUp, Incarnation: n.incarnation, Boot: n.boot, Machine: n.id("machine", 0),
		EngineUp: n.engine != nil && !n.stopped, EngineStart: n.engineStart, Quorate: h.view.Quorate && h.granted() != 0, Idle: h.idle,
		Epoch: h.granted(), LeaseMS: uint32(n.w.Config.Lease / time.Millisecond), ObeysLease: n.w.Config.Watchdog.Device != "",
		Armed: n.w.Config.Watchdog.Device != "", WatchdogMS: uint32(n.w.Config.Watchdog.Timeout / time.Millisecond)}
	for id, o := range h.peers {
		if o.p.State == wire.PeerUp || o.p.State == wire.PeerLate {
			p.Hears = p.Hears.With(id)
		}
	}
	return p
}

func (h *heart) sendBeat() {
	b := beat{from: h.me(), sent: h.n.w.now, echo: map[wire.Node]wire.Instant{}, boots: h.n.boots}
	for id, o := range h.peers {
		b.echo[id] = o.last.sent
	}
	h.n.w.each(func(o *node) {
		if o != h.n {
			h.n.w.deliver(h.n, o, func() { o.heart.hear(b) })
		}
	})
}

// deliver carries something from one node to another unless the cable is cut.
func (w *World) deliver(from, to *node, do func()) {
	if w.cut[[2]wire.Node{from.cfg.Number, to.cfg.Number}] {
		return
	}
	w.in(w.Delay, func() {
		if to.heart != nil && !to.paused {
			do()
		}
	})
}

func (h *heart) hear(b beat) {
	o := h.peers[b.from.Node]
	if b.sent < o.last.sent || b.from.Incarnation < o.p.Incarnation {
		return
	}
	o.last = b
	if b.from.Epoch != 0 && b.from.Epoch == h.granted() {
		h.echoed[b.from.Node] = max(h.echoed[b.from.Node], b.echo[h.n.cfg.Number])
	}
	p := b.from
	p.State, p.LastHeard = wire.PeerUp, h.n.w.now
	h.changed(o, p)
	h.judge()
}

func (h *heart) changed(o *heard, p wire.Peer) {
	old := o.p
	o.p = p
	old.LastHeard = p.LastHeard
	if old != p {
		h.n.later(30*time.Microsecond, cluster.PeerChanged{Peer: p})
	}
}

func (h *heart) judge() {
	dead := h.n.w.Config.Beat.Dead
	h.n.w.each(func(n *node) {
		o := h.peers[n.cfg.Number]
		if o == nil || o.p.State == wire.PeerNever {
			return
		}
		p := o.p
		switch silent := time.Duration(h.n.w.now - p.LastHeard); {
		case silent >= dead:
			p.State = wire.PeerDead
		case silent >= dead/2 && p.State == wire.PeerUp:
			p.State = wire.PeerLate
		}
		h.changed(o, p)
	})
	h.judgeLease()
}

// judgeLease counts from the sending of the newest beat that enough members have echoed inside the same view.
func (h *heart) judgeLease() {
	now, cfg := h.n.w.now, h.n.w.Config
	l := h.lease
	if h.view.Quorate && h.granted() != 0 {
		if from := h.quorumEcho(); from != 0 {
			l.Until = max(l.Until, from+h.dur(cfg.Lease))
		}
	}
	switch {
	case h.view.Exempt:
		l = wire.Lease{State: wire.LeaseExempt, Until: now + h.dur(cfg.Lease)}
	case now >= l.Until:
		l.State = wire.LeaseOver
	case now >= l.Until-h.dur(cfg.Lease/2):
		l.State = wire.LeaseHalf
	default:
		l.State = wire.LeaseHeld
	}
	if l.State != h.lease.State {
		h.n.later(30*time.Microsecond, cluster.LeaseChanged{Lease: l})
	}
	h.lease = l
	h.n.runLease = l
}

func (h *heart) quorumEcho() wire.Instant {
	best := wire.Instant(0)
	for _, candidate := range append([]wire.VoteOf{}, h.view.Votes...) {
		from := h.n.w.now
		if candidate.Node != h.n.cfg.Number {
			from = h.echoed[candidate.Node]
		}
		votes := 0
		for _, v := range h.view.Votes {
			if v.Node == h.n.cfg.Number || h.echoed[v.Node] >= from {
				votes += v.Votes
			}
		}
		if votes >= h.view.Needed {
			best = max(best, from)
		}
	}
	return best
}

func (h *heart) setView(v wire.ViewForHeart) {
	h.view = v
	h.echoed = map[wire.Node]wire.Instant{}
	if v.Quorate && h.lease.State != wire.LeaseHeld {
		h.lease.Until = max(h.lease.Until, h.n.w.now)
	}
	keep := v
	h.n.run = &keep
	h.judge()
	h.sendBeat()
}

func (h *heart) cease(below wire.Epoch) {
	h.below = max(h.below, below)
	h.n.later(30*time.Microsecond, cluster.Ceased{Below: below})
}

func (h *heart) permit(epoch wire.Epoch) bool {
	ok := epoch == h.granted() && (h.lease.State == wire.LeaseHeld || h.lease.State == wire.LeaseExempt)
	if ok {
		h.idle = false
	}
	return ok
}

// send carries a message until it is taken, or until either side's session ends.
func (h *heart) send(s cluster.Send) {
	from, to := h.n, h.n.w.nodes[s.To]
	body, err := cluster.Encode(s.Body)
	if err != nil {
		h.n.w.broken("message cannot be encoded: %v", err)
		return
	}
	h.try(s, body, from.engine, to, to.engine)
}

func (h *heart) try(s cluster.Send, body []byte, mine *cluster.Engine, to *node, theirs *cluster.Engine) {
	from := h.n
	if from.engine != mine {
		return
	}
	if to.engine != theirs || theirs == nil {
		from.step(cluster.MessageEnded{ID: s.ID, To: s.To})
		return
	}
	if from.w.cut[[2]wire.Node{from.cfg.Number, to.cfg.Number}] || to.paused || to.stopped {
		if p := h.peers[s.To]; p.p.State == wire.PeerDead {
			from.step(cluster.MessageEnded{ID: s.ID, To: s.To})
			return
		}
		from.w.in(20*time.Millisecond, func() { h.try(s, body, mine, to, theirs) })
		return
	}
	from.w.in(from.w.Delay, func() {
		if to.engine != theirs {
			h.try(s, body, mine, to, theirs)
			return
		}
		m, err := cluster.Decode(body)
		if err != nil {
			from.w.broken("message cannot be decoded: %v", err)
			return
		}
		life := wire.Life{Node: from.cfg.Number, Boot: from.boot, Machine: from.id("machine", 0), Incarnation: from.incarnation, EngineStart: from.engineStart}
		to.step(cluster.MessageArrived{From: from.cfg.Number, Life: life, Body: m})
		from.later(from.w.Delay, cluster.MessageEnded{ID: s.ID, To: s.To, Outcome: wire.OutcomeDone})
	})
}
