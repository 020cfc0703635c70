package cluster

import (
	"fmt"

	"locum/wire"
)

// Proof is why a node is known to run nothing.
type Proof uint8

// The four proofs of the design, in its order.
const (
	ProofNone     Proof = iota
	ProofPowerOff       // 1: its switch, asked again, said off
	ProofLease          // 2: its lease and its watchdog's time are over
	ProofLeft           // 3: it left in order
	ProofNewBoot        // 3: its kernel was started anew
	ProofOperator       // 4: an operator's word
)

var proofNames = [...]string{"none", "power confirmed off", "lease over", "left in order", "new boot", "operator's word"}

// String is the proof's name as the log gives it.
func (p Proof) String() string { return proofNames[int(p)%len(proofNames)] }

// MarshalText writes the proof's name.
func (p Proof) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a proof's name.
func (p *Proof) UnmarshalText(text []byte) error {
	for i, n := range proofNames {
		if n == string(text) {
			*p = Proof(i)
			return nil
		}
	}
	return fmt.Errorf("proof %q is none of %q", text, proofNames)
}

// Clean is a node that is proven to run nothing. It holds for the lives up to the one it names: it is void once the node
// was admitted to a later view, or is heard in a life that the proof says is over.
type Clean struct {
	Node  wire.Node  `json:"node"`
	Life  wire.Life  `json:"life"`
	Proof Proof      `json:"proof"`
	Epoch wire.Epoch `json:"epoch"` // of the view in which it was proven
}

// provenNote is what this node knows itself of what is proven of another.
type provenNote struct {
	since      wire.Instant     // when it came, 0 if there is nothing, or it comes in this very step
	life       wire.Incarnation // that it names
	by         Proof
	asked      wire.Instant // when what proves it was asked, or seen first; 0 if that is when it came
	shown      wire.Instant // as of when it was so; 0 if that is when it came
	told       bool         // another has proven it
	unadmitted bool         // the new boot, which proves it, was seen to have no vote
}

// freesVote reports whether the proof also takes the node's vote out of the count. Proof 2 never does: the node lives,
// has its promises, and may vote again.
func (p Proof) freesVote() bool {
	return p == ProofPowerOff || p == ProofLeft || p == ProofNewBoot || p == ProofOperator
}

// cleanOf finds what is proven of a node.
func (e *Engine) cleanOf(n wire.Node) (Clean, bool) {
	for _, c := range e.clean {
		if c.Node == n {
			return c, true
		}
	}
	return Clean{}, false
}

// proven keeps a proof, in order of number, in place of an older one.
func (e *Engine) proven(c Clean) {
	p := e.peer(c.Node)
	for i := range e.clean {
		if e.clean[i].Node == c.Node {
			if e.clean[i].Proof.freesVote() && !c.Proof.freesVote() && e.clean[i].Life == c.Life {
				return
			}
			p.proven, e.clean[i] = provenNote{}, c
			return
		}
	}
	p.proven = provenNote{}
	at := 0
	for at < len(e.clean) && e.clean[at].Node < c.Node {
		at++
	}
	e.clean = append(e.clean[:at], append([]Clean{c}, e.clean[at:]...)...)
	e.tell(History{Kind: "proof", Level: "info", Node: e.name(c.Node), Proof: c.Proof.String(), Epoch: c.Epoch,
		Text: fmt.Sprintf("%s runs nothing: %s", e.name(c.Node), c.Proof)})
}

// unproven drops what was proven of a node.
func (e *Engine) unproven(n wire.Node) {
	for i := range e.clean {
		if e.clean[i].Node == n {
			e.clean = append(e.clean[:i], e.clean[i+1:]...)
			return
		}
	}
}

// cleanNodes is the set of nodes whose proof fits the test.
func (e *Engine) cleanNodes(fits func(Proof) bool) wire.Nodes {
	var s wire.Nodes
	for _, c := range e.clean {
		if fits(c.Proof) {
			s = s.With(c.Node)
		}
	}
	return s
}
