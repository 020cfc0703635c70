package plan

import (
	"slices"

	"locum/wire"
)

// Move is a service that could leave its node, so that the load is more even.
type Move struct {
	Service int
	To      wire.Node
	Why     string
}

// Margins within which nodes count as equally loaded: a tenth of the capacity, and one service.
const (
	evenShare = 100
	evenCount = 1
)

// Rebalance looks for the one move that evens the load out most, among the services of may; ok is false if none is worth it. After it
// the two nodes are nearer to each other than before by more than the margin, so that no row of moves comes back to where it began.
func Rebalance(in Input, choices []Choice, may []bool) (best Move, ok bool) {
	t := newTable(&in)
	for s, c := range choices {
		t.take(s)
		t.seat(s, c.Node)
	}
	var gain load
	for s := range in.Services {
		is := &in.Services[s]
		if !may[s] || is.Fixed || is.At == 0 || choices[s].Node != is.At || len(t.users[s]) > 0 || len(is.With) > 0 {
			continue
		}
		from := t.loadOf(t.row(is.At), -1)
		t.seat(s, 0)
		for _, n := range is.Nodes {
			if n == is.At || !t.fits(s, n) || t.ails(n) {
				continue
			}
			to := t.loadOf(t.row(n), s)
			g := load{from.share - to.share, from.count - to.count}
			if g.worth() && (!ok || gain.compare(g) < 0) {
				best, gain, ok = Move{s, n, "the load is evened out: " + in.name(is.At) + " has more than " + in.name(n)}, g, true
			}
		}
		t.seat(s, is.At)
	}
	return best, ok
}

// worth reports whether a gain is more than the margin.
func (l load) worth() bool {
	return l.share > evenShare || l.share >= 0 && l.share <= evenShare && l.count > evenCount-1 && l.count >= 1
}

// Together is a service and all that have to be on one node with it, directly or through others.
func Together(in Input, s int) []int {
	t := newTable(&in)
	list := []int{s}
	for i := 0; i < len(list); i++ {
		for _, o := range slices.Concat(in.Services[list[i]].With, t.users[list[i]]) {
			if !slices.Contains(list, o) {
				list = append(list, o)
			}
		}
	}
	return list
}
