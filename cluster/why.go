package cluster

import (
	"fmt"
	"time"

	"locum/wire"
)

// Status says what this node knows, and why things are as they are.
func (e *Engine) Status(now wire.Instant) Status {
	e.now = max(e.now, now)
	st := Status{
		Version: 1, Cluster: e.cfg.Cluster, Node: e.name(e.self), Lease: e.lease.State,
		Maintenance: e.intents.Maintenance, SelfFencing: e.selfFencing(),
		IntentEpoch: uint64(e.intents.Version.Epoch), IntentCount: e.intents.Version.Count,
		Nodes: []NodeStatus{}, Services: []ServiceStatus{}, Waits: []Wait{}, Warnings: []string{},
	}
	if e.obeyed() {
		st.Quorate, st.Epoch = e.view.Verdict.Quorate && !e.mustStop(), e.view.Epoch
		st.Leader, st.QuorumWhy = e.name(e.view.Leader), e.view.Verdict.Why()
		if e.view.Verdict.Quorate && e.mustStop() {
			st.QuorumWhy = "no quorum has answered for more than half of the lease, which is " + e.lease.State.String()
		}
	} else {
		st.QuorumWhy = "no view is in force: one is being agreed on"
	}
	for _, c := range e.cfg.Nodes {
		st.Nodes = append(st.Nodes, e.nodeStatus(c.Number))
	}
	for i := range e.cfg.Services {
		st.Services = append(st.Services, e.serviceStatus(i))
	}
	st.Disk = e.diskStatus()
	st.Waits = e.waits()
	st.Warnings = e.warnings()
	return st
}

func (e *Engine) selfFencing() string {
	if e.watchdog.Text != "" {
		return e.watchdog.Text
	}
	return "best effort: the heart has not said yet"
}

func (e *Engine) nodeStatus(n wire.Node) NodeStatus {
	p := e.peer(n)
	st := NodeStatus{Node: n, Name: e.name(n), Engine: n == e.self || p.EngineUp, Standby: e.intents.Standby.Has(n), Health: e.healthStatus(n)}
	if n != e.self && p.LastHeard != 0 && !e.alive(n) {
		st.SilentMS = int64(e.now-p.LastHeard) / 1e6
	}
	c, clean := e.cleanOf(n)
	switch {
	case e.obeyed() && e.view.Members.Has(n) && (e.alive(n)):
		st.State = "member"
		if n != e.self && p.State == wire.PeerLate {
			st.State, st.Why = "late", "silent for more than half of dead"
		} else if !st.Engine {
			st.Why = "its engine is down; its services run on"
		} else if e.leavesOrGone(n) {
			st.Why = "leaving in order"
			if n == e.self {
				st.Why += e.leaveWaits()
			}
		} else if why := e.unable(n); why != "" {
			st.Why = "nothing is started there: " + why
		}
	case e.alive(n):
		st.State, st.Why = "joining", e.whyJoining(n)
	case clean && c.Proof == ProofLeft:
		st.State, st.Why = "left", c.Proof.String()
	case clean:
		st.State, st.Why = "clean", c.Proof.String()
	case p.State == wire.PeerNever:
		st.State, st.Why = "never heard", "not heard since locum started here"
	default:
		st.State, st.Why = "dead", "silent on every path, and not proven clean"
		if e.disk.Good && e.movesOnDisk(e.disk.Slot(n)) {
			st.Why = "silent on every path; its stamp on the quorum disk moves"
		}
		if s := e.shotAt(n); s != nil && s.why != "" {
			st.Why += ": " + s.why
		}
	}
	return st
}

func (e *Engine) whyJoining(n wire.Node) string {
	switch {
	case n == e.self:
		return "waiting for a view"
	case e.peer(n).misfit == e.lifeOf(n):
		return "its file differs from ours: locum check on both, then make them the same"
	case !e.peer(n).EngineUp:
		return "its engine is down"
	case e.shotInFlight(n):
		return "a shot at it has not ended yet"
	case e.isMute(n):
		return "its beats come, and it does not answer: locum paths here and there, and its log"
	}
	return "heard, and not a member yet"
}

func (e *Engine) serviceStatus(i int) ServiceStatus {
	s := &e.cfg.Services[i]
	in := e.intents.of(s.Name)
	st := ServiceStatus{Service: s.Name, Group: s.Group, Stopped: in.Stopped, Maintenance: e.maintained(s.Name), Extra: s.Instance > s.Least, On: []InstanceStatus{}}
	own := e.services[i]
	st.On = append(st.On, InstanceStatus{Node: e.name(e.self), State: own.phase(e).String(), Detail: own.detail})
	if e.leads() {
		st.On = st.On[:0]
		for _, m := range e.lead.members {
			r := m.on(s.Name)
			st.On = append(st.On, InstanceStatus{Node: e.name(m.node), State: r.Phase.String(), Detail: r.Detail})
		}
	}
	st.State, st.Node = summary(st.On)
	switch {
	case e.leads() && i < len(e.lead.places):
		p := e.lead.places[i]
		st.Why = p.why
		if p.wait.For != "" {
			if st.Why != "" {
				st.Why += "; "
			}
			st.Why += "waits for " + p.wait.For
			if st.State == "stopped" {
				st.State = "blocked"
			}
		}
		if p.proof != "" {
			st.Why += " (proof: " + p.proof + ")"
		}
	case e.obeyed() && i < len(e.board.Services) && e.board.Epoch == e.view.Epoch:
		return e.board.Services[i]
	case e.obeyed():
		st.Why = "the leader, " + e.name(e.view.Leader) + ", has not said yet"
		if st.Node == "" {
			st.State = PhaseUnknown.String() // here it is stopped, and elsewhere it may run
		}
	}
	return st
}

// summary is the most telling of a service's phases and where it is so.
func summary(on []InstanceStatus) (state, node string) {
	for _, phase := range []Phase{PhaseRunning, PhaseStuck, PhaseStarting, PhaseStopping, PhaseUnknown} {
		for _, in := range on {
			if in.State == phase.String() {
				if phase == PhaseStuck {
					return "failed", in.Node
				}
				return phase.String(), in.Node
			}
		}
	}
	return PhaseStopped.String(), ""
}

// waits lists what does not go on by itself, or not yet, and which command ends it.
func (e *Engine) waits() []Wait {
	list := e.serviceWaits()
	if !e.leads() && e.board.Epoch == e.view.Epoch {
		list = append(list, e.board.Waits...)
	}
	for i := range e.services {
		s := &e.services[i]
		if h := e.heldAddress(s.cfg); h != nil && s.ordered {
			list = append(list, Wait{What: "service " + s.cfg.Name,
				For: fmt.Sprintf("another host (%s) answers for its address: find it, and take the address from it", h.by)})
		}
	}
	if e.obeyed() && !e.view.Verdict.Quorate && !e.view.unsafeTie() {
		list = append(list, e.quorumWaits()...)
	}
	return list
}

// serviceWaits is what the leader's services wait for.
func (e *Engine) serviceWaits() []Wait {
	list := []Wait{}
	if !e.leads() {
		return list
	}
	for _, p := range e.lead.places {
		if p.wait.For != "" {
			list = append(list, p.wait)
		}
	}
	if e.lead.unfinished != "" && e.lead.unfit != "" {
		list = append(list, Wait{What: "the file that was being applied", For: e.lead.unfit})
	}
	return list
}

func (e *Engine) quorumWaits() []Wait {
	var list []Wait
	for n := range (configured(e.cfg) &^ e.view.Members &^ e.cleanNodes(Proof.freesVote)).All {
		w := Wait{What: "quorum", For: e.name(n) + " to come back, or proof that it runs nothing", Command: e.confirmOnceOff(n)}
		if s := e.shotAt(n); s != nil && s.why != "" {
			w.For += " (its switch: " + s.why + ")"
		}
		if r := e.saidOf(n); r != "" {
			w.For += " (its switch says: " + r + ")"
		}
		if e.view.Verdict.Tie == TieDisk {
			w.For += e.waitsOfDisk()
		}
		if at := e.tieWait(); at != 0 && e.tied() {
			w.For += fmt.Sprintf("; this side shoots in %s", time.Duration(at-e.now).Round(time.Millisecond))
		}
		if e.alive(n) {
			w.For, w.Command = e.name(n)+" is heard; a view with it is being agreed on", ""
		} else {
			w.For += e.saidAtOnce()
		}
		list = append(list, w)
	}
	if len(list) == 0 && !e.admitted {
		// Everybody else is clean, but a lone starter cannot know what operators said while it was away.
		for n := range (configured(e.cfg) &^ e.view.Members).All {
			list = append(list, Wait{What: "quorum", Command: e.confirmCommand(n),
				For: e.name(n) + " is off, but commands may have been given while this node was away" + e.missedWords(n) + ": " + e.name(n) + " to come back, or an operator's word"})
		}
	}
	return list
}

func (e *Engine) saidOf(n wire.Node) string {
	for _, r := range e.readings {
		if r.node == n {
			return r.said
		}
	}
	return ""
}

func (e *Engine) warnings() []string {
	list := []string{}
	if e.started && !e.storing.writable {
		list = append(list, "the state directory cannot be used: this node casts no vote")
	}
	if e.cfg.Watchdog.Device == "" {
		list = append(list, "self-fencing: best effort (no watchdog)")
	}
	if e.disk.Trouble != "" {
		list = append(list, e.disk.Trouble)
	}
	list = append(list, e.missingOnDisk()...)
	for n := range e.doubted.All {
		list = append(list, e.doubtedSwitch(n))
	}
	if e.watchdog.Refuses {
		list = append(list, "nothing is started on this node until its watchdog is armed: "+e.watchdog.Text)
	}
	if e.watchdog.Stays != "" {
		list = append(list, e.watchdog.Stays)
	}
	return list
}
