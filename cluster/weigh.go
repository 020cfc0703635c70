package cluster

import "locum/wire"

// halves are the two sides of a tie: those who vote on this one, and those whose votes this one lacks. A node without a vote may be in a view of either, and one that has none by the file
// may be missing to both.
func (e *Engine) halves() (mine, others wire.Nodes) { return e.halvesIn(e.view) }

func (e *Engine) halvesIn(v View) (mine, others wire.Nodes) {
	var voting wire.Nodes
	for _, c := range e.cfg.Nodes {
		if c.Votes > 0 {
			voting = voting.With(c.Number)
		}
	}
	return v.Verdict.Voters & voting, e.tieTargetsIn(v) & voting
}

// weighsMore compares the halves by what each ran in the last common view, as far as this node knows it.
func (e *Engine) weighsMore() bool {
	mine, others := e.halves()
	a, b := e.tie.Common.weightOf(mine), e.tie.Common.weightOf(others)
	if a != b {
		return a > b
	}
	return e.hasLowest()
}

// hasLowest reports whether the lowest number of those whose votes make the halves is on this side.
func (e *Engine) hasLowest() bool {
	mine, others := e.halves()
	return mine.First() < others.First()
}

// weigh is the importance of what runs on a node.
func (e *Engine) weigh(services []ServiceReport) int {
	sum := 0
	for _, r := range services {
		for i := range e.cfg.Services {
			if s := &e.cfg.Services[i]; s.Name == r.Service && (r.Phase == PhaseRunning || r.Phase == PhaseStarting) {
				sum += 1 + s.Priority
			}
		}
	}
	return sum
}

// weightsChanged reports whether the view should be made anew because the order of the two sides of a tie would be another by
// now: only where a tie can be broken by either, and only while everything is calm.
func (e *Engine) weightsChanged() bool {
	if !e.takesTurns() || !e.view.Verdict.Quorate || e.view.Members.Count() < 2 || !e.wholeView() || e.lead.change != nil {
		return false
	}
	changed := false
	for i, m := range e.lead.members {
		if m.seen < m.sent.Serial {
			return false
		}
		for _, r := range m.services {
			if r.Phase != PhaseRunning && r.Phase != PhaseStopped {
				return false
			}
		}
		changed = changed || i < len(e.view.Weights) && e.view.Weights[i].Weight != e.weigh(m.services)
	}
	return changed
}
