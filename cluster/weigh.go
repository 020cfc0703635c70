package cluster

// weighsMore compares the halves by what each ran in the last common view, as far as this node knows it.
func (e *Engine) weighsMore() bool {
	mine, others := e.tie.Common.weightOf(e.view.Verdict.Voters), e.tie.Common.weightOf(e.tieTargets())
	if mine != others {
		return mine > others
	}
	return e.hasLowest()
}

// hasLowest reports whether the lowest number of those whose votes make the halves is on this side. A node without a vote may be in a view of either.
func (e *Engine) hasLowest() bool { return e.view.Verdict.Voters.First() < e.tieTargets().First() }

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
