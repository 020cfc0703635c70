package config

// warnFences says what is weak about the fence lines.
func (p *parser) warnFences() {
	for _, f := range p.cfg.Fences {
		if f.Keys["insecure"] == "yes" && f.Type != "agent" {
			p.warn(f.Line, "fence %s: insecure=yes: anybody on the way can take the password and answer \"off\" for the device, and then two nodes own a service; write cert-sha256=, or ca-file=", f.Name)
		}
		if least := fenceTypes[f.Type].slow; f.Timeout < least {
			p.warn(f.Line, "fence %s: timeout=%s is short for type=%s, which may need %s to switch and to notice; write timeout=%s", f.Name, f.Timeout, f.Type, least, least)
		}
	}
}
