package cluster

import (
	"fmt"
	"slices"

	"locum/config"
	"locum/wire"
)

// change is a new version of the intents, or a new file, on its way to the members: it is acknowledged to the operator
// only when every member has made it durable.
type change struct {
	ask       ask
	intents   Intents
	accepted  wire.Nodes
	refused   string
	text      string   // apply: the new file
	stopFirst []string // apply: services that the new file changes or no longer has
	commit    bool     // apply: all have kept the file; it takes effect
	done      string   // what the operator is told
	reset     []string // clear: services whose failures are forgiven
}

// replicate starts a change.
func (e *Engine) replicate(c *change) {
	e.issued = max(e.issued, e.intents.Version.Count) + 1 // also above those of changes that failed
	c.intents.Apart = e.view.unsafeTie()
	c.intents.Version = Version{Epoch: e.view.Epoch, Count: e.issued}
	if c.text != "" {
		c.text = config.WithVersion(c.text, uint64(e.view.Epoch), e.issued)
	}
	e.lead.change = c
	for n := range e.view.Members.All {
		e.send(n, Message{Replicate: &Replicate{Epoch: e.view.Epoch, Intents: c.intents, Text: c.text}})
	}
}

// replicated makes what the leader hands out durable here, then accepts it.
func (e *Engine) replicated(from wire.Node, r Replicate) {
	if !e.obeyed() || from != e.view.Leader || r.Epoch != e.view.Epoch {
		return
	}
	if r.Commit {
		e.adopt(r.Text)
		return
	}
	if r.Text != "" {
		if why := checkText(r.Text, e.self); why != "" {
			e.send(from, Message{Accept: &Accept{Epoch: r.Epoch, Version: r.Intents.Version, Why: why}})
			return
		}
	}
	e.storing.accept, e.storing.from = &r, from
}

// checkText says what is wrong with a new file, "" if it is good for this node.
func checkText(text string, self wire.Node) string {
	cfg, problems := config.Parse("the new file", text)
	switch {
	case cfg == nil:
		return problems.Error()
	case !configured(cfg).Has(self):
		return "the new file has no node " + fmt.Sprint(self)
	}
	return ""
}

// accepted answers a Replicate once the state directory has it, or could not take it.
func (e *Engine) accepted(ok bool, why string) {
	r := e.storing.accept
	if r == nil || ok && e.durable.Intents.Version.Less(r.Intents.Version) {
		return
	}
	e.storing.accept = nil
	if ok && (!e.obeyed() || r.Epoch != e.view.Epoch) {
		return // what was promised since then does not know of it
	}
	if ok && e.intents.Version.Less(r.Intents.Version) {
		e.intents = r.Intents
	}
	e.send(e.storing.from, Message{Accept: &Accept{Epoch: r.Epoch, Version: r.Intents.Version, OK: ok, Why: why}})
}

// acceptedBy counts who has made the change durable.
func (e *Engine) acceptedBy(from wire.Node, a Accept) {
	c := e.lead.change
	if !e.leads() || c == nil || a.Epoch != e.view.Epoch || a.Version != c.intents.Version {
		return
	}
	if a.OK {
		c.accepted = c.accepted.With(from)
	} else {
		c.refused = e.name(from) + ": " + a.Why
	}
}

// proceedChange ends a change when all members have it, or one cannot take it.
func (e *Engine) proceedChange() {
	c := e.lead.change
	switch {
	case c == nil:
	case c.refused != "":
		e.lead.change = nil
		e.answer(c.ask, Result{Code: 1, Text: "not done everywhere: " + c.refused + "; see that it can, and repeat the command"})
	case c.accepted != e.view.Members:
	case c.text != "" && !c.commit:
		e.commitFile(c)
	default:
		e.lead.change = nil
		e.tell(History{Kind: "intent", Level: "info", Epoch: e.view.Epoch, Service: c.ask.command.Service,
			Text: c.done + by(c.ask.command)})
		e.forgiveEverywhere(c.reset)
		v := c.intents.Version
		e.answer(c.ask, Result{Text: c.done, Epoch: uint64(v.Epoch), Count: v.Count})
	}
}

func by(c Command) string {
	if c.By == "" {
		return ""
	}
	return ", by " + c.By
}

// forgiveEverywhere sends the members that their failures with some services are forgotten.
func (e *Engine) forgiveEverywhere(services []string) {
	if len(services) == 0 {
		return
	}
	for i := range e.lead.members {
		m := &e.lead.members[i]
		o := m.sent
		o.Epoch, o.Reset = e.view.Epoch, services
		e.giveOrders(m, o)
	}
}

// commitFile has a new file take effect once the services that it changes are stopped.
func (e *Engine) commitFile(c *change) {
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

// apply begins the change to a new file: checked, and only while every node, old and new, is a member or clean.
func (e *Engine) apply(a ask) {
	next, problems := config.Parse("the new file", a.command.Text)
	if next == nil {
		e.answer(a, Result{Code: 2, Text: problems.Error()})
		return
	}
	if why := e.whyNotApply(next); why != "" {
		e.answer(a, Result{Code: 1, Text: why})
		return
	}
	c := &change{ask: a, intents: e.intents, text: a.command.Text, done: "the new file is in force on " + names(e.cfg, e.view.Members)}
	for i := range e.cfg.Services {
		s := &e.cfg.Services[i]
		if !sameService(s, next) || e.losesHolder(s, next) {
			c.stopFirst = append(c.stopFirst, s.Name)
		}
	}
	e.replicate(c)
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
	case !judge(next, e.lead.promises, e.view.Members&configured(next), e.clean).Quorate:
		return "the members would not be quorate under the new file"
	}
	if votesMoved(e.cfg, next) > 1 {
		return "the votes change by more than one: while the file is handed out, one half could be quorate by the old and the other by the new; " +
			"apply it in steps of one vote"
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

// losesHolder reports whether a service runs on a node that the new file does not name for it: it stops before the file takes
// effect, because by the new file nobody would ask that node.
func (e *Engine) losesHolder(s *config.Service, next *config.Config) bool {
	var path wire.Nodes
	for i := range next.Services {
		if n := &next.Services[i]; n.Name == s.Name {
			path = pathSet(n)
		}
	}
	return e.situationOf(s).holders&^path != 0
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
