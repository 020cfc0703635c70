package cluster

import (
	"fmt"
	"slices"
	"strings"

	"locum/config"
	"locum/wire"
)

// Command is what an operator asks for, from the control socket of any node. Commands that change something are taken
// to the leader, made durable at the members, and only then answered; Result.Watch tells the console what to wait for.
type Command struct {
	// Verb: move, start, stop, restart, standby, online, maintenance, clear, fence, confirm, apply, why.
	Verb    string `json:"verb"`
	Service string `json:"service,omitempty"` // move, start, stop, restart, clear, maintenance, why
	Node    string `json:"node,omitempty"`    // move (optional), standby, online, clear, fence, confirm (which takes several at once: alpha,beta)
	On      bool   `json:"on,omitempty"`      // maintenance
	Text    string `json:"text,omitempty"`    // apply: the new file
	By      string `json:"by,omitempty"`      // who asked, for the history
}

// Result is the answer to a command. Code is the exit status of section 6 of the design: 0 done, 1 failed, 2 wrong
// usage, 3 not quorate.
type Result struct {
	Code  int    `json:"code"`
	Text  string `json:"text"`            // what was done, or what was wrong and what to do
	To    string `json:"to,omitempty"`    // move: the node that it goes to
	Over  string `json:"over,omitempty"`  // an absent node: what operators have said to it, and no node here knows, counts no more
	Epoch uint64 `json:"epoch,omitempty"` // version of the intents that hold it
	Count uint64 `json:"count,omitempty"`
	// Why answers why: for each service that the name means.
	Why []ServiceWhy `json:"why,omitempty"`
}

// Nodes are the nodes that it names.
func (c Command) Nodes() []string {
	switch {
	case c.Node == "":
		return nil
	case c.Verb == "confirm":
		return strings.Split(c.Node, ",")
	}
	return []string{c.Node}
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
	for _, n := range c.Nodes() {
		if e.numberOf(n) == 0 {
			return bad("no node %q in the file; it has %s", n, names(e.cfg, configured(e.cfg)))
		}
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
