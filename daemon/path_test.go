package daemon

import (
	"net/netip"
	"testing"
)

func TestAnAddressOfAnotherMachineIsNotHere(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1": true, "::ffff:127.0.0.1": true, "203.0.113.77": false, "2001:db8::77": false} {
		if got := isHere(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}
