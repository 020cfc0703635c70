package cluster

import (
	"encoding/json"
	"fmt"
	"strings"

	"locum/config"
	"locum/wire"
)

// View is an agreed set of members. It is made by its leader once every member has promised its epoch, and never changes:
// whatever would change it makes a new one.
type View struct {
	Epoch   wire.Epoch  `json:"epoch"`
	Leader  wire.Node   `json:"leader"`
	Members wire.Nodes  `json:"members"`
	Lives   []wire.Life `json:"lives"` // of the members, in order of number
	Clean   []Clean     `json:"clean"` // of the others
	Verdict Verdict     `json:"verdict"`
	// Weights is what each member carried when the view was made: who shoots first is decided by it on both sides of a split.
	Weights []Weight `json:"weights"`
	// Seen is the newest view, and life, in which each node is known to have been a member: it outlives engines with the view.
	Seen []Seen `json:"seen,omitempty"`
	// Mute are lives that are heard and left out, because they do not answer the leader.
	Mute []wire.Life `json:"mute,omitempty"`
	// Half is what the members of exactly half know of the tie beyond what their leader does, nil if that is nothing.
	Half *Half `json:"half,omitempty"`
	// Strays is what may run where the file does not have it run.
	Strays []Stray `json:"strays,omitempty"`
}

// Weight is the importance of what runs on a node: for each service 1 and its priority.
type Weight struct {
	Node   wire.Node `json:"node"`
	Weight int       `json:"weight"`
}

// weightOf is the sum over a set of nodes.
func (v View) weightOf(set wire.Nodes) int {
	sum := 0
	for _, w := range v.Weights {
		if set.Has(w.Node) {
			sum += w.Weight
		}
	}
	return sum
}

// life finds a member's life.
func (v View) life(n wire.Node) (wire.Life, bool) {
	for _, l := range v.Lives {
		if l.Node == n {
			return l, true
		}
	}
	return wire.Life{}, false
}

// Verdict is whether a set of members may act, and why.
type Verdict struct {
	Quorate bool `json:"quorate"`
	Have    int  `json:"have"`  // votes of the members that may vote
	Total   int  `json:"total"` // votes that count
	Tie     Tie  `json:"tie"`   // how exactly half was, or may be, broken
	// Claim is the instance on the quorum disk on which this half rests, 0 if it rests on none.
	Claim uint64 `json:"claim,omitempty"`
	// Voters are the members whose votes were counted.
	Voters wire.Nodes `json:"voters"`
	// Coming: it is no quorum by the file that is being applied, or by that a tie is broken in another way.
	Coming bool `json:"coming,omitempty"`
}

// Tie says how exactly half of the votes stands.
type Tie uint8

// The ways of a tie.
const (
	TieNone   Tie = iota // not exactly half, or nothing to break it
	TieFence             // to be broken by confirming the others' power off
	TieUnsafe            // "tiebreak unsafe": only services that say stateless=yes go on
	TieDisk              // to be broken on the quorum disk
)

var tieNames = [...]string{"none", "fence", "unsafe", "disk"}

// String is the way's name.
func (t Tie) String() string { return tieNames[int(t)%len(tieNames)] }

// MarshalText writes the way's name.
func (t Tie) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a way's name.
func (t *Tie) UnmarshalText(text []byte) error {
	for i, n := range tieNames {
		if n == string(text) {
			*t = Tie(i)
			return nil
		}
	}
	return fmt.Errorf("tie %q is none of %v", text, tieNames)
}

// Why says the verdict in words.
func (v Verdict) Why() string {
	var s string
	switch {
	case v.Claim != 0:
		s = "exactly half, and the quorum disk has decided for it"
	case v.Quorate && v.Tie != TieNone:
		s = "exactly half, all others clean"
	case v.Quorate:
		s = "more than half"
	case v.Tie == TieFence:
		s = "exactly half: the others must be proven off first"
	case v.Tie == TieDisk:
		s = "exactly half: the quorum disk has to decide"
	case v.Tie == TieUnsafe:
		s = "exactly half: unsafe, only stateless services run"
	case v.Have == 0:
		s = "no node here may vote yet"
	case 2*v.Have == v.Total:
		s = "exactly half, and nothing breaks the tie"
	default:
		s = "not more than half"
	}
	if v.Coming {
		s += ", by the file that is being applied"
	}
	return fmt.Sprintf("%d of %d votes: %s", v.Have, v.Total, s)
}

// needed is how many votes hold the view: more than half, or the half that it rests on.
func (v Verdict) needed() int {
	if 2*v.Have == v.Total {
		return v.Have
	}
	return v.Total/2 + 1
}

// forHeart is what the heart must know of the view.
func (v View) forHeart(cfg *config.Config, exempt bool, tie tieState) wire.ViewForHeart {
	h := wire.ViewForHeart{Epoch: v.Epoch, Members: v.Members, Quorate: v.Verdict.Quorate, Exempt: exempt, Claim: v.Verdict.Claim}
	for n := range v.Verdict.Voters.All {
		h.Votes = append(h.Votes, wire.VoteOf{Node: n, Votes: votesOf(cfg, n)})
	}
	h.Needed = v.Verdict.needed()
	blob, err := json.Marshal(v)
	if err != nil {
		panic("a view cannot be written as JSON: " + err.Error())
	}
	h.Blob = blob
	if !v.joint() { // of a joint one it follows from the view
		if h.Own, err = json.Marshal(tie); err != nil {
			panic("a tie cannot be written as JSON: " + err.Error())
		}
	}
	return h
}

// joint reports whether more than half have agreed on the view, or all others were clean: no older decision of the quorum disk
// counts after it.
func (v View) joint() bool { return v.Verdict.Quorate && v.Verdict.Claim == 0 }

// keptByHeart reads back what forHeart wrote.
func keptByHeart(h *wire.ViewForHeart) (v View, tie tieState, err error) {
	if err := json.Unmarshal(h.Blob, &v); err != nil {
		return View{}, tie, fmt.Errorf("view kept by the heart: %w", err)
	}
	if v.joint() {
		return v, tieState{Common: v, Joint: v.Epoch}, nil
	}
	if err := json.Unmarshal(h.Own, &tie); err != nil {
		return View{}, tie, fmt.Errorf("tie kept by the heart: %w", err)
	}
	return v, tie, nil
}

func votesOf(cfg *config.Config, n wire.Node) int {
	for _, c := range cfg.Nodes {
		if c.Number == n {
			return c.Votes
		}
	}
	return 0
}

// names lists the nodes' names: "alpha, beta".
func names(cfg *config.Config, set wire.Nodes) string {
	var list []string
	for _, c := range cfg.Nodes {
		if set.Has(c.Number) {
			list = append(list, c.Name)
		}
	}
	return strings.Join(list, ", ")
}

func nodeName(cfg *config.Config, n wire.Node) string { return names(cfg, wire.SetOf(n)) }

func configured(cfg *config.Config) wire.Nodes {
	var s wire.Nodes
	for _, c := range cfg.Nodes {
		s = s.With(c.Number)
	}
	return s
}
