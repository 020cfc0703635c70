package cluster

import (
	"slices"
	"strings"
	"time"

	"locum/wire"
)

// A member says in its promises and reports how it is, and the leader passes that on, so that every member can show it.
//
// The leader is to hand over what runs on a node that is past a limit (e.ailing) before that node fails: nothing new is placed there
// while another can have it, and what runs there moves away one service at a time, the least disturbing first. How many moves an
// hour that may be is the placement's to bound; a node changes its word at most once in the time of each limit. A node past a
// limit is a member like any other: it votes, leads, and keeps what no other node can run. Where all are past one, nobody is.

// Health is what a member says of itself.
type Health struct {
	Ailing []string `json:"ailing,omitempty"` // the limits it is past, in words: "load 9.3, limit 8, for 30s"
	Vitals Vitals   `json:"vitals,omitzero"`
}

// Vitals is how much a node has to do, and what memory it has left.
type Vitals struct {
	Known  bool  `json:"known"`
	Load   int64 `json:"load"`   // over a minute, in hundredths
	Memory int64 `json:"memory"` // available, in bytes
}

// HealthWord is the leader's, of those members who have said something.
type HealthWord struct {
	Epoch wire.Epoch   `json:"epoch"`
	Nodes []NodeHealth `json:"nodes"`
}

// NodeHealth is one member's.
type NodeHealth struct {
	Node wire.Node `json:"node"`
	Health
}

// healthWord is what is known of another node, and from which view.
type healthWord struct {
	NodeHealth
	epoch wire.Epoch
}

// relay is what the leader has passed on.
type relay struct {
	word HealthWord
	at   wire.Instant // when
	due  wire.Instant // when it will again, 0 if nothing changed
}

// vitalsEvery is how often others hear of vitals alone, at most: they decide nothing by themselves.
const vitalsEvery = wire.Instant(10 * time.Second)

// near reports whether two say the same to a person: the load to a half and a tenth, the memory to a tenth.
func (v Vitals) near(o Vitals) bool {
	return v.Known == o.Known && distance(v.Load, o.Load) <= 50+o.Load/10 && distance(v.Memory, o.Memory) <= o.Memory/10
}

func distance(a, b int64) int64 { return max(a, b) - min(a, b) }

func (h Health) same(o Health) bool {
	return slices.Equal(h.Ailing, o.Ailing) && h.Vitals.near(o.Vitals)
}

// ownHealth is how this node is now.
func (e *Engine) ownHealth() Health {
	h := Health{Vitals: e.health.vitals}
	for i := range e.health.gauges {
		if g := &e.health.gauges[i]; g.past {
			h.Ailing = append(h.Ailing, g.why)
		}
	}
	return h
}

// healthToReport is what the leader is told now: of the vitals what it was told already, unless they moved and it was a while ago.
func (e *Engine) healthToReport() Health {
	h := e.ownHealth()
	if told := e.told.Vitals; told.Known && (h.Vitals.near(told) || e.now-e.health.toldAt < vitalsEvery) {
		h.Vitals = told
	}
	return h
}

// noteHealth takes a member's word, as it holds in the view of that epoch.
func (e *Engine) noteHealth(n wire.Node, epoch wire.Epoch, h Health) {
	if n == e.self {
		return
	}
	word := healthWord{NodeHealth{n, h}, epoch}
	at, found := slices.BinarySearchFunc(e.health.words, n, func(w healthWord, n wire.Node) int { return int(w.Node) - int(n) })
	if found {
		e.health.words[at] = word
		return
	}
	e.health.words = slices.Insert(e.health.words, at, word)
}

// healthSaidBy takes the leader's word about all members.
func (e *Engine) healthSaidBy(from wire.Node, w HealthWord) {
	if !e.obeyed() || from != e.view.Leader || w.Epoch != e.view.Epoch || from == e.self {
		return
	}
	e.health.words = nil
	for _, n := range w.Nodes {
		if configured(e.cfg).Has(n.Node) {
			e.noteHealth(n.Node, w.Epoch, n.Health)
		}
	}
}

// healthOf is what a member said of itself; empty if it said nothing in this view, or is no member.
func (e *Engine) healthOf(n wire.Node) Health {
	if n == e.self {
		return e.ownHealth()
	}
	for _, w := range e.health.words {
		if w.Node == n && w.epoch == e.view.Epoch && e.view.Members.Has(n) {
			return w.Health
		}
	}
	return Health{}
}

// ailing is which limits a member is past, in words; "" if it is well, or has said nothing.
func (e *Engine) ailing(n wire.Node) string { return strings.Join(e.healthOf(n).Ailing, "; ") }

// relayHealth has the leader pass on what members said: soon where a limit was passed or is clear, seldom what are vitals alone.
func (e *Engine) relayHealth() {
	r := &e.health.relay
	if !e.leads() || e.view.Members.Count() < 2 {
		r.due = 0
		return
	}
	w := HealthWord{Epoch: e.view.Epoch}
	for n := range e.view.Members.All {
		if h := e.healthOf(n); len(h.Ailing) > 0 || h.Vitals.Known {
			w.Nodes = append(w.Nodes, NodeHealth{n, h})
		}
	}
	before := r.word
	if before.Epoch != w.Epoch {
		before = HealthWord{Epoch: w.Epoch} // what the members have of this view
	}
	if slices.EqualFunc(w.Nodes, before.Nodes, func(a, b NodeHealth) bool { return a.Node == b.Node && a.same(b.Health) }) {
		r.due = 0
		return
	}
	at := e.after(boardLag)
	if slices.EqualFunc(w.Nodes, before.Nodes, func(a, b NodeHealth) bool { return a.Node == b.Node && slices.Equal(a.Ailing, b.Ailing) }) {
		at = r.at + vitalsEvery
	}
	if r.due = soonest(r.due, at); e.now < r.due {
		return
	}
	r.word, r.at, r.due = w, e.now, 0
	for n := range e.view.Members.Without(e.self).All {
		e.send(n, Message{Health: &w})
	}
}
