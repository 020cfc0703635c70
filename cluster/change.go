package cluster

import (
	"fmt"
	"strings"

	"locum/config"
	"locum/wire"
)

// change is a new version of the intents, or a new file, on its way to the members: it is acknowledged to the operator
// only when every member has made it durable.
type change struct {
	ask       ask
	intents   Intents
	accepted  wire.Nodes
	without   wire.Nodes // members whose state directory cannot be written: they cast no vote
	refused   string
	text      string   // apply: the new file
	before    string   // apply: the file that was being applied when it came, "" if there was none
	stopFirst []string // apply: services that the new file changes or no longer has
	commit    bool     // apply: all have kept the file; it takes effect
	done      string   // what the operator is told
	to        string   // move: where it goes
	reset     []string // clear: services whose failures are forgiven
	resetOn   wire.Nodes
	// apply: the prints of the keys that the new file names, as that member has read them
	keys   []wire.KeyPrint
	keysOf wire.Node
}

// replicate starts a change.
func (e *Engine) replicate(c *change) {
	e.issued = max(e.issued, e.intents.Version.Count) + 1 // also above those of changes that failed
	if n := e.knowsMore(); n != 0 && c.ask != (ask{}) {
		c.ask.over = e.name(n)
	}
	c.intents.Apart = e.view.unsafeTie()
	c.intents.Version = wire.Revision{Epoch: e.view.Epoch, Count: e.issued}
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
	switch {
	case r.Commit:
		e.adopt(r.Text)
		return
	case r.Drop:
		e.noteGivenUp(r.Text)
		if e.prepared == r.Text {
			e.prepared = ""
		}
		if k := e.keying; k.accept != nil && k.text == r.Text {
			e.keying = keying{}
		}
		if a := e.storing.accept; a != nil && a.Text == r.Text {
			e.storing.accept = nil // on its way to the disk: the next write takes it away again
		}
		e.heed(r.Intents, from) // others have them already, and name them on the quorum disk
		return
	}
	if r.Text != "" {
		if why := checkText(r.Text, e.self); why != "" {
			e.noteGivenUp(r.Text)
			e.send(from, Message{Accept: &Accept{Epoch: r.Epoch, Version: r.Intents.Version, Why: why}})
			return
		}
		e.readKeys(keying{text: r.Text, from: from, accept: &r})
		return
	}
	if e.keying.accept != nil {
		e.keying = keying{} // a newer word of the leader's
	}
	e.storing.accept, e.storing.from, e.storing.due, e.storing.keys = &r, from, 0, nil
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
	if ok && r.Text != "" {
		e.prepared = r.Text
	}
	if !ok && r.Text != "" {
		e.noteGivenUp(r.Text)
	}
	if ok || r.Text == "" {
		e.heed(r.Intents, e.storing.from) // who cannot write it down still goes by it
	}
	e.send(e.storing.from, Message{Accept: &Accept{Epoch: r.Epoch, Version: r.Intents.Version, OK: ok, Why: why, Unwritable: !ok, Keys: e.storing.keys}})
}

// heed takes newer intents, and says at a member what is new in them.
func (e *Engine) heed(in Intents, from wire.Node) {
	if !e.intents.Version.Less(in.Version) {
		return
	}
	if said := in.against(e.intents, e.cfg); len(said) > 0 && from != e.self {
		e.tell(History{Kind: "intent", Level: "info", Node: e.name(from), Epoch: e.view.Epoch,
			Text: fmt.Sprintf("as an operator said (by %s): %s", e.name(from), strings.Join(said, ", "))})
	}
	e.intents = in
}

// acceptedBy counts who has made the change durable.
func (e *Engine) acceptedBy(from wire.Node, a Accept) {
	c := e.lead.change
	if !e.leads() || c == nil || a.Epoch != e.view.Epoch || a.Version != c.intents.Version {
		return
	}
	switch {
	case a.OK:
		c.accepted = c.accepted.With(from)
		c.sameKeys(e, from, a.Keys)
	case a.Unwritable && c.text == "":
		c.without = c.without.With(from)
	default:
		c.refused = e.name(from) + ": " + a.Why
		if a.Unwritable {
			c.refused += "; see that it can, and repeat the command"
		}
	}
}

// kept reports whether those that have a change durable are a quorum by themselves, so that no view to come misses it.
func (e *Engine) kept(c *change) bool {
	v := e.view.Verdict
	have := sum(e.cfg, c.accepted&v.Voters)
	return c.without == 0 || e.view.unsafeTie() || 2*have > v.Total || 2*have == v.Total && have == v.Have
}

// proceedChange ends a change when all members have it, or one cannot take it.
func (e *Engine) proceedChange() {
	c := e.lead.change
	switch {
	case c == nil:
	case c.refused != "":
		e.dropFile(c)
		e.endChange(c, Result{Code: 1, Text: "not done everywhere: " + c.refused})
	case c.accepted|c.without != e.view.Members:
	case !e.kept(c):
		e.endChange(c, Result{Code: 1, Text: "too few can write it down (see the state directory on " + names(e.cfg, c.without) + "), so it may be forgotten; " +
			"see that they can, and repeat the command"})
	case !e.onDisks(c) && !e.disk.Good && e.disk.Trouble != "":
		e.dropFile(c)
		e.endChange(c, Result{Code: 1, Text: "the quorum disk cannot note it, so that " + names(e.cfg, configured(e.cfg)&^c.accepted) + ", if started alone, would not know of it: " +
			e.disk.Trouble + "; see to the disk, and repeat the command"})
	case !e.onDisks(c):
		// the heart has been told to note it, and tells when the disks name it
	case c.text != "" && !c.commit:
		e.commitFile(c)
	default:
		if c.without != 0 {
			c.done += " (not written down on " + names(e.cfg, c.without) + ", whose state directory cannot be used)"
		}
		e.tell(History{Kind: "intent", Level: "info", Epoch: e.view.Epoch, Service: c.ask.command.Service,
			Text: c.done + by(c.ask.command)})
		e.forgiveOn(c.resetOn, c.reset)
		v := c.intents.Version
		e.endChange(c, Result{Text: c.done, To: c.to, Epoch: uint64(v.Epoch), Count: v.Count})
	}
}

// endChange answers who asked for a change.
func (e *Engine) endChange(c *change, r Result) {
	e.lead.change = nil
	e.answer(c.ask, r)
}

func by(c Command) string {
	if c.By == "" {
		return ""
	}
	return ", by " + c.By
}

// forgiveOn tells members that their failures with some services are forgotten.
func (e *Engine) forgiveOn(nodes wire.Nodes, services []string) {
	for i := range e.lead.members {
		m := &e.lead.members[i]
		if !nodes.Has(m.node) {
			continue
		}
		o := m.sent
		o.Epoch, o.Reset = e.view.Epoch, services
		e.giveOrders(m, o)
	}
}
