package cluster

import (
	"fmt"
	"slices"

	"locum/cluster/plan"
	"locum/config"
	"locum/wire"
)

// ask is an operator's command on its way: asked here, carried to the leader, answered back.
type ask struct {
	id      uint64 // at the node that was asked
	from    wire.Node
	command Command
	sent    uint64       // the message that carries it to the leader, 0 while it waits here
	leader  wire.Node    // to whom it was carried
	refused wire.Epoch   // the view in which the leader did not take it, because it was in another
	until   wire.Instant // how long it then waits for that other
}

// unknownResult is the answer when a command's way was cut in the middle.
const unknownResult = "unknown: the leader changed while the command was under way; look at locum status, then repeat it if needed"

// dropAsks answers what others had this node do, when a view comes that it does not lead.
func (e *Engine) dropAsks() {
	if e.view.Leader == e.self {
		return
	}
	kept := e.asks[:0:0]
	for _, a := range e.asks {
		if a.from == e.self {
			kept = append(kept, a)
			continue
		}
		e.answer(a, Result{Code: 1, Text: unknownResult})
	}
	e.asks = kept
}

// mostAwaited bounds how many commands a promise names.
const mostAwaited = 64

// awaitsOf is which commands this node has carried to a leader and waits for.
func (e *Engine) awaitsOf(leader wire.Node) (ids []uint64) {
	for _, a := range e.asks {
		if a.from == e.self && a.sent != 0 && a.leader == leader && len(ids) < mostAwaited {
			ids = append(ids, a.id)
		}
	}
	return ids
}

// dropStaleAsks forgets what members had this node do and wait for no longer: their operators were told that it is not known
// whether it was done, and may have said something else since.
func (e *Engine) dropStaleAsks(promises []Promise) {
	e.asks = slices.DeleteFunc(slices.Clone(e.asks), func(a ask) bool {
		awaited := a.from == e.self || slices.ContainsFunc(promises, func(p Promise) bool { return p.Life.Node == a.from && slices.Contains(p.Awaits, a.id) })
		if !awaited {
			e.answer(a, Result{Code: 1, Text: unknownResult})
		}
		return !awaited
	})
	if e.inView {
		return // what is not here is on its way, or was answered
	}
	for _, p := range promises { // a former engine of this node was asked, and can answer no more
		for _, id := range p.Awaits {
			if a := (ask{id: id, from: p.Life.Node}); p.Life.Node != e.self && !slices.ContainsFunc(e.asks, func(o ask) bool { return o.from == a.from && o.id == a.id }) {
				e.answer(a, Result{Code: 1, Text: unknownResult})
			}
		}
	}
}

// notQuorate is the answer to a command that needs a view that may act.
const notQuorate = "the cluster is not quorate here: locum status says what it waits for"

// asked takes a command from this node's control socket.
func (e *Engine) asked(ev Asked) {
	a := ask{id: ev.ID, from: e.self, command: ev.Command}
	if r, bad := e.checkCommand(ev.Command); bad {
		e.do(Answer{ID: ev.ID, Result: r})
		return
	}
	if ev.Command.Verb == "confirm" && (!e.obeyed() || e.leads()) {
		e.confirm(a)
		return
	}
	e.asks = append(e.asks, a)
}

// checkCommand refuses what names nothing in the file.
func (e *Engine) checkCommand(c Command) (Result, bool) {
	bad := func(format string, args ...any) (Result, bool) {
		return Result{Code: 2, Text: fmt.Sprintf(format, args...)}, true
	}
	if !slices.Contains([]string{"move", "start", "stop", "restart", "standby", "online", "maintenance", "clear", "fence", "confirm", "apply", "why"}, c.Verb) {
		return bad("no such command: %q", c.Verb)
	}
	named := e.cfg.ServicesNamed(c.Service)
	if c.Service != "" && len(named) == 0 {
		return bad("no service %q in the file; it has %s", c.Service, serviceNames(e.cfg))
	}
	if c.Verb == "move" && len(named) > 1 {
		return bad("%s has several instances: name the one to move, %s to %s", c.Service, named[0].Name, named[len(named)-1].Name)
	}
	if c.Node != "" && e.numberOf(c.Node) == 0 {
		return bad("no node %q in the file; it has %s", c.Node, names(e.cfg, configured(e.cfg)))
	}
	needsService := slices.Contains([]string{"move", "start", "stop", "restart", "why"}, c.Verb)
	needsNode := slices.Contains([]string{"standby", "online", "fence", "confirm"}, c.Verb)
	switch {
	case needsService && c.Service == "":
		return bad("%s: which service?", c.Verb)
	case needsNode && c.Node == "":
		return bad("%s: which node?", c.Verb)
	case c.Verb == "clear" && c.Service == "" && c.Node == "":
		return bad("clear: which service or node?")
	}
	return Result{}, false
}

func (e *Engine) numberOf(name string) wire.Node {
	for _, n := range e.cfg.Nodes {
		if n.Name == name {
			return n.Number
		}
	}
	return 0
}

func serviceNames(cfg *config.Config) string {
	list := ""
	for i := range cfg.Services {
		if i > 0 {
			list += ", "
		}
		list += cfg.Services[i].Name
	}
	return list
}

// mayAct reports whether the view in force may carry out commands.
func (e *Engine) mayAct() bool {
	return e.obeyed() && (e.view.Verdict.Quorate && !e.mustStop() || e.view.unsafeTie())
}

// serveAsks carries waiting commands to the leader, or out; a change at a time.
func (e *Engine) serveAsks() {
	e.proceedChange()
	e.finishFile()
	kept := e.asks[:0:0]
	waiting := e.asks
	e.asks = nil
	for _, a := range waiting {
		if e.serve(&a) {
			kept = append(kept, a)
		}
	}
	e.asks = append(kept, e.asks...)
}

// agreedBy is until when a command waits for the view that is being agreed on: as long as who serves can go on without one.
func (e *Engine) agreedBy() wire.Instant {
	return e.election.since + wire.Instant(max(e.cfg.Beat.Dead, e.cfg.Lease/2))
}

// serve handles one command and reports whether it still waits.
func (e *Engine) serve(a *ask) bool {
	switch {
	case a.sent != 0 && e.obeyed() && a.leader != e.view.Leader:
		e.answer(*a, Result{Code: 1, Text: unknownResult})
		return false
	case a.sent != 0, a.refused == e.view.Epoch && a.refused != 0 && e.now < a.until:
		return true
	case a.refused == e.view.Epoch && a.refused != 0:
		e.answer(*a, Result{Code: 1, Text: "nothing was done: " + e.name(e.view.Leader) + " is in another view; repeat the command"})
		return false
	case !e.obeyed() && e.election.since != 0 && e.now < e.agreedBy():
		return true // a view is being agreed on
	case e.obeyed() && e.mustStop() && e.now < e.viewSince+wire.Instant(e.cfg.Beat.Dead):
		return true // its first lease is on its way
	case !e.obeyed() || a.command.Verb != "confirm" && !e.mayAct():
		e.answer(*a, Result{Code: 3, Text: notQuorate})
		return false
	case e.view.Leader != e.self:
		a.leader = e.view.Leader
		a.sent = e.send(a.leader, Message{Request: &Request{ID: a.id, Epoch: e.view.Epoch, Command: a.command}})
		return true
	case e.lead.change != nil && !slices.Contains([]string{"confirm", "fence", "why"}, a.command.Verb):
		return true
	}
	e.perform(*a)
	return false
}

// requestedBy takes a command that another node was asked.
func (e *Engine) requestedBy(from wire.Node, r Request) {
	a := ask{id: r.ID, from: from, command: r.Command}
	if res, bad := e.checkCommand(r.Command); bad {
		e.answer(a, res)
		return
	}
	if !e.leads() || r.Epoch != e.view.Epoch {
		e.send(from, Message{Reply: &Reply{ID: r.ID, Again: true}})
		return
	}
	e.asks = append(e.asks, a)
}

// repliedBy brings the leader's answer back to the operator.
func (e *Engine) repliedBy(r Reply) {
	for i, a := range e.asks {
		if a.from == e.self && a.id == r.ID && a.sent != 0 {
			if r.Again {
				e.asks[i].sent, e.asks[i].refused, e.asks[i].until = 0, e.view.Epoch, e.after(e.cfg.Beat.Dead)
				return
			}
			e.asks = slices.Delete(slices.Clone(e.asks), i, i+1)
			e.do(Answer{ID: a.id, Result: r.Result})
			return
		}
	}
}

// answer ends a command where it was asked.
func (e *Engine) answer(a ask, r Result) {
	if a == (ask{}) {
		return // nobody asked: this leader finishes what another had begun
	}
	if a.from == e.self {
		e.do(Answer{ID: a.id, Result: r})
		return
	}
	e.send(a.from, Message{Reply: &Reply{ID: a.id, Result: r}})
}

// messageEnded learns that a command never reached the leader.
func (e *Engine) messageEnded(ev MessageEnded) {
	e.leaveTold(ev)
	if ev.Outcome == wire.OutcomeDone {
		return
	}
	e.proposalFails(ev.ID)
	for i, a := range e.asks {
		if a.sent == ev.ID && ev.ID != 0 {
			e.asks = slices.Delete(slices.Clone(e.asks), i, i+1)
			e.do(Answer{ID: a.id, Result: Result{Code: 1,
				Text: "unknown: the leader did not answer; look at locum status, then repeat the command if needed"}})
			return
		}
	}
}

// perform carries a command out at the leader.
func (e *Engine) perform(a ask) {
	c := a.command
	node := e.numberOf(c.Node)
	next := &change{ask: a, intents: e.intents}
	switch c.Verb {
	case "confirm":
		e.confirm(a)
		return
	case "fence":
		e.fenceAsked(a, node)
		return
	case "apply":
		e.apply(a)
		return
	case "restart":
		e.restartAsked(a)
		return
	case "why":
		e.answer(a, e.whyAsked(c))
		return
	case "move":
		s := e.cfg.ServicesNamed(c.Service)[0]
		to, why := e.moveTarget(s, node)
		if why != "" {
			e.answer(a, Result{Code: 1, Text: why})
			return
		}
		next.intents = e.intentsFor(s.Name, func(in *ServiceIntent) { in.MovedTo, in.MovedLife = to, e.lifeOf(to).Incarnation })
		next.done = c.Service + " is moved to " + e.name(to)
	case "start", "stop":
		next.intents = e.intentsFor(c.Service, func(in *ServiceIntent) { in.Stopped = c.Verb == "stop" })
		next.done = c.Service + map[string]string{"stop": " is to be stopped", "start": " is to run"}[c.Verb]
	case "standby":
		next.intents.Standby, next.done = e.intents.Standby.With(node), c.Node+" stands by: its services go elsewhere"
	case "online":
		next.intents.Standby, next.done = e.intents.Standby.Without(node), c.Node+" may run services"
	case "maintenance":
		e.maintain(next)
	case "clear":
		e.clearAsked(next, node)
	}
	e.replicate(next)
}

// intentsFor are the intents in force, changed for each service that a name means.
func (e *Engine) intentsFor(name string, change func(*ServiceIntent)) Intents {
	out := e.intents
	for _, s := range e.cfg.ServicesNamed(name) {
		in := out.of(s.Name)
		change(&in)
		out = out.with(in)
	}
	return out
}

func (e *Engine) maintain(next *change) {
	c := next.ask.command
	state := map[bool]string{true: "on", false: "off"}[c.On]
	if c.Service == "" {
		next.intents.Maintenance, next.done = c.On, "maintenance is "+state
		return
	}
	next.intents, next.done = e.intentsFor(c.Service, func(in *ServiceIntent) { in.Maintenance = c.On }), "maintenance of "+c.Service+" is "+state
}

func (e *Engine) clearAsked(next *change, node wire.Node) {
	c := next.ask.command
	if c.Service != "" {
		next.intents = e.intentsFor(c.Service, func(in *ServiceIntent) { in.MovedTo, in.MovedLife = 0, 0 })
		for _, s := range e.cfg.ServicesNamed(c.Service) {
			next.reset = append(next.reset, s.Name)
		}
		next.done, next.resetOn = c.Service+": its failures and moves are forgotten", e.view.Members
		return
	}
	next.resetOn = wire.SetOf(node)
	e.peer(node).misfit = wire.Life{}
	for i := range e.cfg.Services {
		next.reset = append(next.reset, e.cfg.Services[i].Name)
	}
	next.done = c.Node + ": failures are forgotten"
}

// moveTarget says where a service goes: where the operator said, or to the next of its nodes that can run it.
func (e *Engine) moveTarget(s *config.Service, to wire.Node) (wire.Node, string) {
	service, sit := s.Name, e.situationOf(s)
	if sit.intent.Stopped {
		return 0, service + " is stopped by an operator: locum start " + service + " first"
	}
	if to != 0 {
		switch {
		case !pathSet(s).Has(to):
			return 0, fmt.Sprintf("%s is not among the nodes of %s (%s)", e.name(to), service, pathNames(e.cfg, s))
		case e.unable(to) != "" && !sit.able.Has(to):
			return 0, fmt.Sprintf("%s starts nothing now: %s", e.name(to), e.unable(to))
		case !sit.able.Has(to):
			return 0, fmt.Sprintf("%s cannot run %s now: it is no member, stands by, or failed with it; locum status says which", e.name(to), service)
		}
		return to, e.keepsFrom(s, to)
	}
	path := sit.path()
	now := e.toldOf(s)
	at := slices.Index(path, now)
	why := "no other node can run " + service + " now"
	for i := range path {
		if n := path[(at+1+i)%len(path)]; n != now {
			if why = e.keepsFrom(s, n); why == "" {
				return n, ""
			}
		}
	}
	return 0, why
}

// keepsFrom says why a service would not come to a node that can run it, "" if it would.
func (e *Engine) keepsFrom(s *config.Service, to wire.Node) string {
	sits := e.situations()
	at := slices.IndexFunc(sits, func(sit situation) bool { return sit.service == s })
	sits[at].moved = to
	in := e.planInput(sits)
	choices := plan.Make(in)
	if choices[at].Node == to || in.Services[at].Asked != to {
		return ""
	}
	why := e.apartFrom(e.lead.member(to), s)
	for _, r := range plan.Refusals(in, choices, at) {
		if r.Node == to {
			why = r.Why
		}
	}
	if why == "" {
		return ""
	}
	return fmt.Sprintf("%s does not fit on %s: %s", s.Name, e.name(to), why)
}

// fenceAsked fences a node on an operator's word.
func (e *Engine) fenceAsked(a ask, n wire.Node) {
	switch {
	case !e.view.Verdict.Quorate:
		e.answer(a, Result{Code: 3, Text: notQuorate})
	case !e.fenceable(n):
		e.answer(a, Result{Code: 1, Text: e.name(n) + " has no fence line; if it is off, say so with locum fence " + e.name(n) + " --confirm"})
	case n == e.self && e.deputy() == 0:
		e.answer(a, Result{Code: 1, Text: "no other node is there to fence " + e.name(n)})
	case n == e.self:
		e.lead.fenceMe, e.again = true, true
		e.answer(a, Result{Text: e.name(e.deputy()) + " fences " + e.name(n)})
	default:
		s := e.shootNow(n, "an operator said so"+by(a.command))
		e.answerShot(s, Result{Code: 1, Text: "another command to fence it came in between"})
		s.askID, s.askFrom = a.id, a.from
	}
}

func (e *Engine) answerShot(s *shot, r Result) {
	if s.askID != 0 {
		e.answer(ask{id: s.askID, from: s.askFrom}, r)
		s.askID = 0
	}
}

// confirm takes an operator's word that a node runs nothing: proof 4.
func (e *Engine) confirm(a ask) {
	n := e.numberOf(a.command.Node)
	switch {
	case n == e.self:
		e.answer(a, Result{Code: 1, Text: e.name(n) + " is not off: it leads the view"})
		return
	case e.alive(n):
		e.answer(a, Result{Code: 1, Text: e.name(n) + " is heard: it is not off"})
		return
	}
	e.proven(Clean{Node: n, Life: e.knownLife(n), Proof: ProofOperator, Epoch: e.view.Epoch})
	e.answer(a, Result{Text: e.name(n) + " is taken as clean" + by(a.command)})
}
