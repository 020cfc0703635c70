package simulate

import (
	"time"

	"locum/cluster"
	"locum/wire"
)

// shoot plays the target's power switch.
func (n *node) shoot(a cluster.Shoot) {
	o := &n.w.switches[a.Node]
	e := n.engine
	n.w.in(o.Delay, func() {
		if n.engine != e || n.stopped || n.engine.MayShoot(a.ID) != nil {
			n.step(cluster.ShotEnded{ID: a.ID, Detail: "called off"})
			return
		}
		done := cluster.ShotEnded{ID: a.ID, Outcome: wire.OutcomeDone, Detail: "said off"}
		off := func() {
			if o.Acts == 0 {
				n.w.cutPower(n, a.Node)
				return
			}
			n.w.in(o.Acts, func() { n.w.cutPower(n, a.Node) })
		}
		switch o.Mode {
		case "fail":
			n.later(o.Delay, cluster.ShotEnded{ID: a.ID, Outcome: wire.OutcomeFailed, Detail: "HTTP 500"})
		case "hang":
			n.later(20*time.Second, cluster.ShotEnded{ID: a.ID, Detail: "no answer within 20s"})
		case "ignore":
			n.later(o.Delay, cluster.ShotEnded{ID: a.ID, Outcome: wire.OutcomeFailed, Detail: "still on after off"})
		case "lies": // it is wired to another outlet
			n.later(o.Delay, done)
		case "slow":
			n.w.in(5*time.Second, off)
			n.later(6*time.Second, done)
		case "late":
			off()
			n.later(o.Acts+30*time.Second, done)
		case "timeout":
			off()
			n.later(20*time.Second, cluster.ShotEnded{ID: a.ID, Detail: "no answer within 20s"})
		default:
			off()
			n.later(o.Acts+o.Delay, done)
		}
	})
}

// cutPower switches a node off on another's word.
func (w *World) cutPower(by *node, n wire.Node) {
	w.checks.fenced(w, by, w.nodes[n])
	w.switches[n].Off = true
	w.log(w.nodes[n], "power off")
	w.nodes[n].powerOff()
}

func (n *node) readPower(a cluster.ReadPower) {
	o := &n.w.switches[a.Node]
	n.w.in(o.Delay, func() {
		read := cluster.PowerRead{ID: a.ID, Power: wire.PowerOn}
		switch {
		case o.Mode == "fail" || o.Mode == "hang" || o.Mode == "timeout":
			read.Power, read.Detail = wire.PowerUnknown, "no answer"
		case o.Off:
			read.Power = wire.PowerOff
		}
		n.later(o.Delay, read)
	})
}
