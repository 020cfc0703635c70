package simulate

import (
	"slices"
	"time"

	"locum/cluster"
	"locum/wire"
)

// opTakes is how long a well-behaved operation takes.
const opTakes = 3 * time.Millisecond

// manner is how a resource behaves on one node.
type manner struct {
	start, stop, probe string // see opManners
	took               time.Duration
}

// opManners are the manners of a start or a stop; "" works.
var opManners = map[string]string{
	"ok":     "works",
	"slow":   "works after 2 s",
	"fail":   "fails",
	"hang":   "never ends unless it is cancelled",
	"deaf":   "never ends",
	"sloppy": "works after 2 s, also if it was cancelled before",
}

// op is one operation of a worker.
type op struct {
	cluster.RunOp
	engine    *cluster.Engine // that asked for it
	how       string
	cancelled bool
	ended     bool
}

func (n *node) state(id cluster.ResourceID) wire.State {
	if s := n.states[id]; s != wire.StateUnknown {
		return s
	}
	return wire.StateStopped
}

func (n *node) set(id cluster.ResourceID, s wire.State) {
	n.states[id] = s
	n.w.checks.changed = true
}

func (n *node) runsAny(service string) bool {
	for id, s := range n.states {
		if id.Service == service && s == wire.StateRunning && n.powered {
			return true
		}
	}
	return false
}

// runOp plays a worker.
func (n *node) runOp(a cluster.RunOp) {
	m := n.manners[a.Resource]
	o := &op{RunOp: a, engine: n.engine, how: map[cluster.OpKind]string{cluster.OpStart: m.start, cluster.OpStop: m.stop, cluster.OpProbe: m.probe}[a.Kind]}
	took := max(m.took, opTakes)
	switch {
	case o.how == "slow" || o.how == "sloppy":
		took = 2 * time.Second
	case a.Kind == cluster.OpProbe:
		took = time.Millisecond
	}
	if a.Kind != cluster.OpProbe {
		n.w.touched[a.Resource.Service]++
	}
	if a.Kind == cluster.OpStart {
		n.w.checks.starts(n, a.Resource)
	}
	n.ops = append(n.ops, o)
	n.w.in(n.clock.lasts(a.Deadline), func() {
		if !o.ended {
			n.reports(o, cluster.OpEnded{ID: a.ID, Overdue: true, Detail: "deadline"})
		}
	})
	if o.how == "hang" || o.how == "deaf" {
		return
	}
	n.w.in(took, func() { n.endOp(o) })
}

// endOp is the end of an operation: what it does, it has done now.
func (n *node) endOp(o *op) {
	if !n.forget(o) {
		return
	}
	end := cluster.OpEnded{ID: o.ID, Outcome: wire.OutcomeDone}
	switch {
	case o.how == "fail":
		end.Outcome, end.Detail = wire.OutcomeFailed, "exit status 1"
	case o.Kind == cluster.OpProbe:
	case o.Kind == cluster.OpStart:
		n.set(o.Resource, wire.StateRunning)
	case o.Kind == cluster.OpStop:
		n.set(o.Resource, wire.StateStopped)
	}
	if end.State = n.state(o.Resource); o.how == "fail" {
		end.State = wire.StateUnknown
	}
	n.reports(o, end)
}

// forget reports whether the operation was still under way.
func (n *node) forget(o *op) bool {
	i := slices.Index(n.ops, o)
	if i < 0 {
		return false
	}
	n.ops = slices.Delete(n.ops, i, i+1)
	o.ended = true
	return true
}

func (n *node) reports(o *op, end cluster.OpEnded) {
	if n.engine == o.engine {
		n.step(end)
	}
}

func (n *node) cancelOp(id uint64) {
	for _, o := range n.ops {
		if o.ID == id && o.engine == n.engine && o.how != "deaf" && o.how != "sloppy" {
			o.cancelled = true
			n.w.in(time.Millisecond, func() {
				if n.forget(o) {
					n.reports(o, cluster.OpEnded{ID: id, Outcome: wire.OutcomeUnknown, Detail: "cancelled"})
				}
			})
		}
	}
}

// endLeftovers is what a new engine's process does before its first probe: what its predecessor left under way is ended,
// and seen gone.
func (n *node) endLeftovers() {
	n.ops = slices.DeleteFunc(n.ops, func(o *op) bool {
		o.ended = o.engine != n.engine
		return o.ended
	})
}

// starting reports whether a start of the service is under way.
func (n *node) starting(service string) bool {
	return slices.ContainsFunc(n.ops, func(o *op) bool {
		return o.Kind == cluster.OpStart && o.Resource.Service == service && !o.cancelled
	})
}

// fail has a running resource fail by itself.
func (n *node) fail(id cluster.ResourceID) {
	n.w.checks.ends(n, id.Service)
	n.set(id, wire.StateFailed)
	if n.watched[id] {
		n.later(time.Millisecond, cluster.Watched{Resource: id, State: wire.StateFailed, Detail: "exited"})
	}
}
