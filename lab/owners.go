package lab

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"locum/wire"
)

// Tenure is one time during which a node held an address. To is 0 while it still holds it.
type Tenure struct {
	Node     string
	From, To wire.Instant
}

// Overlap is a time during which two nodes held one address: two owners. To is 0 while both still do.
type Overlap struct {
	Nodes    [2]string
	From, To wire.Instant
}

// String says it for a test's failure.
func (o Overlap) String() string {
	if o.To == 0 {
		return fmt.Sprintf("%s and %s both have it, still", o.Nodes[0], o.Nodes[1])
	}
	return fmt.Sprintf("%s and %s both had it, for %s", o.Nodes[0], o.Nodes[1], Between(o.From, o.To))
}

// Tenures says who held an address from when to when, in order of their beginnings. A node that crashes holds it until
// nothing of the node is left; one whose cable is out holds it all the while.
func Tenures(sights []Sight, addr netip.Addr) (list []Tenure) {
	open := map[string]int{}
	for _, s := range sights {
		i, holds := open[s.Node]
		switch {
		case s.Change == Gained && s.Addr == addr && !holds:
			open[s.Node] = len(list)
			list = append(list, Tenure{Node: s.Node, From: s.At})
		case s.Change == Lost && s.Addr == addr && holds, s.Change == Gone && holds:
			list[i].To = s.At
			delete(open, s.Node)
		}
	}
	return list
}

// Overlaps finds the times with two owners.
func Overlaps(tenures []Tenure) (list []Overlap) {
	for i, a := range tenures {
		for _, b := range tenures[i+1:] {
			if a.Node == b.Node || a.To != 0 && a.To <= b.From {
				continue
			}
			o := Overlap{Nodes: [2]string{a.Node, b.Node}, From: b.From, To: a.To}
			if o.To == 0 || b.To != 0 && b.To < o.To {
				o.To = b.To
			}
			list = append(list, o)
		}
	}
	return list
}

// Holder is the node that holds an address now, "" if none does, and since when.
func (o *Observer) Holder(addr netip.Addr) (string, wire.Instant) {
	for _, t := range Tenures(o.Sights(), addr) {
		if t.To == 0 {
			return t.Node, t.From
		}
	}
	return "", 0
}

// OneOwner is nil if at no time two nodes held the address, and if the observer has seen everything.
func (o *Observer) OneOwner(addr netip.Addr) error {
	sights := o.Sights()
	for _, s := range sights {
		if s.Change == Missed {
			return fmt.Errorf("%s: not known: changes on %s were missed", addr, s.Node)
		}
	}
	if list := Overlaps(Tenures(sights, addr)); len(list) > 0 {
		return fmt.Errorf("%s had two owners: %v", addr, list)
	}
	return nil
}

// Answer is one answer that the client got.
type Answer struct {
	Seq       uint64
	Sent, Got wire.Instant
	Node      string // who answered
}

// Gap is a time without an answer: between two that follow each other.
type Gap struct{ Before, After Answer }

// Length is how long the client got no answer.
func (g Gap) Length() time.Duration { return Between(g.Before.Got, g.After.Got) }

// Probes is what a client sent and got.
type Probes struct {
	Every   time.Duration
	Sent    uint64 // how many questions
	Answers []Answer
}

// LongestGap is the longest time without an answer, the zero Gap if there were fewer than two answers.
func (p Probes) LongestGap() (longest Gap) {
	for i := 1; i < len(p.Answers); i++ {
		if g := (Gap{p.Answers[i-1], p.Answers[i]}); g.Length() > longest.Length() {
			longest = g
		}
	}
	return longest
}

// Lost is how many questions were never answered. Those of the last moment may still be under way.
func (p Probes) Lost() uint64 { return p.Sent - uint64(len(p.Answers)) }

// Handover is the change from one answering node to another: the old owner's last answer and the new one's first.
// It reports false if there was none.
func (p Probes) Handover(from, to string) (Gap, bool) {
	for i := len(p.Answers) - 1; i > 0; i-- {
		if p.Answers[i-1].Node == from && p.Answers[i].Node == to {
			return Gap{p.Answers[i-1], p.Answers[i]}, true
		}
	}
	return Gap{}, false
}

// First is the first answer of a node after the given instant. It reports false if there was none.
func (p Probes) First(node string, after wire.Instant) (Answer, bool) {
	for _, a := range p.Answers {
		if a.Node == node && a.Got >= after {
			return a, true
		}
	}
	return Answer{}, false
}

// Both finds the moments in which two nodes answered by turns: each is an answer of a node to a question that was asked after the other had begun to answer, and
// before the other's last answer, though the node held the address at no time between the question and its answer. One that comes late, from a machine that stood
// still, is none, nor is one of a node that was handed the address for the time of a single question.
func (p Probes) Both(tenures []Tenure) (list []Answer) {
	asked := slices.Clone(p.Answers)
	slices.SortStableFunc(asked, func(a, b Answer) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := 1; i < len(asked)-1; i++ {
		a := asked[i]
		held := slices.ContainsFunc(tenures, func(t Tenure) bool { return t.Node == a.Node && t.From <= a.Got && (t.To == 0 || a.Sent <= t.To) })
		if asked[i-1].Node == asked[i+1].Node && asked[i-1].Node != a.Node && !held {
			list = append(list, a)
		}
	}
	return list
}
