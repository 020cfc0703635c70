package cluster

import (
	"cmp"
	"fmt"
	"slices"

	"locum/config"
)

// commitFile has a new file take effect once the services that it changes are stopped.
func (e *Engine) commitFile(c *change) {
	if why := e.whyNotStopped(c.stopFirst); why != "" {
		e.giveUpFile(c, why)
		return
	}
	for _, m := range e.lead.members {
		for _, s := range c.stopFirst {
			if m.on(s).Phase != PhaseStopped {
				return
			}
		}
	}
	c.commit = true
	e.lead.change = nil
	e.answer(c.ask, Result{Text: c.done, Epoch: uint64(c.intents.Version.Epoch), Count: c.intents.Version.Count})
	e.tell(History{Kind: "config", Level: "info", Epoch: e.view.Epoch, Text: "a new file takes effect" + by(c.ask.command)})
	for n := range e.view.Members.Without(e.self).All {
		e.send(n, Message{Replicate: &Replicate{Epoch: e.view.Epoch, Intents: c.intents, Text: c.text, Commit: true}})
	}
	e.adopt(c.text)
}

// giveUpFile ends an apply that waits for what does not come by itself: operators' words that could help wait for its end. A file that may be in force
// elsewhere is not dropped, and goes on once it can.
func (e *Engine) giveUpFile(c *change, why string) {
	e.lead.change = nil
	if c.ask == (ask{}) {
		e.lead.unfinished, e.lead.unfit = c.text, why
		return
	}
	e.dropFile(c)
	e.answer(c.ask, Result{Code: 1, Text: why})
}

// whyNotStopped says why services that a new file changes cannot be stopped for it, "" if they can.
func (e *Engine) whyNotStopped(services []string) string {
	for _, s := range services {
		for _, m := range e.lead.members {
			switch r := m.on(s); {
			case r.Phase == PhaseStuck:
				return fmt.Sprintf("%s has to be stopped for the new file, and cannot be on %s: %s; see to it, write locum clear %s, and apply the file then", s, e.name(m.node), r.Detail, s)
			case r.Phase != PhaseStopped && e.maintained(s):
				return fmt.Sprintf("%s has to be stopped for the new file, and is in maintenance on %s: end that, and apply the file then", s, e.name(m.node))
			}
		}
	}
	return ""
}

// apply begins the change to a new file: checked, and only while every node, old and new, is a member or clean.
func (e *Engine) apply(a ask) {
	next, problems := config.Parse("the new file", a.command.Text)
	if next == nil {
		e.answer(a, Result{Code: 2, Text: problems.Error()})
		return
	}
	if why := cmp.Or(e.whyNotApply(next), e.whyNotStopped(e.stopsFirst(next))); why != "" {
		e.answer(a, Result{Code: 1, Text: why})
		return
	}
	e.handOut(a, a.command.Text, next)
}

// dropFile tells the members that a file which one of them cannot take will not count.
func (e *Engine) dropFile(c *change) {
	if c.text == "" {
		return
	}
	for n := range e.view.Members.All {
		e.send(n, Message{Replicate: &Replicate{Epoch: e.view.Epoch, Intents: c.intents, Text: c.text, Drop: true}})
	}
}

// handOut begins to bring a new file into force.
func (e *Engine) handOut(a ask, text string, next *config.Config) {
	e.replicate(&change{ask: a, intents: e.intents.among(e.cfg, next), text: text, before: e.prepared, stopFirst: e.stopsFirst(next), done: "the new file is in force on " + names(e.cfg, e.view.Members) + e.keyStep(next)})
}

// stopsFirst are the services that stop before a new file takes effect.
func (e *Engine) stopsFirst(next *config.Config) (list []string) {
	for i := range e.cfg.Services {
		if s := &e.cfg.Services[i]; !sameService(s, next) || e.losesHolder(s, next) {
			list = append(list, s.Name)
		}
	}
	return list
}

func (e *Engine) whyNotApply(next *config.Config) string {
	all := configured(e.cfg) | configured(next)
	away := all &^ e.view.Members &^ e.cleanNodes(Proof.freesVote)
	switch {
	case away&configured(e.cfg) != 0:
		return fmt.Sprintf("%s is away and not known to be clean: bring it back, or prove it off with locum fence %s --confirm",
			names(e.cfg, away), e.name(away.First()))
	case next.Cluster != e.cfg.Cluster:
		return "the cluster's name cannot be changed while it runs"
	case !judge(next, e.lead.promises, e.view.Members&configured(next), e.evidence(e.lead.promises)).Quorate:
		return "the members would not be quorate under the new file"
	}
	if !slices.EqualFunc(e.cfg.Disks, next.Disks, func(a, b config.Disk) bool { return a.Path == b.Path }) {
		return "the disk lines differ: while the file is handed out, each half could win on a disk of its own; stop locum on all nodes and change the file on each"
	}
	if votesMoved(e.cfg, next) > 1 {
		return "the votes change by more than one: while the file is handed out, one half could be quorate by the old and the other by the new; " +
			"apply it in steps of one vote"
	}
	if why := e.whyNotAdd(next); why != "" {
		return why
	}
	for _, n := range next.Nodes {
		if old := e.name(n.Number); old != "" && old != n.Name {
			return fmt.Sprintf("node %d is %s now and %s in the new file: a number stays with its node", n.Number, old, n.Name)
		}
	}
	return ""
}

// votesMoved is by how many votes two files differ.
func votesMoved(old, next *config.Config) int {
	moved := 0
	for n := range (configured(old) | configured(next)).All {
		d := votesOf(next, n) - votesOf(old, n)
		moved += max(d, -d)
	}
	return moved
}

// losesHolder reports whether a service runs on a node that the new file does not name for it, or may be stopping there still, where this file does: it stops before the file takes
// effect, because by the new file nobody would ask that node.
func (e *Engine) losesHolder(s *config.Service, next *config.Config) bool {
	path, holders := pathIn(next, s.Name), e.situationOf(s).holders
	return slices.ContainsFunc(e.lead.members, func(m member) bool {
		return !path.Has(m.node) && (holders.Has(m.node) || pathSet(s).Has(m.node) && m.on(s.Name).Phase != PhaseStopped)
	})
}

// sameService reports whether a service's lines are the same in the new file, so that it need not be touched.
func sameService(s *config.Service, next *config.Config) bool {
	for i := range next.Services {
		n := &next.Services[i]
		if n.Name != s.Name {
			continue
		}
		return slices.EqualFunc(s.Resources, n.Resources, func(a, b config.Resource) bool { return a.Same(b) })
	}
	return false
}
