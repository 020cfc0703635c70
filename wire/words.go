package wire

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// Instant is a point of a machine's own time: nanoseconds since its boot, CLOCK_BOOTTIME, so that it also counts
// while the machine is suspended. Instants of two machines cannot be compared.
type Instant int64

// Epoch numbers views; a larger one is newer. 0 is no view.
type Epoch uint64

// Revision orders what operators have said, and the files that they brought into force: the epoch in which the leader took it, then
// a count. The zero one is older than all.
type Revision struct {
	Epoch Epoch  `json:"epoch"`
	Count uint64 `json:"count"`
}

// Unknown is the revision of who does not know what operators have said: newer than any that can be.
var Unknown = Revision{Epoch: math.MaxUint64, Count: math.MaxUint64}

// Less reports whether r is older.
func (r Revision) Less(than Revision) bool { return r.Compare(than) < 0 }

// Compare orders revisions, older ones first.
func (r Revision) Compare(o Revision) int {
	return cmp.Or(cmp.Compare(r.Epoch, o.Epoch), cmp.Compare(r.Count, o.Count))
}

// Incarnation numbers the lives of one node's heart process, larger at each start. 0 is never sent.
type Incarnation uint32

// ID is a boot id (one life of a kernel) or a machine id (made at random at locum's first start on a node).
type ID [16]byte

// IsZero reports whether the id is not known.
func (id ID) IsZero() bool { return id == ID{} }

// String gives the id in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText gives the id in hexadecimal, for records and state files.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 32 hexadecimal digits, with or without the dashes of a UUID.
func (id *ID) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(strings.ReplaceAll(string(text), "-", ""))
	if err != nil {
		return fmt.Errorf("id %q: %w", text, err)
	}
	if len(raw) != len(id) {
		return fmt.Errorf("id %q: %d bytes, want %d", text, len(raw), len(id))
	}
	copy(id[:], raw)
	return nil
}

// Node is a node's number, 1 to MaxNodes. 0 is no node.
type Node uint8

// Nodes is a set of nodes; node n is bit n-1.
type Nodes uint64

// SetOf makes the set of the given nodes.
func SetOf(nodes ...Node) Nodes {
	var s Nodes
	for _, n := range nodes {
		s = s.With(n)
	}
	return s
}

// Has reports whether n is in the set.
func (s Nodes) Has(n Node) bool { return n >= 1 && n <= MaxNodes && s&(1<<(n-1)) != 0 }

// With is the set and n.
func (s Nodes) With(n Node) Nodes {
	if n < 1 || n > MaxNodes {
		return s
	}
	return s | 1<<(n-1)
}

// Without is the set less n.
func (s Nodes) Without(n Node) Nodes {
	if n < 1 || n > MaxNodes {
		return s
	}
	return s &^ (1 << (n - 1))
}

// Count is the number of nodes in the set.
func (s Nodes) Count() int { return bits.OnesCount64(uint64(s)) }

// First is the lowest node of the set, 0 if it is empty.
func (s Nodes) First() Node {
	if s == 0 {
		return 0
	}
	return Node(bits.TrailingZeros64(uint64(s)) + 1)
}

// All yields the nodes of the set, lowest first.
func (s Nodes) All(yield func(Node) bool) {
	for rest := s; rest != 0; rest &= rest - 1 {
		if !yield(Node(bits.TrailingZeros64(uint64(rest)) + 1)) {
			return
		}
	}
}

// String lists the numbers: {1,3}.
func (s Nodes) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for n := range s.All {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d", n)
	}
	b.WriteByte('}')
	return b.String()
}

// State is what is so of one resource on one node.
type State uint8

// The states of a resource. Unknown is the zero value: what was not looked at is unknown, and unknown counts as
// running wherever a second owner would be the price.
const (
	StateUnknown State = iota // could not be found out
	StateStopped              // nothing of it is there
	StateRunning              // it is there and serves
	StateFailed               // something of it is there, or was, and it does not serve
)

var stateNames = [...]string{"unknown", "stopped", "running", "failed"}

// String is the state's name.
func (s State) String() string { return nameOf(stateNames[:], int(s)) }

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(text []byte) error {
	i, err := indexOf(stateNames[:], string(text))
	*s = State(i)
	return err
}

// Outcome is how something that was asked for ended. A time-out is unknown, and unknown never unlocks a takeover.
type Outcome uint8

// The outcomes. Unknown is the zero value.
const (
	OutcomeUnknown Outcome = iota
	OutcomeDone
	OutcomeFailed
)

var outcomeNames = [...]string{"unknown", "done", "failed"}

// String is the outcome's name.
func (o Outcome) String() string { return nameOf(outcomeNames[:], int(o)) }

// MarshalText writes the outcome's name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads an outcome's name.
func (o *Outcome) UnmarshalText(text []byte) error {
	i, err := indexOf(outcomeNames[:], string(text))
	*o = Outcome(i)
	return err
}

// Power is what a switch says of a node's supply.
type Power uint8

// The states of a supply. Unknown is the zero value.
const (
	PowerUnknown Power = iota
	PowerOn
	PowerOff
)

var powerNames = [...]string{"unknown", "on", "off"}

// String is the state's name.
func (p Power) String() string { return nameOf(powerNames[:], int(p)) }

// MarshalText writes the state's name.
func (p Power) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a state's name.
func (p *Power) UnmarshalText(text []byte) error {
	i, err := indexOf(powerNames[:], string(text))
	*p = Power(i)
	return err
}

func nameOf(names []string, i int) string {
	if i >= 0 && i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("invalid(%d)", i)
}

func indexOf(names []string, name string) (int, error) {
	for i, n := range names {
		if n == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is none of %s", name, strings.Join(names, ", "))
}
