package vip

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	defaultRefresh = time.Minute
	minRefresh     = time.Second
	maxRefresh     = time.Hour
	// maxName is IFNAMSIZ less the terminating zero (linux/if.h).
	maxName = 15
)

func parse(args []string, keys map[string]string) (*VIP, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%d words after vip, want one: an address with its prefix length, as 192.0.2.100/24", len(args))
	}
	prefix, err := parsePrefix(args[0])
	if err != nil {
		return nil, err
	}
	v := &VIP{prefix: prefix, refresh: defaultRefresh, healed: make(chan struct{}, 1)}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if err := v.set(key, keys[key]); err != nil {
			return nil, fmt.Errorf("%s=%s: %w", key, keys[key], err)
		}
	}
	return v, nil
}

func (v *VIP) set(key, value string) (err error) {
	switch key {
	case "dev":
		v.dev = value
		return checkName(value)
	case "refresh":
		v.refresh, err = parseRefresh(value)
		return err
	}
	return errors.New("a vip knows dev= and refresh= only")
}

func parsePrefix(text string) (netip.Prefix, error) {
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
	return p.Addr() == p.Masked().Addr() || p.Addr() == broadcastOf(p)
}

func broadcastOf(p netip.Prefix) netip.Addr {
	raw := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		raw[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(raw)
}

// checkName keeps to what the kernel takes (dev_valid_name), because the name becomes part of a path below /proc/sys.
func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("an interface's name has 1 to %d characters", maxName)
	case name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\v\f\r\x00"):
		return errors.New("no interface can have this name")
	}
	return nil
}

func parseRefresh(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("not a time with its unit, as 60s")
	}
	if d < minRefresh || d > maxRefresh {
		return 0, fmt.Errorf("must lie between %s and %s", minRefresh, maxRefresh)
	}
	return d, nil
}
