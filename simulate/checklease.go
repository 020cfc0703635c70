package simulate

import (
	"time"

	"locum/wire"
)

// noteLease: a node runs services after its lease is over and its watchdog had the time to bite.
func (n *node) noteLease(r wire.ToEngine) {
	was := n.lease.State
	switch {
	case r.Welcome != nil:
		n.lease = r.Welcome.Lease
	case r.Lease != nil:
		n.lease = *r.Lease
	default:
		return
	}
	if n.lease.State != wire.LeaseOver || !n.fencesItself() {
		return
	}
	if was != wire.LeaseOver || n.overBoot != n.boots {
		n.overSince, n.overBoot = n.w.now, n.boots
	}
	boots, most := n.boots, n.longestBite()+time.Second
	n.w.in(most, func() {
		if n.powered && n.boots == boots && n.lease.State == wire.LeaseOver && time.Duration(n.w.now-n.overSince) >= most && n.fencesItself() && n.runsAnything() {
			n.w.broken("lease: %s runs services %s after its lease was over", n.cfg.Name, most)
		}
	})
}

// looksEvery is the pace of watchSilence.
const looksEvery = time.Second

// watchSilence: a node that nobody has spoken to for longer than its lease and its watchdog's time runs services, though
// its view needs others. This one trusts nothing that the node itself says about its lease.
func (n *node) watchSilence() {
	boots := n.boots
	n.w.in(looksEvery, func() {
		if n.boots != boots || !n.powered {
			return
		}
		n.watchSilence()
		v := n.w.checks.forces[n.cfg.Number]
		most := n.clock.lasts(n.config.Lease) + n.longestBite() + looksEvery
		alone := v.Members.Count() < 2 || v.Quorate && votesIn(v, n.cfg.Number) >= v.Needed
		if n.fencesItself() && !v.Exempt && !alone && time.Duration(n.w.now-n.reached) > most && n.runsAnything() {
			n.w.broken("lease: %s runs services though it heard nobody for more than %s", n.cfg.Name, most)
		}
	})
}

// fencesItself reports whether the node's machine is reset when it must not go on.
func (n *node) fencesItself() bool { return n.armed || n.config.Watchdog.Device != "" && !n.unguarded }

// longestBite is the longest that its watchdog can take.
func (n *node) longestBite() time.Duration { return max(n.bites, n.config.Watchdog.Timeout) }

func (n *node) runsAnything() bool {
	for _, s := range n.states {
		if s == wire.StateRunning {
			return true
		}
	}
	return false
}
