package heartbeat

import (
	"fmt"
	"testing"
	"time"

	"locum/wire"
)

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
