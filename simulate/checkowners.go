package simulate

import (
	"slices"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// checkOwners: a service runs on more nodes than it has instances.
func (w *World) checkOwners() {
	for i := range w.Config.Services {
		s := &w.Config.Services[i]
		if w.mayDouble(s.Name) {
			continue
		}
		for r := range s.Resources {
			var owners wire.Nodes
			w.each(func(n *node) {
				if n.powered && n.state(cluster.ResourceID{Service: s.Name, Index: r}) == wire.StateRunning {
					owners = owners.With(n.cfg.Number)
				}
			})
			if owners.Count() > 1 {
				w.broken("owners: %s/%d runs on %v", s.Name, r, owners)
			}
		}
	}
}

// checkApart: two services run on one node that the file wants apart.
func (w *World) checkApart() {
	for i := range w.Config.Services {
		s := &w.Config.Services[i]
		for _, k := range s.Apart {
			o := &w.Config.Services[k]
			w.each(func(n *node) {
				if k > i && n.powered && n.runsAny(s.Name) && n.runsAny(o.Name) {
					w.broken("apart: %s and %s run on %s", s.Name, o.Name, n.cfg.Name)
				}
			})
		}
	}
}

// checkRoom: more runs on a node than it can carry.
func (w *World) checkRoom() {
	w.each(func(n *node) {
		for _, have := range n.cfg.Capacity {
			left := have.Amount
			for i := range w.Config.Services {
				if s := &w.Config.Services[i]; n.powered && n.runsAny(s.Name) {
					weight, _ := config.AmountOf(s.Weight, have.Unit)
					left -= weight
				}
			}
			if left < 0 {
				w.broken("room: more %s is taken on %s than it has", have.Unit, n.cfg.Name)
			}
		}
	})
}

// mayDouble reports whether the file itself gives up the one owner of a service.
func (w *World) mayDouble(service string) bool {
	for _, s := range w.Config.Services {
		if s.Name == service && s.Stateless {
			for _, t := range w.Config.Tiebreaks {
				if t.Type == "unsafe" {
					return true
				}
			}
		}
	}
	return false
}

// starts: a service is started while it runs, or is being started, elsewhere: whatever the start rested on was no proof.
func (c *checks) starts(n *node, id cluster.ResourceID) {
	if id.Index == 0 {
		c.startsAfter(n, id.Service)
	}
	if n.w.mayDouble(id.Service) {
		return
	}
	n.w.each(func(m *node) {
		if m != n && m.powered && (m.runsAny(id.Service) || m.starting(id.Service)) {
			n.w.broken("proof: %s is started on %s while it may run on %s", id.Service, n.cfg.Name, m.cfg.Name)
		}
	})
}

// startsAfter: a service comes to a node before what it starts after runs. In place it may be started again because it failed.
func (c *checks) startsAfter(n *node, service string) {
	delete(c.ended, service)
	was := c.startOn[service]
	if c.startOn[service] = n.cfg.Number; was == n.cfg.Number {
		return
	}
	all := n.config.Services
	at := slices.IndexFunc(all, func(s config.Service) bool { return s.Name == service })
	if at < 0 {
		return
	}
	for _, k := range all[at].After {
		runs := 0
		for i := range all {
			if all[i].Group == all[k].Group && (len(n.w.Owners(all[i].Name)) > 0 || c.endedLately(n, all[i].Name)) {
				runs++
			}
		}
		if runs < all[k].Least {
			n.w.broken("after: %s is started on %s while %s does not run", service, n.cfg.Name, all[k].Group)
		}
	}
}

// ends notes what ends without an order.
func (c *checks) ends(n *node, service string) {
	if n.runsAny(service) {
		c.ended[service] = n.w.now
	}
}

// endedLately reports whether a service has ended without an order since less than a lease, and was started nowhere since.
func (c *checks) endedLately(n *node, service string) bool {
	at, ended := c.ended[service]
	return ended && time.Duration(n.w.now-at) < n.clock.lasts(n.config.Lease)
}
