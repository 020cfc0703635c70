package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// What a limit line says of each kind.

func (p *parser) limitLoad(l line, v string, limit *Limit) {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || !(n >= 0.1 && n <= 10_000) {
		p.add(l.number, "load=%s is not a load from 0.1 to 10000; write for example load=8, for a machine of four processors", v)
		return
	}
	limit.Bound = int64(n*100 + 0.5)
}

func (p *parser) limitPressure(l line, v string, limit *Limit) {
	n, err := strconv.Atoi(strings.TrimSuffix(v, "%"))
	if err != nil || n < 1 || n > 99 {
		p.add(l.number, "%s=%s is not a share of the time from 1 to 99 (percent); write for example %s=40", limit.Kind, v, limit.Kind)
	}
	limit.Bound = 100 * int64(n)
}

func (p *parser) limitMemory(l line, v string, limit *Limit) { p.limitSize(l, "memory", v, limit) }

func (p *parser) limitSize(l line, what, v string, limit *Limit) {
	n, err := ParseSize(v)
	switch {
	case err != nil:
		p.add(l.number, "%s: %v", what, err)
	case n < 1<<20:
		p.add(l.number, "%s: %s is less than 1M", what, v)
	}
	limit.Bound = n
}

func (p *parser) limitDisk(l line, v string, limit *Limit) {
	at := strings.LastIndexByte(v, ':')
	if at < 0 {
		p.add(l.number, "disk=%s: write the path and how much has to be free there, for example disk=/var:1G", v)
		return
	}
	limit.Path = v[:at]
	p.file0(l, "disk", limit.Path)
	p.limitSize(l, "disk="+limit.Path, v[at+1:], limit)
}

func (p *parser) limitGateway(l line, v string, limit *Limit) {
	limit.Bound = 1
	for word := range strings.SplitSeq(v, ",") {
		a, err := netip.ParseAddr(word)
		switch {
		case err != nil || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Is4In6():
			p.add(l.number, "gateway: %q is not the address of another host; write for example gateway=192.0.2.1", word)
			continue
		case a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "":
			p.add(l.number, "gateway: %s is the same on every interface; write %s%%INTERFACE", a, a)
		case slices.Contains(limit.Gateways, a):
			p.add(l.number, "gateway: %s stands twice", a)
		}
		limit.Gateways = append(limit.Gateways, a)
	}
}

func (p *parser) limitLink(l line, v string, limit *Limit) {
	limit.Bound, limit.Link = 1, v
	if !isInterface(v) || v == "lo" {
		p.add(l.number, "link=%s is not the name of an interface that has a cable, such as eth1; see: ip link", v)
	}
}
