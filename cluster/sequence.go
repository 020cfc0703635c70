package cluster

import (
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// What the order of services (after=) and the room on their nodes keep from starting, or from stopping, for a while.

// startsAfter makes a service wait until those that it starts after run where they belong.
func (e *Engine) startsAfter(i int, d *deciding) Wait {
	return e.firstMissing(i, func(k int) bool {
		m := e.lead.member(d.chosen[k].node)
		return m != nil && m.on(e.cfg.Services[k].Name).Phase == PhaseRunning
	})
}

// startsNever makes a service that runs stay where it is if, stopped for a planned move, it would wait for one that shall not run.
func (e *Engine) startsNever(i int, d *deciding) Wait {
	return e.firstMissing(i, func(k int) bool { return d.chosen[k].node != 0 })
}

// firstMissing names the first service that another starts after and of which too few instances are there.
func (e *Engine) firstMissing(i int, there func(k int) bool) Wait {
	s := &e.cfg.Services[i]
	for _, k := range s.After {
		o := &e.cfg.Services[k]
		n := 0
		for _, other := range s.After {
			if e.cfg.Services[other].Group == o.Group && there(other) {
				n++
			}
		}
		if n < o.Least {
			w := Wait{What: "service " + s.Name, For: o.Group + " to run first (after=" + o.Group + ")"}
			if e.intents.of(o.Name).Stopped {
				w.Command = "locum start " + o.Group
			}
			return w
		}
	}
	return Wait{}
}

// stopsLast keeps a service where it runs while one that started after it, and leaves that node too, is not stopped there; 0 if there
// is none.
func (e *Engine) stopsLast(i int, d *deciding) wire.Node {
	held := d.sits[i].holders.First()
	if d.sits[i].holders.Count() != 1 || d.chosen[i].node == held {
		return 0
	}
	m := e.lead.member(held)
	if m.on(e.cfg.Services[i].Name).Phase != PhaseRunning {
		return 0
	}
	for k := range e.cfg.Services {
		o := &e.cfg.Services[k]
		if slices.Contains(o.After, i) && d.chosen[k].node != held && !e.maintained(o.Name) && m.on(o.Name).Phase.ends() && !e.provenMember(held) {
			e.lead.places[i].wait = Wait{What: "service " + e.cfg.Services[i].Name, For: fmt.Sprintf("%s to stop on %s first", o.Name, e.name(held))}
			return held
		}
	}
	return 0
}

// staysApart makes a service wait while one that it is to be apart from, and that has to leave its node, is not stopped there.
func (e *Engine) staysApart(i int, d *deciding) Wait {
	to := d.chosen[i].node
	m := e.lead.member(to)
	for _, k := range e.cfg.Services[i].Apart {
		if o := &e.cfg.Services[k]; d.chosen[k].node != to && !e.isRidOf(m, k) {
			return Wait{What: "service " + e.cfg.Services[i].Name, For: fmt.Sprintf("%s to stop on %s: they stay apart", o.Name, e.name(to))}
		}
	}
	return Wait{}
}

// waitsForRoom makes a service wait while others that have to leave its node still take the room that it needs.
func (e *Engine) waitsForRoom(i int, d *deciding) Wait {
	to := d.chosen[i].node
	m := e.lead.member(to)
	node, _ := e.cfg.NodeByNumber(to)
	for _, need := range e.cfg.Services[i].Weight {
		have, limited := config.AmountOf(node.Capacity, need.Unit)
		if !limited || need.Amount == 0 {
			continue
		}
		last := -1
		for k := range e.cfg.Services {
			o := &e.cfg.Services[k]
			weight, _ := config.AmountOf(o.Weight, need.Unit)
			if leaves := d.chosen[k].node != to && !e.isRidOf(m, k); leaves && weight > 0 {
				last = k
				have -= weight
			} else if d.chosen[k].node == to {
				have -= weight
			}
		}
		if have < 0 && last >= 0 {
			return Wait{What: "service " + e.cfg.Services[i].Name,
				For: fmt.Sprintf("room on %s: %s still has %s there", e.name(to), e.cfg.Services[last].Name, need.Unit)}
		}
	}
	return Wait{}
}

// isRidOf reports whether a service is stopped on a member, which has had no order to run it since: its word may be older than such an order.
func (e *Engine) isRidOf(m *member, k int) bool {
	s := e.cfg.Services[k].Name
	told := k < len(m.told) && m.told[k] >= max(1, m.seen)
	return m.on(s).Phase == PhaseStopped && !told && !slices.Contains(m.sent.Run, s)
}

// usersStop reports whether a service here that started after this one is on its way down: it is stopped first.
func (e *Engine) usersStop(s *local) bool {
	for i := range e.services {
		o := &e.services[i]
		if !slices.Contains(o.cfg.After, s.index) || o.stuck || o.wanted(e) || o.hold && !e.mustStop() && !e.leaving.asked {
			continue
		}
		if o.phase(e).ends() {
			return true
		}
	}
	return false
}
