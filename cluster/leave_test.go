package cluster

import (
	"strings"
	"testing"

	"locum/config"
	"locum/wire"
)

// Who stops locum at night learns from its status what it waits for.
func TestALeavingNodeSaysWhatItWaitsFor(t *testing.T) {
	cfg, problems := config.Parse("f", "cluster t\nkey /k\nnode 1 alpha\nnode 2 beta\npath udp lan alpha=192.0.2.1 beta=192.0.2.2\ntiebreak unsafe\nservice web nodes=alpha,beta stateless=yes\nresource web unit web.service\n")
	if cfg == nil {
		t.Fatal(problems)
	}
	e := New(cfg, 1)
	e.view, e.promised, e.leaving.asked = View{Epoch: 65, Leader: 1, Members: wire.SetOf(1)}, 65, true
	why := func() string { return e.nodeStatus(1).Why }
	if got := why(); !strings.Contains(got, "waits until web is known to be stopped here; it is unknown") {
		t.Errorf("while it is unknown: %q", got)
	}
	e.services[0].res[0].probed, e.services[0].res[0].state = true, wire.StateStopped
	if got := why(); got != "leaving in order" {
		t.Errorf("once it is stopped: %q", got)
	}
}
