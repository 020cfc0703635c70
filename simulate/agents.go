package simulate

import (
	"time"

	"locum/cluster"
	"locum/wire"
)

// opTakes is how long a well-behaved operation takes.
const opTakes = 3 * time.Millisecond

func (n *node) state(id cluster.ResourceID) wire.State {
	if s := n.states[id]; s != wire.StateUnknown {
		return s
	}
	return wire.StateStopped
}

func (n *node) runsAny(service string) bool {
	for _, s := range n.w.Config.Services {
		if s.Name != service {
			continue
		}
		for i := range s.Resources {
			if n.powered && n.state(cluster.ResourceID{Service: service, Index: i}) == wire.StateRunning {
				return true
			}
		}
	}
	return false
}

// runOp plays a worker: a start that was begun runs to its end although its engine dies.
func (n *node) runOp(a cluster.RunOp) {
	m := n.manners[a.Resource]
	took := max(m.took, opTakes)
	if a.Kind == cluster.OpProbe {
		took = time.Millisecond
	}
	how := map[cluster.OpKind]string{cluster.OpStart: m.start, cluster.OpStop: m.stop}[a.Kind]
	boots := n.boots
	if a.Kind != cluster.OpProbe {
		n.w.touched[a.Resource.Service]++
	}
	n.ops[a.ID] = false
	n.later(a.Deadline, cluster.OpEnded{ID: a.ID, Overdue: true, Detail: "deadline"})
	if how == "hang" {
		return
	}
	e := n.engine
	n.w.in(took, func() {
		if !n.powered || n.boots != boots {
			return
		}
		end := cluster.OpEnded{ID: a.ID, Outcome: wire.OutcomeDone}
		switch {
		case a.Kind == cluster.OpProbe:
		case how == "fail":
			end.Outcome, end.Detail = wire.OutcomeFailed, "exit status 1"
		case a.Kind == cluster.OpStart && !n.ops[a.ID]:
			n.states[a.Resource] = wire.StateRunning
		case a.Kind == cluster.OpStop:
			n.states[a.Resource] = wire.StateStopped
		}
		end.State = n.state(a.Resource)
		if n.engine == e {
			n.step(end)
		}
	})
}

func (n *node) cancelOp(id uint64) {
	n.ops[id] = true
	n.later(time.Millisecond, cluster.OpEnded{ID: id, Outcome: wire.OutcomeUnknown, Detail: "cancelled"})
}

// fail has a running resource fail by itself.
func (n *node) fail(id cluster.ResourceID) {
	n.states[id] = wire.StateFailed
	if n.watched[id] {
		n.later(time.Millisecond, cluster.Watched{Resource: id, State: wire.StateFailed, Detail: "exited"})
	}
}

// shoot plays the target's power switch.
func (n *node) shoot(a cluster.Shoot) {
	o := &n.w.switches[a.Node]
	e := n.engine
	n.w.in(o.Delay, func() {
		if n.engine != e || n.engine.MayShoot(a.ID) != nil {
			n.step(cluster.ShotEnded{ID: a.ID, Detail: "called off"})
			return
		}
		end := cluster.ShotEnded{ID: a.ID, Outcome: wire.OutcomeDone, Detail: "said off"}
		switch o.Mode {
		case "fail":
			end.Outcome, end.Detail = wire.OutcomeFailed, "HTTP 500"
		case "hang":
			n.later(20*time.Second, cluster.ShotEnded{ID: a.ID, Detail: "no answer within 20s"})
			return
		case "ignore":
			end.Outcome, end.Detail = wire.OutcomeFailed, "still on after off"
		case "late":
			n.w.cutPower(a.Node)
			n.later(30*time.Second, end)
			return
		default:
			n.w.cutPower(a.Node)
		}
		n.later(o.Delay, end)
	})
}

func (w *World) cutPower(n wire.Node) {
	w.switches[n].Off = true
	w.log(w.nodes[n], "power off")
	w.nodes[n].powerOff()
}

func (n *node) readPower(a cluster.ReadPower) {
	o := n.w.switches[a.Node]
	read := cluster.PowerRead{ID: a.ID, Power: wire.PowerOn}
	switch {
	case o.Mode == "fail" || o.Mode == "hang":
		read.Power, read.Detail = wire.PowerUnknown, "no answer"
	case o.Off:
		read.Power = wire.PowerOff
	}
	n.later(2*o.Delay, read)
}
