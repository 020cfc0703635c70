package heartbeat

import (
	"testing"

	"locum/wire"
)

// TestWhatIsHeardIsKnownWithoutAnEngine: the engine is gone while the other node dies, and the lease runs down.
func TestWhatIsHeardIsKnownWithoutAnEngine(t *testing.T) {
	w, a, b := pairWithView(t)
	w.until("the lease is held", second, func() bool { return a.h.Lease().State == wire.LeaseHeld })
	a.step(EngineGone{})
	peers := a.h.Peers()
	if len(peers) != 1 || peers[0].Node != 2 || peers[0].State != wire.PeerUp || peers[0].LastHeard == 0 {
		t.Fatalf("the other node is heard, and known is %+v", peers)
	}
	heard := peers[0].LastHeard
	w.run(100 * ms)
	if peers = a.h.Peers(); peers[0].LastHeard <= heard {
		t.Errorf("last heard stands still at %d", heard)
	}
	b.kill()
	w.until("the other node is dead", 2*second, func() bool { return a.h.Peers()[0].State == wire.PeerDead })
	w.until("the lease is over", 10*second, func() bool { return a.h.Lease().State == wire.LeaseOver })
}
