package config

import "net/netip"

// sharedAbove is how many nodes may be on an Ethernet path before a beat goes out once, to all, without being told so. Up to
// here a beat of each node for each other one is no burden, and no switch is asked to carry what it did not before.
const sharedAbove = 8

// ethernetGroup says whether beats on an Ethernet path go out once, to a group address that all nodes listen to.
func (p *parser) ethernetGroup(l line, path *Path) {
	path.Shared = len(p.cfg.Nodes) > sharedAbove
	v, ok := l.value("multicast")
	if !ok {
		return
	}
	path.Shared = v == "yes"
	if v != "yes" && v != "no" {
		p.add(l.number, "path %s: multicast=%s: write multicast=yes, which sends a beat once, to all, or multicast=no, which sends it to each node", path.Name, v)
	}
}

// udpGroup says where beats of a UDP path go out once, to all. Nothing does that unasked: what is sent to everybody on a
// network, everybody on it gets.
func (p *parser) udpGroup(l line, path *Path) {
	many, multicast := l.value("multicast")
	all, broadcast := l.value("broadcast")
	switch {
	case multicast && broadcast:
		p.add(l.number, "path %s has multicast= and broadcast=; one of them is enough", path.Name)
		return
	case multicast:
		path.Group = p.groupAddress(l, *path, "multicast", many)
	case broadcast:
		path.Group = p.groupAddress(l, *path, "broadcast", all)
	}
	path.Shared = path.Group.IsValid()
	for _, o := range p.cfg.Paths {
		if path.Shared && o.Group == path.Group && o.Port == path.Port {
			p.add(l.number, "path %s sends to %s port %d, as path %s on line %d does, and each would hear the other; give it another port=", path.Name, path.Group, path.Port, o.Name, o.Line)
		}
	}
}

// groupAddress reads the address of a key. It gives none, and says so, where the address cannot be meant.
func (p *parser) groupAddress(l line, path Path, key, v string) (none netip.Addr) {
	a, err := netip.ParseAddr(v)
	switch {
	case err != nil:
		p.add(l.number, "path %s: %s=%s is no address", path.Name, key, v)
	case !a.Is4():
		p.add(l.number, "path %s: %s=%s: only an IPv4 path sends beats to all; leave it out", path.Name, key, v)
	case key == "multicast" && !a.IsMulticast():
		p.add(l.number, "path %s: multicast=%s is not from 224.0.0.0 to 239.255.255.255; write multicast=239.192.0.66", path.Name, v)
	case key == "broadcast" && (a.IsMulticast() || a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})):
		p.add(l.number, "path %s: broadcast=%s is not the broadcast address of one network; see: ip -4 addr (the word after brd)", path.Name, v)
	default:
		for _, n := range p.cfg.Nodes {
			own, ok := path.Addresses[n.Number]
			if ok && (own == a || !own.Unmap().Is4()) {
				p.add(l.number, "path %s: %s=%s does not go with %s=%s", path.Name, key, v, n.Name, own)
				return none
			}
		}
		return a
	}
	return none
}
