package config

import (
	"maps"
	"slices"
)

// warnFences says what is weak about the fence lines.
func (p *parser) warnFences() {
	p.warnDeadTogether()
	p.checkSameOutlet()
	for _, f := range p.cfg.Fences {
		if f.Keys["insecure"] == "yes" && f.Type != "agent" {
			p.warn(f.Line, "fence %s: insecure=yes: anybody on the way can take the password and answer \"off\" for the device, and then two nodes own a service; write cert-sha256=, or ca-file=", f.Name)
		}
		if least := fenceTypes[f.Type].slow; f.Timeout < least {
			p.warn(f.Line, "fence %s: timeout=%s is short for type=%s, which may need %s to switch and to notice; write timeout=%s", f.Name, f.Timeout, f.Type, least, least)
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

// checkSameOutlet warns of two nodes on one outlet: the shot at one kills the other.
func (p *parser) checkSameOutlet() {
	for i, f := range p.cfg.Fences {
		for _, o := range p.cfg.Fences[:i] {
			if o.Node != f.Node && f.Type == o.Type && f.Type != "manual" && f.Agent == o.Agent && maps.Equal(f.Keys, o.Keys) {
				p.warn(f.Line, "fence %s says the same as line %d, which is another node's: a shot at one switches both off", f.Name, o.Line)
			}
		}
	}
}
