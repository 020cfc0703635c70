package cluster

import (
	"slices"

	"locum/wire"
)

// Stray is what may run on a node that the file does not name for it: it took the file over while it ran that, or somebody started it by hand. Such a node
// stops it as soon as it is told; one that is lost before it has said so is asked a proof of, as those that the file names.
type Stray struct {
	Node     wire.Node `json:"node"`
	Services []string  `json:"services"`
}

// straysAt are the services that a node reports not to be stopped there, though the file names others for them.
func (e *Engine) straysAt(n wire.Node, reports []ServiceReport) (services []string) {
	for i := range e.cfg.Services {
		s := &e.cfg.Services[i]
		runs := slices.ContainsFunc(reports, func(r ServiceReport) bool { return r.Service == s.Name && r.Phase != PhaseStopped })
		if runs && !pathSet(s).Has(n) {
			services = append(services, s.Name)
		}
	}
	return services
}

// rememberStrays takes up what the members have said under this leader since the view was made.
func (e *Engine) rememberStrays() {
	if !e.leads() {
		return
	}
	for _, m := range e.lead.members {
		e.strays = slices.DeleteFunc(slices.Clone(e.strays), func(s Stray) bool { return s.Node == m.node })
		if services := e.straysAt(m.node, m.services); services != nil {
			e.strays = append(e.strays, Stray{m.node, services})
		}
	}
}

// straysOf are those of a new view: of its members by their own word, of the others by what its members know.
func (e *Engine) straysOf(own *proposal) (list []Stray) {
	for _, p := range own.promises {
		if services := e.straysAt(p.Life.Node, p.Services); services != nil {
			list = append(list, Stray{p.Life.Node, services})
		}
		for _, s := range p.Strays {
			known := slices.ContainsFunc(list, func(o Stray) bool { return o.Node == s.Node && slices.Equal(o.Services, s.Services) })
			if !own.members.Has(s.Node) && !known {
				list = append(list, s)
			}
		}
	}
	return list
}

// straysOn reports whether a service may run on an absent node that the file does not name for it.
func (e *Engine) straysOn(n wire.Node, service string) bool {
	return slices.ContainsFunc(e.strays, func(s Stray) bool { return s.Node == n && slices.Contains(s.Services, service) })
}
