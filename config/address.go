package config

import (
	"fmt"
	"net/netip"
)

// ServiceAddress reads a service's address with its prefix length. The error says why no one machine could have it.
func ServiceAddress(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not an address with its prefix length; write it as 192.0.2.100/24 or 2001:db8::100/64", text)
	}
	addr := prefix.Addr()
	switch {
	case addr.Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is an IPv4 address in IPv6 clothes; write it as %s", text, addr.Unmap())
	case !addr.IsGlobalUnicast() && !addr.IsLinkLocalUnicast():
		return netip.Prefix{}, fmt.Errorf("%q is not an address that one machine can have: it is a group, this host or nothing", text)
	case prefix.Bits() == 0:
		return netip.Prefix{}, fmt.Errorf("%q makes the whole internet a neighbour; give the subnet's prefix length", text)
	case isNetworkOrBroadcast(prefix):
		return netip.Prefix{}, fmt.Errorf("%q is the first or last address of its subnet; neither can be a machine's", text)
	}
	return prefix, nil
}

// isNetworkOrBroadcast knows no IPv6: there is no broadcast, and the first address is the routers' (RFC 4291, 2.6.1) but
// harmless.
func isNetworkOrBroadcast(p netip.Prefix) bool {
	if !p.Addr().Is4() || p.Bits() >= 31 {
		return false
	}
	return p.Addr() == p.Masked().Addr() || p.Addr() == BroadcastOf(p)
}

// BroadcastOf is the last address of an IPv4 subnet.
func BroadcastOf(p netip.Prefix) netip.Addr {
	raw := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		raw[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(raw)
}
