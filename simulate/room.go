package simulate

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"locum/cluster/plan"
	"locum/config"
	"locum/wire"
)

// Loss is what becomes of the services when some nodes are away for good, all others being well.
type Loss struct {
	Down     []string   `json:"down"`     // the nodes that are away; none: with all there
	Quorum   bool       `json:"quorum"`   // the others have more than half of the votes, or half of them and what breaks the tie
	Unplaced []Unplaced `json:"unplaced"` // services that have no node then
	half     bool       // they have exactly half
}

// Unplaced is a service without a node, and why.
type Unplaced struct {
	Service string `json:"service"`
	Needed  bool   `json:"needed"` // false: an instance above the least number
	Why     string `json:"why"`
}

// mostPairs bounds for how many pairs of nodes it is computed.
const mostPairs = 300

// Losses computes what still has a node with all nodes there, after the death of each, and after that of each pair (not for clusters
// of more than mostPairs pairs). Services start where they would with all nodes there.
func Losses(cfg *config.Config) []Loss {
	in := plan.Of(cfg)
	list := []Loss{lose(cfg, in, 0)}
	for s, c := range plan.Make(in) {
		in.Services[s].At = c.Node
	}
	for _, n := range cfg.Nodes {
		list = append(list, lose(cfg, in, wire.SetOf(n.Number)))
	}
	if n := len(cfg.Nodes); n < 3 || n*(n-1)/2 > mostPairs {
		return list
	}
	for i, a := range cfg.Nodes {
		for _, b := range cfg.Nodes[i+1:] {
			list = append(list, lose(cfg, in, wire.SetOf(a.Number, b.Number)))
		}
	}
	return list
}

func lose(cfg *config.Config, in plan.Input, down wire.Nodes) Loss {
	l := Loss{Down: []string{}, Unplaced: []Unplaced{}}
	votes := cfg.TotalVotes()
	for _, n := range cfg.Nodes {
		if down.Has(n.Number) {
			l.Down = append(l.Down, n.Name)
			votes -= n.Votes
		}
	}
	l.half = 2*votes == cfg.TotalVotes()
	l.Quorum = 2*votes > cfg.TotalVotes() || l.half && breaksTies(cfg)
	in.Services = slices.Clone(in.Services)
	for s := range in.Services {
		is := &in.Services[s]
		is.Able &^= down
		if down.Has(is.At) {
			is.At = 0
		}
	}
	choices := plan.Make(in)
	neverStart(cfg, in, choices)
	for s, c := range choices {
		if c.Node == 0 {
			l.Unplaced = append(l.Unplaced, Unplaced{in.Services[s].Name, !in.Services[s].Extra, c.Why})
		}
	}
	return l
}

// neverStart takes the node from what would have to start there, and is after= something of which too little runs.
func neverStart(cfg *config.Config, in plan.Input, choices []plan.Choice) {
	for changed := true; changed; {
		changed = false
		for s := range choices {
			if choices[s].Node == 0 || in.Services[s].At != 0 {
				continue
			}
			for _, a := range cfg.Services[s].After {
				o, runs := &cfg.Services[a], 0
				for _, k := range cfg.Services[s].After {
					if cfg.Services[k].Group == o.Group && choices[k].Node != 0 {
						runs++
					}
				}
				if runs < o.Least {
					choices[s], changed = plan.Choice{Why: "it waits for " + o.Group + " to run first (after=" + o.Group + ")"}, true
					break
				}
			}
		}
	}
}

// breaksTies reports whether exactly half of the votes may go on, with all services.
func breaksTies(cfg *config.Config) bool {
	stateless := !slices.ContainsFunc(cfg.Services, func(s config.Service) bool { return !s.Stateless })
	return slices.ContainsFunc(cfg.Tiebreaks, func(t config.Tiebreak) bool {
		return t.Type == "disk" || t.Type == "fence" || t.Type == "unsafe" && stateless
	})
}

// lacks lists the needed services without a node.
func (l Loss) lacks() (names []string) {
	for _, u := range l.Unplaced {
		if u.Needed {
			names = append(names, u.Service+" ("+u.Why+")")
		}
	}
	return names
}

// WriteLosses says for a person what has no room when.
func WriteLosses(w io.Writer, list []Loss) {
	fmt.Fprintln(w, "\nwhat has a node when others are away:")
	for size, all := range []string{"with all nodes there every service has one", "after the death of any one node every service has one", "after the deaths of any two nodes every service has one"} {
		known, well := 0, true
		for _, l := range list {
			if len(l.Down) != size {
				continue
			}
			known++
			if lacks := l.lacks(); len(lacks) > 0 || !l.Quorum {
				well = false
				fmt.Fprintf(w, "  %s: %s\n", when(l.Down), strings.Join(append(l.noQuorum(), lacks...), "; "))
			}
		}
		switch {
		case known > 0 && well:
			fmt.Fprintf(w, "  %s\n", all)
		case known == 0 && size == 2 && len(list) > 4:
			fmt.Fprintln(w, "  pairs of nodes are too many to look at each; locum simulate --kill A,B plays one")
		}
	}
}

func when(down []string) string {
	if len(down) == 0 {
		return "with all nodes there"
	}
	return "without " + strings.Join(down, " and ")
}

func (l Loss) noQuorum() []string {
	switch {
	case l.Quorum:
		return nil
	case l.half:
		return []string{"the others are exactly half, and no tie-break lets them run all services"}
	}
	return []string{"the others are fewer than half and run nothing"}
}
