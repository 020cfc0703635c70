package simulate

import (
	"time"

	"locum/wire"
)

// truth is what really passed between a node and the others: what its heart believes is held against it. Instants are of
// the world's time.
type truth struct {
	heard  [wire.MaxNodes + 1]wire.Instant // when the newest frame was sent that came from each other node
	came   [wire.MaxNodes + 1]wire.Instant // when a frame of each other node last came that was no recording
	echoed [wire.MaxNodes + 1]wire.Instant // when this node sent what each other last confirmed inside the view
	ceased wire.Epoch                      // below it the node grants nothing
	epoch  wire.Epoch                      // of the lease that was looked at last
	until  wire.Instant                    // its end, in the node's time
}

// recording is how old a frame that comes once more has to be to be called one: the first copy of a younger one may have
// come before its sender was admitted.
const recording = wire.Instant(3 * time.Second)

// passage is what is true of a frame when it is sent. All copies of it share it.
type passage struct {
	from  *node
	came  bool
	sent  wire.Instant
	heard wire.Instant // when the receiver had sent the newest frame that the sender knew of
	epoch wire.Epoch   // of the view that the sender was in
}

func (w *World) departs(from, to *node) *passage {
	p := &passage{from: from, sent: w.now, heard: from.truth.heard[to.cfg.Number]}
	if v := w.checks.forces[from.cfg.Number]; v.Epoch >= from.truth.ceased {
		p.epoch = v.Epoch
	}
	return p
}

func (w *World) arrives(to *node, a arrival) {
	p := a.truth
	if p == nil {
		return
	}
	n := p.from.cfg.Number
	if !p.came || a.at-p.sent < recording {
		to.truth.came[n] = a.at
	}
	p.came = true
	to.truth.heard[n] = max(to.truth.heard[n], p.sent)
	if p.epoch != 0 && p.epoch == w.checks.forces[to.cfg.Number].Epoch {
		to.truth.echoed[n] = max(to.truth.echoed[n], p.heard)
	}
}

// checkLease: a lease grows beyond what the others can have granted, counted from the sending of the newest frame that
// enough of them have confirmed inside the view. It lasts as long as the file says by which the heart goes.
func (n *node) checkLease(l wire.Lease, lasts time.Duration) {
	v, t := n.w.checks.forces[n.cfg.Number], &n.truth
	grew := l.Until > t.until && v.Epoch == t.epoch
	t.until, t.epoch = l.Until, v.Epoch
	if grew {
		n.checkClaim(v, l, lasts)
	}
	if !grew || v.Epoch == 0 || v.Exempt || l.State == wire.LeaseExempt || v.Members.Count() < 2 {
		return
	}
	own := votesIn(v, n.cfg.Number)
	if own >= v.Needed {
		return
	}
	best := wire.Instant(0)
	for _, o := range v.Votes {
		since, votes := t.echoed[o.Node], own
		for _, other := range v.Votes {
			if other.Node != n.cfg.Number && t.echoed[other.Node] >= since {
				votes += other.Votes
			}
		}
		if o.Node != n.cfg.Number && votes >= v.Needed {
			best = max(best, since)
		}
	}
	if most := n.clock.shows(best) + wire.Instant(lasts) + wire.Instant(time.Microsecond); l.Until > most {
		n.w.broken("lease: %s believes that its lease lasts %s longer than the others granted", n.cfg.Name, time.Duration(l.Until-most))
	}
}

func votesIn(v wire.ViewForHeart, n wire.Node) int {
	for _, o := range v.Votes {
		if o.Node == n {
			return o.Votes
		}
	}
	return 0
}

// checkGhosts: a node is heard that sent nothing at that time: a recording was believed.
func (n *node) checkGhosts(p wire.Peer) {
	came := n.truth.came[p.Node]
	if p.State != wire.PeerUp || p.LastHeard == 0 {
		return
	}
	if p.LastHeard > n.clock.shows(came)+1 {
		n.w.broken("ghost: %s takes a recording for word of node %d", n.cfg.Name, p.Node)
	}
}
