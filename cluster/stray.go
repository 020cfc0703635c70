package cluster

import (
	"slices"

	"locum/config"
	"locum/wire"
)

// Stray is what may run on a node that the file does not name for it: it took the file over while it ran that, or somebody started it by hand. Such a node
// stops it as soon as it is told; one that is lost before it has said so is asked a proof of, as those that the file names.
type Stray struct {
	Node     wire.Node `json:"node"`
	Services []string  `json:"services,omitempty"`
	// Any: they are too many to be named, as of a node that has not looked yet at what it runs.
	Any bool `json:"any,omitempty"`
}

// maxStrays is how many services are named of one node: a view of 64 nodes, each of which names a thousand, could not be sent.
const maxStrays = 16

// strayAt is what a node reports not to be stopped there, though the file names others for it.
func (e *Engine) strayAt(n wire.Node, reports []ServiceReport) (stray Stray, is bool) {
	stray.Node = n
	for i, r := range reports {
		if s := e.serviceAt(i, r.Service); r.Phase == PhaseStopped || s == nil || pathSet(s).Has(n) {
			continue
		}
		if len(stray.Services) == maxStrays {
			return Stray{Node: n, Any: true}, true
		}
		stray.Services = append(stray.Services, r.Service)
	}
	return stray, stray.Services != nil
}

// serviceAt finds a service that is probably the file's i-th, nil if the file has none of that name.
func (e *Engine) serviceAt(i int, name string) *config.Service {
	all := e.cfg.Services
	if i >= len(all) || all[i].Name != name {
		i = slices.IndexFunc(all, func(s config.Service) bool { return s.Name == name })
	}
	if i < 0 {
		return nil
	}
	return &all[i]
}

// rememberStrays takes up what the members have said under this leader since the view was made.
func (e *Engine) rememberStrays() {
	if !e.leads() {
		return
	}
	for _, m := range e.lead.members {
		e.strays = slices.DeleteFunc(slices.Clone(e.strays), func(s Stray) bool { return s.Node == m.node })
		if stray, is := e.strayAt(m.node, m.services); is {
			e.strays = append(e.strays, stray)
		}
	}
}

// straysOf are those of a new view: of its members by their own word, of the others by what its members know.
func (e *Engine) straysOf(own *proposal) (list []Stray) {
	for _, p := range own.promises {
		if stray, is := e.strayAt(p.Life.Node, p.Services); is {
			list = append(list, stray)
		}
		for _, s := range p.Strays {
			known := slices.ContainsFunc(list, func(o Stray) bool { return o.Node == s.Node && o.Any == s.Any && slices.Equal(o.Services, s.Services) })
			if !own.members.Has(s.Node) && !known {
				list = append(list, s)
			}
		}
	}
	return list
}

// straysOn reports whether a service may run on an absent node that the file does not name for it.
func (e *Engine) straysOn(n wire.Node, service string) bool {
	return slices.ContainsFunc(e.strays, func(s Stray) bool { return s.Node == n && (s.Any || slices.Contains(s.Services, service)) })
}
