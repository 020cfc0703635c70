package cluster

import (
	"cmp"
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// What keeps a service from starting: a member that may still run it, an absent node that is not proven clean.

// keptFor keeps a service where it runs while something other than its running there keeps it from starting at its new
// place: a planned move stops nothing that could not be started again.
func (e *Engine) keptFor(i int, d *deciding) wire.Node {
	s, sit, p := &e.cfg.Services[i], d.sits[i], &e.lead.places[i]
	held := sit.holders.First()
	if sit.holders.Count() != 1 || e.leavesOrGone(held) || e.lead.member(held).on(s.Name).Phase != PhaseRunning {
		return 0
	}
	wait, _ := e.blocked(s, d.chosen[i].node, sit.holders)
	if wait.For == "" {
		wait = e.startsNever(i, d)
	}
	if wait.For == "" {
		return 0
	}
	p.wait = wait
	return held
}

// blocked says what keeps a service from starting on a member: it starts only when every other node that might run it is
// a member that reports it stopped, or is proven clean. The nodes of except are not looked at. It also says on which proof
// the start rests.
func (e *Engine) blocked(s *config.Service, to wire.Node, except wire.Nodes) (Wait, string) {
	e.noteStuck(s, to, except)
	proof := ""
	what := "service " + s.Name
	for n := range (configured(e.cfg)).All {
		if n == to || except.Has(n) {
			continue
		}
		m := e.lead.member(n)
		c, clean := e.cleanOf(n)
		switch {
		case clean && e.cleanCounts(c) && (m == nil || e.provenMember(n)): // of a member its own word counts, unless this very boot is over
			if pathSet(s).Has(n) || e.straysOn(n, s.Name) {
				proof = c.Proof.String()
			}
		case m != nil:
			if r := m.on(s.Name); r.Phase != PhaseStopped || m.seen < m.sent.Serial || slices.Contains(m.sent.Run, s.Name) {
				return e.waitForMember(s, m, r), ""
			}
		case !pathSet(s).Has(n) && !e.straysOn(n, s.Name), e.knownQuiet(n, s.Name):
		case e.view.unsafeTie() && s.Stateless && !e.alive(n):
			proof = "no proof: unsafe"
		default:
			e.lead.needs = e.lead.needs.With(n)
			return e.waitForProof(what, n), ""
		}
	}
	if n := e.knowsMore(); n != 0 {
		return Wait{What: what, For: fmt.Sprintf("%s to come back: by the quorum disk, operators have said to it what no node here knows", e.name(n)),
			Command: e.confirmCommand(n) + ", if it does not, or say again what counts"}, ""
	}
	return Wait{}, proof
}

// freeOne has one node fenced where a service cannot be stopped on several and none is left that could run it: that one can, once
// it is back.
func (e *Engine) freeOne(s *config.Service, sit situation) {
	if sit.intent.Stopped || !e.view.Verdict.Quorate {
		return
	}
	var stuck wire.Nodes
	for _, m := range e.lead.members {
		if m.on(s.Name).Phase == PhaseStuck && pathSet(s).Has(m.node) {
			stuck = stuck.With(m.node)
		}
	}
	if others := stuck.Without(e.self); stuck.Count() > 1 && others != 0 {
		e.lead.stuck = e.lead.stuck.With(others.First())
	}
}

// noteStuck notes the members on which the service cannot be stopped although it has to run elsewhere.
func (e *Engine) noteStuck(s *config.Service, to wire.Node, except wire.Nodes) {
	for i := range e.lead.members {
		m := &e.lead.members[i]
		if m.node != to && !except.Has(m.node) && m.on(s.Name).Phase == PhaseStuck && !e.provenMember(m.node) {
			e.lead.stuck = e.lead.stuck.With(m.node)
		}
	}
}

// cleanCounts reports whether a proof serves now: a node that was heard in a new boot must have said itself that nothing runs, also if it is lost again.
func (e *Engine) cleanCounts(c Clean) bool {
	if p := e.peer(c.Node); c.Proof == ProofNewBoot && p.Incarnation > c.Life.Incarnation {
		return p.Idle
	}
	return true
}

func (e *Engine) waitForMember(s *config.Service, m *member, r ServiceReport) Wait {
	w := Wait{What: "service " + s.Name, For: fmt.Sprintf("%s is still %s on %s", s.Name, r.Phase, e.name(m.node))}
	if r.Phase == PhaseUnknown {
		w.For = fmt.Sprintf("%s to find out whether %s runs there: %s", e.name(m.node), s.Name, cmp.Or(r.Detail, "it looks"))
		w.Command = "locum fence " + e.name(m.node) + ", if it never does"
	}
	if r.Phase == PhaseStuck {
		w.For = fmt.Sprintf("%s cannot be stopped on %s, which has to be fenced: %s", s.Name, e.name(m.node), r.Detail)
		w.Command = "locum fence " + e.name(m.node) + ", or once it is stopped there: locum clear " + s.Name
	}
	return w
}

func (e *Engine) waitForProof(what string, n wire.Node) Wait {
	w := Wait{What: what, For: "proof that " + e.name(n) + " runs nothing", Command: e.confirmOnceOff(n)}
	if s := e.shotAt(n); s != nil && s.why != "" {
		w.For += ": " + s.why
	}
	if e.alive(n) {
		w.For, w.Command = e.name(n)+" is heard and not a member yet", ""
		if e.isMute(n) {
			w.For = e.name(n) + " is heard and does not answer, and it may run there"
			w.Command = "locum fence " + e.name(n) + ", if it never does"
		}
	}
	return w
}

func (e *Engine) waitNowhere(s *config.Service, sit situation, p *placed) {
	if sit.intent.Stopped {
		return
	}
	p.wait = Wait{What: "service " + s.Name, For: "a node that can run it: " + p.why}
	for _, m := range e.lead.members {
		if m.unable != "" && pathSet(s).Has(m.node) {
			p.wait.For = fmt.Sprintf("a node that can run it: %s starts nothing: %s", e.name(m.node), m.unable)
		}
		if r := m.on(s.Name); r.Barred {
			p.wait.For = fmt.Sprintf("it failed too often on %s: %s", e.name(m.node), r.Detail)
			p.wait.Command = "locum clear " + s.Name
		}
		if r := m.on(s.Name); r.Phase == PhaseStuck {
			p.wait = e.waitForMember(s, &m, r)
		}
	}
}

// runsSomewhere reports whether a member reports that a service runs there.
func (e *Engine) runsSomewhere(s *config.Service) bool {
	return slices.ContainsFunc(e.lead.members, func(m member) bool { return m.on(s.Name).Phase == PhaseRunning && !e.provenMember(m.node) })
}
