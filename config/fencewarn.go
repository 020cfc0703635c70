package config

import (
	"cmp"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// warnFences says what is weak about the fence lines.
func (p *parser) warnFences() {
	p.warnDeadTogether()
	p.checkSameOutlet()
	for _, f := range p.cfg.Fences {
		for _, key := range []string{"url-off", "url-on", "url-status"} {
			if word := passwordIn(f.Keys[key]); word != "" {
				p.warn(f.Line, "fence %s: %s= holds a secret (%s=), for all who may read this file, and it is sent to every node; write user= and password-file= if the plug takes them", f.Name, key, word)
			}
		}
		if f.Keys["insecure"] == "yes" && f.Type != "agent" {
			p.warn(f.Line, "fence %s: insecure=yes: anybody on the way can take the password and answer \"off\" for the device, and then two nodes own a service; write cert-sha256=, or ca-file=", f.Name)
		}
		if word := f.missingIsOff(); word != "" {
			p.warn(f.Line, "fence %s: %s: an outlet or machine that the agent does not find counts as off, as with a name that was misspelt or changed, and then two nodes own a service; leave it out", f.Name, word)
		}
		if f.Type == "libvirt" && openly(f.Keys["uri"]) {
			p.warn(f.Line, "fence %s: uri=%s goes over the network without a certificate or a password: anybody on the way can answer \"off\" for the guest, and then two nodes own a service, "+
				"and whoever reaches that port can end every guest of the host; write +tls with ca-file=, cert-file= and key-file=", f.Name, f.Keys["uri"])
		}
		if least := fenceTypes[f.Type].slow; f.Timeout < least {
			p.warn(f.Line, "fence %s: timeout=%s is short for type=%s, which may need %s to switch and to notice; write timeout=%s", f.Name, f.Timeout, f.Type, least, least)
		}
	}
}

// missingIsOff is what has a fence agent say off of what it does not find, "" if nothing does.
func (f Fence) missingIsOff() string {
	for _, key := range []string{"missing-as-off", "missing_as_off"} {
		if v := f.Keys[key]; f.Agent != "" && slices.Contains([]string{"1", "yes", "on", "true"}, strings.ToLower(v)) {
			return key + "=" + v
		}
	}
	return ""
}

// checkFencePlaces finds a device that is to be asked at the node itself, which does not answer once it is off.
func (p *parser) checkFencePlaces() {
	for _, f := range p.cfg.Fences {
		place := f.place()
		if host, err := netip.ParseAddrPort(place); err == nil {
			place = host.Addr().String()
		}
		for _, path := range p.cfg.Paths {
			if a := path.Addresses[f.Node]; a.IsValid() && (a.String() == place || "["+a.String()+"]" == place) {
				node, _ := p.cfg.NodeByNumber(f.Node)
				p.add(f.Line, "fence %s: %s is %s's own address, on path %s: nothing there confirms that it is off, once it is; write the address of the switch, board or host",
					f.Name, a, node.Name, path.Name)
			}
		}
	}
}

// checkFencePorts: a serial port belongs to a path, or to a switch.
func (p *parser) checkFencePorts() {
	for _, f := range p.cfg.Fences {
		for _, path := range p.cfg.Paths {
			for _, n := range p.cfg.Nodes {
				if device := f.Keys["device"]; device != "" && n.Number != f.Node && slices.Contains(path.Ports[n.Number], device) {
					p.add(f.Line, "fence %s uses %s, which is path %s on %s; a switch needs a port of its own", f.Name, device, path.Name, n.Name)
				}
			}
		}
	}
}

// openly reports whether a libvirt address leads over a network as it is. One that leads to this machine itself does not: a tunnel may begin there.
func openly(address string) bool {
	u, err := url.Parse(address)
	if err != nil || !strings.HasSuffix(u.Scheme, "+tcp") {
		return false
	}
	at, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !at.IsLoopback())
}

// passwordIn names the word of an address's query by which it holds a secret, "" if none looks like it.
func passwordIn(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(u.Query())) {
		if slices.Contains([]string{"password", "passwd", "pass", "pwd", "pw", "token", "secret", "apikey", "api_key"}, strings.ToLower(name)) {
			return name
		}
	}
	return ""
}

// checkWords finds a device of which no answer means off alone.
func (p *parser) checkWords(f Fence) {
	off, on := f.Keys["match-off"], f.Keys["match-on"]
	if f.Type == "http" {
		off, on = strings.ToLower(cmp.Or(off, "off")), strings.ToLower(cmp.Or(on, "on"))
	}
	if off != "" && off == on {
		p.add(f.Line, "fence %s: match-off= and match-on= are both %q, so that no answer means off; write what the device says of each", f.Name, off)
	}
	if off, on := f.Keys["status-off"], f.Keys["status-on"]; off != "" && off == on {
		p.add(f.Line, "fence %s: status-off= and status-on= are both %s, so that no answer means off; write what the device says of each", f.Name, off)
	}
}

// commands are the keys of a line that say how something is told, and not how its state is asked for.
var commands = []string{"url-off", "url-on", "body-off", "body-on", "method", "oid-off", "oid-on", "value-off", "value-on",
	"send-off", "send-on", "expect-off", "expect-on"}

// question is what a line says of how the state is asked for.
func (f Fence) question() map[string]string {
	q := maps.Clone(f.Keys)
	maps.DeleteFunc(q, func(key, _ string) bool { return slices.Contains(commands, key) })
	return q
}

// checkSameOutlet warns of two nodes on one outlet: the shot at one kills the other.
func (p *parser) checkSameOutlet() {
	for i, f := range p.cfg.Fences {
		for _, o := range p.cfg.Fences[:i] {
			if o.Node == f.Node || f.Type != o.Type || f.Type == "manual" || f.Agent != o.Agent {
				continue
			}
			switch {
			case maps.Equal(f.Keys, o.Keys):
				p.warn(f.Line, "fence %s says the same as line %d, which is another node's: a shot at one switches both off", f.Name, o.Line)
			case maps.Equal(f.question(), o.question()):
				p.warn(f.Line, "fence %s asks the same as line %d, which is another node's: when that one is off, this one counts as off too", f.Name, o.Line)
			}
		}
	}
}
