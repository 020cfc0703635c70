package daemon

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"locum/heartbeat"
	"locum/wire"
)

func TestAnAddressOfAnotherMachineIsNotHere(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1": true, "::ffff:127.0.0.1": true, "203.0.113.77": false, "2001:db8::77": false} {
		if got := isHere(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}

func TestAnInterfaceIsGivenTimeForItsCarrierOnlyWhenTheHeartStarts(t *testing.T) {
	none := fmt.Errorf("path ethernet cross: interface eth1 %w", heartbeat.ErrNoCarrier)
	p := &pathSeat{opened: 100}
	for _, c := range []struct {
		name string
		err  error
		at   wire.Instant
		want bool
	}{
		{"no carrier yet", none, 100 + carrierWithin - 1, true},
		{"no carrier still", none, 100 + carrierWithin, false},
		{"another error", unix.ENETUNREACH, 101, false},
		{"no error", nil, 101, false},
	} {
		if got := p.settles(c.err, c.at); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
