package simulate

import (
	"locum/cluster"
	"locum/wire"
)

// check looks for what must never happen (section 14 of the design), after every step.
func (w *World) check() {
	for i := range w.Config.Services {
		s := &w.Config.Services[i]
		for r := range s.Resources {
			w.checkOwners(s.Name, r)
		}
	}
}

func (w *World) checkOwners(service string, index int) {
	var owners wire.Nodes
	stateless := w.Config.Services[0].Stateless
	w.each(func(n *node) {
		if n.powered && n.state(cluster.ResourceID{Service: service, Index: index}) == wire.StateRunning {
			owners = owners.With(n.cfg.Number)
		}
	})
	if owners.Count() > 1 && !stateless {
		w.broken("%s runs on %v", service, owners)
	}
}
