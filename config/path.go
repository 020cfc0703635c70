package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"locum/wire"
)

// DefaultEtherType is IEEE's "local experimental" one, of a path that names none.
const DefaultEtherType = 0x88b5

// pathKinds are the path types, each with what its line has to look like, its keys beside the nodes, and what reads them.
var pathKinds = map[string]struct {
	usage string
	keys  []string
	read  func(*parser, line, *Path)
}{
	"udp":      {"path udp NAME NODE=ADDRESS NODE=ADDRESS … [port=6694] [multicast=239.192.0.66] [broadcast=192.0.2.255]", []string{"port", "multicast", "broadcast"}, (*parser).udpPath},
	"ethernet": {"path ethernet NAME NODE=INTERFACE NODE=INTERFACE … [ethertype=0x88b5] [multicast=yes|no]", []string{"ethertype", "multicast"}, (*parser).ethernetPath},
	"serial":   {"path serial NAME NODE=DEVICE NODE=DEVICE … [baud=115200] [rtscts=yes]", []string{"baud", "rtscts"}, (*parser).serialPath},
}

func (p *parser) path(l line) {
	l = p.withNodes(l)
	if len(l.words) > 1 && !slices.Contains(PathTypes(), l.words[1]) {
		p.add(l.number, "path type %q does not exist; %s", l.words[1], meant(l.words[1], PathTypes()))
		return
	}
	path := Path{Line: l.number}
	kind := pathKinds["udp"] // a line of one word has at least its usage said
	if len(l.words) > 1 {
		path.Type = l.words[1]
		kind = pathKinds[path.Type]
	}
	keys := slices.Clone(kind.keys)
	for _, n := range p.cfg.Nodes {
		keys = append(keys, n.Name)
	}
	strange := false
	for _, kv := range l.keys {
		if !slices.Contains(keys, kv.key) && slices.Contains(p.nodeNames, kv.key) {
			keys = append(keys, kv.key)
			strange = p.nodeNumber(l, kv.key) == 0
		}
	}
	if !p.take(l, kind.usage, 2, 2, keys...) || strange {
		return
	}
	path.Name = l.words[2]
	p.name(l, "path", path.Name)
	for _, o := range p.cfg.Paths {
		if o.Name == path.Name {
			p.add(l.number, "path name %q is used twice; it is on line %d already", path.Name, o.Line)
		}
	}
	kind.read(p, l, &path)
	p.cfg.Paths = append(p.cfg.Paths, path)
}

func (p *parser) udpPath(l line, path *Path) {
	path.Addresses, path.Port = map[wire.Node]netip.Addr{}, DefaultPort
	if v, ok := l.value("port"); ok {
		path.Port = uint16(p.integer(l, "port", v, 1, 65535))
	}
	for _, n := range p.cfg.Nodes {
		v, ok := l.value(n.Name)
		if !ok {
			p.add(l.number, "path %s has no address for %s; add %s=ADDRESS", path.Name, n.Name, n.Name)
			continue
		}
		a, err := netip.ParseAddr(v)
		if err != nil || a.IsUnspecified() || a.IsMulticast() {
			p.add(l.number, "path %s: %s=%s is not an address of one host%s", path.Name, n.Name, v, onlyAddress(n.Name, v))
			continue
		}
		if a.Unmap().IsLoopback() {
			p.add(l.number, "path %s: %s=%s is an address of every machine itself: nothing that is sent there reaches another; write the one that %s has on the network",
				path.Name, n.Name, v, n.Name)
			continue
		}
		path.Addresses[n.Number] = a
	}
	p.uniqueAddresses(l, *path)
	p.udpGroup(l, path)
}

func (p *parser) uniqueAddresses(l line, path Path) {
	four := map[bool]int{}
	used := map[netip.Addr]string{}
	for _, n := range p.cfg.Nodes {
		a, ok := path.Addresses[n.Number]
		if !ok {
			continue
		}
		four[a.Is4()]++
		if other := used[a]; other != "" {
			p.add(l.number, "path %s: %s is the address of %s and of %s", path.Name, a, other, n.Name)
		}
		used[a] = n.Name
	}
	if len(four) > 1 {
		p.add(l.number, "path %s mixes IPv4 and IPv6; make it two paths", path.Name)
	}
	for _, o := range p.cfg.Paths {
		for _, n := range p.cfg.Nodes {
			a, ok := path.Addresses[n.Number]
			if ok && o.Addresses[n.Number] == a && o.Port == path.Port {
				p.add(l.number, "path %s uses %s port %d of %s, as path %s on line %d does; give it another port=", path.Name, a, path.Port, n.Name, o.Name, o.Line)
				break
			}
		}
	}
}

func (p *parser) ethernetPath(l line, path *Path) {
	path.Devices, path.EtherType = map[wire.Node]string{}, DefaultEtherType
	if v, ok := l.value("ethertype"); ok {
		path.EtherType = p.etherType(l, v)
	}
	for _, n := range p.cfg.Nodes {
		device, ok := l.value(n.Name)
		switch {
		case !ok:
			p.add(l.number, "path %s has no interface for %s; add %s=INTERFACE", path.Name, n.Name, n.Name)
		case !isInterface(device):
			p.add(l.number, "path %s: %s=%s is not an interface's name, which has 1 to 15 characters, such as eth1; see: ip link", path.Name, n.Name, device)
		case isAddress(device):
			p.add(l.number, "path %s: %s=%s is an address, and an Ethernet path needs none; write the interface, such as %s=eth1, or make it path udp", path.Name, n.Name, device, n.Name)
		case device == "lo":
			p.add(l.number, "path %s: %s=lo leads to no other machine; name an Ethernet interface", path.Name, n.Name)
		default:
			path.Devices[n.Number] = device
		}
	}
	p.uniqueDevices(l, *path)
	p.ethernetGroup(l, path)
}

func isAddress(word string) bool {
	_, err := netip.ParseAddr(word)
	return err == nil
}

// isInterface follows what the kernel takes for an interface's name (dev_valid_name).
func isInterface(s string) bool {
	return s != "" && len(s) < 16 && s != "." && s != ".." && !strings.ContainsAny(s, "/: \t")
}

// takenEtherTypes belong to others; on an interface that is used otherwise locum would read their frames, and they its own.
var takenEtherTypes = map[uint64]string{0x0800: "IPv4", 0x0806: "ARP", 0x86dd: "IPv6", 0x8100: "VLAN tags", 0x88a8: "VLAN tags",
	0x8809: "bonding (LACP)", 0x88cc: "LLDP"}

// etherType reads a number such as 0x88b5. What is below 0x600 is a length (IEEE 802.3).
func (p *parser) etherType(l line, v string) uint16 {
	n, err := strconv.ParseUint(v, 0, 16)
	switch {
	case err != nil || n < 0x600:
		p.add(l.number, "ethertype=%s is not a number from 0x600 to 0xffff; leave it out, or write ethertype=0x88b6", v)
	case takenEtherTypes[n] != "":
		p.add(l.number, "ethertype=%s is that of %s; leave it out, or write ethertype=0x88b6", v, takenEtherTypes[n])
	default:
		return uint16(n)
	}
	return DefaultEtherType
}

func (p *parser) uniqueDevices(l line, path Path) {
	for _, o := range p.cfg.Paths {
		for _, n := range p.cfg.Nodes {
			device, ok := path.Devices[n.Number]
			if ok && o.Devices[n.Number] == device && o.EtherType == path.EtherType {
				p.add(l.number, "path %s uses %s of %s, as path %s on line %d does; one of them is enough", path.Name, device, n.Name, o.Name, o.Line)
				break
			}
		}
	}
}
