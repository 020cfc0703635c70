package cluster

import (
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// Intents is what operators have said: lasting, versioned, durable at every member before it is acknowledged.
type Intents struct {
	Version     wire.Revision   `json:"version"`
	Standby     wire.Nodes      `json:"standby"`
	Maintenance bool            `json:"maintenance"`
	Services    []ServiceIntent `json:"services,omitempty"` // in order of name
	// Apart: the newest of it was said to one half of a split that goes on without the other ("tiebreak unsafe").
	Apart bool `json:"apart,omitempty"`
}

// ServiceIntent is what was said about one service.
type ServiceIntent struct {
	Service     string    `json:"service"`
	Stopped     bool      `json:"stopped,omitempty"`
	Maintenance bool      `json:"maintenance,omitempty"`
	MovedTo     wire.Node `json:"moved_to,omitempty"`
	// MovedLife is the life of that node when it was said: a node that died since has no claim to the service.
	MovedLife wire.Incarnation `json:"moved_life,omitempty"`
}

// Intents is what operators have said, as far as this node knows.
func (e *Engine) Intents() Intents { return e.intents }

// of gives what was said about a service; the zero intent if nothing was.
func (in Intents) of(service string) ServiceIntent {
	for _, s := range in.Services {
		if s.Service == service {
			return s
		}
	}
	return ServiceIntent{Service: service}
}

// with gives new intents in which one service's are replaced.
func (in Intents) with(s ServiceIntent) Intents {
	out := in
	out.Services = nil
	put := false
	for _, old := range in.Services {
		if !put && old.Service >= s.Service {
			out.Services = append(out.Services, s)
			put = true
		}
		if old.Service != s.Service {
			out.Services = append(out.Services, old)
		}
	}
	if !put {
		out.Services = append(out.Services, s)
	}
	return out
}

// among gives the intents for a new file: an instance that it adds is meant by what was said of all those that are there.
func (in Intents) among(cfg, next *config.Config) Intents {
	for i := range next.Services {
		s := &next.Services[i]
		there := cfg.ServicesNamed(s.Group)
		if len(there) == 0 || slices.ContainsFunc(there, func(o *config.Service) bool { return o.Name == s.Name }) {
			continue
		}
		all := ServiceIntent{Service: s.Name, Stopped: true, Maintenance: true}
		for _, o := range there {
			all.Stopped = all.Stopped && in.of(o.Name).Stopped
			all.Maintenance = all.Maintenance && in.of(o.Name).Maintenance
		}
		if all.Stopped || all.Maintenance || in.of(s.Name) != (ServiceIntent{Service: s.Name}) {
			in = in.with(all)
		}
	}
	return in
}

// against lists what these intents say otherwise than others do, in words.
func (in Intents) against(others Intents, cfg *config.Config) []string {
	var list []string
	differs := func(what string, here, there bool) {
		if here != there {
			list = append(list, fmt.Sprintf("%s: %s", what, map[bool]string{true: "yes", false: "no"}[here]))
		}
	}
	differs("maintenance", in.Maintenance, others.Maintenance)
	for _, n := range cfg.Nodes {
		differs(n.Name+" stands by", in.Standby.Has(n.Number), others.Standby.Has(n.Number))
	}
	for i := range cfg.Services {
		name := cfg.Services[i].Name
		a, b := in.of(name), others.of(name)
		differs(name+" stopped", a.Stopped, b.Stopped)
		differs(name+" in maintenance", a.Maintenance, b.Maintenance)
		if a.MovedTo != b.MovedTo && a.MovedTo != 0 {
			list = append(list, name+" moved to "+nodeName(cfg, a.MovedTo))
		}
	}
	return list
}
