package plan

import (
	"fmt"
	"slices"
	"strings"

	"locum/wire"
)

// Refusal says why a service is not on a node that could run it.
type Refusal struct {
	Node wire.Node
	Why  string
}

// Refusals says of each node of a service's path but the chosen one why the service is not there. Nodes that cannot run it at all are
// left out: why, their members say themselves.
func Refusals(in Input, choices []Choice, s int) []Refusal {
	t := newTable(&in)
	for o, c := range choices {
		t.take(o)
		t.seat(o, c.Node)
	}
	t.seat(s, 0)
	var list []Refusal
	for _, n := range in.Services[s].Nodes {
		if n == choices[s].Node || !in.Services[s].Able.Has(n) {
			continue
		}
		why := t.refusal(s, n)
		if why == "" {
			why = "it could run there; " + in.name(choices[s].Node) + " was chosen: " + choices[s].Why
		}
		list = append(list, Refusal{n, why})
	}
	return list
}

func (in *Input) name(n wire.Node) string {
	for _, node := range in.Nodes {
		if node.Number == n {
			return node.Name
		}
	}
	return "no node"
}

// refusal is what keeps a service from a node beside all that have one, "" if nothing does.
func (t *table) refusal(s int, n wire.Node) string {
	v := t.row(n)
	if v < 0 {
		return "it is no member"
	}
	if w := t.missing(s); w >= 0 {
		return "it goes with " + t.in.Services[w].Name + ", which has no node"
	}
	if o := t.elsewhere(s, n); o >= 0 && slices.Contains(t.in.Services[s].With, o) {
		return fmt.Sprintf("it goes with %s, which is on %s", t.in.Services[o].Name, t.in.name(t.at[o]))
	} else if o >= 0 {
		return fmt.Sprintf("%s goes with it, and is on %s", t.in.Services[o].Name, t.in.name(t.at[o]))
	}
	for _, o := range t.in.Services[s].Apart {
		if t.at[o] == n {
			return "apart from " + t.in.Services[o].Name + ", which is there"
		}
	}
	if u := t.short(s, v, false); u >= 0 {
		return fmt.Sprintf("%s %s of %s free", t.in.Units[u], t.in.Services[s].Weight[u], t.free(v, u))
	}
	return t.in.Nodes[v].Ailing
}

// why says why a service has the node that it has, or none.
func (t *table) why(s int) string {
	is, n := &t.in.Services[s], t.at[s]
	switch {
	case n == 0 && is.Able == 0:
		return "none of its nodes (" + t.names(is.Nodes) + ") can run it now"
	case n == 0:
		return t.whyNowhere(s)
	case n == is.Asked:
		return is.AskedWhy
	case n == is.At:
		return "it runs there"
	case is.At != 0 && is.Able.Has(is.At) && !is.GoesBack(n):
		return fmt.Sprintf("it leaves %s: %s", t.in.name(is.At), t.leaves(s))
	case is.Back != "" && is.At != 0 && n == is.Nodes[0]:
		return is.Back + ", and " + t.in.name(n) + " comes first"
	case is.Back != "" && is.At != 0:
		return is.Back + ", and " + t.in.name(n) + " comes before " + t.in.name(is.At) + t.passed(s)
	case is.Spread:
		return "the least loaded of its nodes" + t.passed(s)
	case n == is.Nodes[0]:
		return "the first of its nodes"
	}
	return "the first of its nodes that can run it" + t.passed(s)
}

// leaves says why a service does not stay where it could run.
func (t *table) leaves(s int) string {
	at := t.in.Services[s].At
	if t.fits(s, at) {
		return "it was moved to make room"
	}
	n := t.at[s]
	t.seat(s, 0)
	defer t.seat(s, n)
	if why := t.refusal(s, at); why != "" {
		return why
	}
	return "it was moved to make room for others"
}

// mostPassed is how many nodes a reason names.
const mostPassed = 3

// passed names the nodes that came before in the path, could run the service, and have no room for it.
func (t *table) passed(s int) string {
	var list []string
	n := t.at[s]
	t.seat(s, 0)
	defer t.seat(s, n)
	for _, o := range t.in.Services[s].Nodes {
		if o == n {
			break
		}
		if why := t.refusal(s, o); t.in.Services[s].Able.Has(o) && why != "" && !t.fits(s, o) && !t.follows(s, o) {
			list = append(list, t.in.name(o)+": "+why)
		}
	}
	if len(list) > mostPassed {
		list = append(list[:mostPassed], fmt.Sprintf("and %d more", len(list)-mostPassed))
	}
	if list == nil {
		return ""
	}
	return " (" + strings.Join(list, "; ") + ")"
}

// follows reports whether all that keeps a service from a node are those that go with it.
func (t *table) follows(s int, n wire.Node) bool {
	o := t.elsewhere(s, n)
	return o >= 0 && !slices.Contains(t.in.Services[s].With, o)
}

func (t *table) whyNowhere(s int) string {
	var list []string
	for _, n := range t.in.Services[s].Nodes {
		if t.in.Services[s].Able.Has(n) {
			list = append(list, t.in.name(n)+": "+t.refusal(s, n))
		}
	}
	why := "no node has room for it: " + strings.Join(list, "; ")
	if t.gaveUp[s] {
		why += " (not every way to make room was tried)"
	}
	return why
}

func (t *table) names(nodes []wire.Node) string {
	var list []string
	for _, n := range nodes {
		name := t.in.name(n)
		if t.row(n) < 0 {
			name = fmt.Sprintf("node %d", n)
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}
