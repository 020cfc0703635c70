package config

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	"locum/wire"
)

// NodeByName finds a node.
func (c *Config) NodeByName(name string) (Node, bool) {
	i := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return Node{}, false
	}
	return c.Nodes[i], true
}

// NodeByNumber finds a node.
func (c *Config) NodeByNumber(number wire.Node) (Node, bool) {
	i := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.Number == number })
	if i < 0 {
		return Node{}, false
	}
	return c.Nodes[i], true
}

// ServicesNamed finds the services that a person means by a name: one service or instance, or all instances of a parallel service.
func (c *Config) ServicesNamed(name string) []*Service {
	var list []*Service
	for i := range c.Services {
		if s := &c.Services[i]; s.Name == name || s.Group == name {
			list = append(list, s)
		}
	}
	return list
}

// TimeOfDay reports whether the file says something of a part of the day.
func (c *Config) TimeOfDay() bool {
	return slices.ContainsFunc(c.Services, func(s Service) bool { return s.FailbackAt != Window{} })
}

// Members is the set of all nodes of the file.
func (c *Config) Members() wire.Nodes {
	var set wire.Nodes
	for _, n := range c.Nodes {
		set = set.With(n.Number)
	}
	return set
}

// TotalVotes adds up all votes.
func (c *Config) TotalVotes() int {
	total := 0
	for _, n := range c.Nodes {
		total += n.Votes
	}
	return total
}

// FencesOf gives a node's devices by level, the lowest first.
func (c *Config) FencesOf(n wire.Node) [][]Fence {
	var levels [][]Fence
	for level := 1; level <= 9; level++ {
		var devices []Fence
		for _, f := range c.Fences {
			if f.Node == n && f.Level == level {
				devices = append(devices, f)
			}
		}
		if devices != nil {
			levels = append(levels, devices)
		}
	}
	return levels
}

// Same reports whether two resource lines mean the same.
func (r Resource) Same(o Resource) bool {
	return r.Service == o.Service && r.Type == o.Type && slices.Equal(r.Args, o.Args) && maps.Equal(r.Keys, o.Keys) &&
		r.Start == o.Start && r.Stop == o.Stop
}

// meaning is the text without comments, blank lines and needless blanks: what two files must have in common.
func meaning(text string) []string {
	var list []string
	for _, l := range lines(&Problems{}, text) {
		words := slices.Clone(l.words)
		for _, kv := range l.keys {
			words = append(words, kv.key+"="+kv.value)
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

// written is what meaning has, with quotes where a word needs them: lines that are the same give the same words.
func written(text string) []string {
	var list []string
	for _, l := range lines(&Problems{}, text) {
		var words []string
		for _, w := range l.words {
			if key, _, ok := strings.Cut(w, "="); ok && isKey(key) && word(w) == w {
				w = `"` + w + `"` // else it would be a key with its value
			} else {
				w = word(w)
			}
			words = append(words, w)
		}
		for _, kv := range l.keys {
			words = append(words, kv.key+"="+word(kv.value))
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

// SaysTheSame reports whether two files differ in nothing but comments, blank lines and spacing.
func (c *Config) SaysTheSame(o *Config) bool {
	return slices.Equal(written(c.Text), written(o.Text))
}

// Fingerprint is a hash of what the file means: comments, blank lines and spacing do not count. It is compared with those of nodes that run another
// version, and therefore knows no quotes: two words are the same to it as one with a blank in it, which SaysTheSame tells apart.
func (c *Config) Fingerprint() [32]byte {
	return sha256.Sum256([]byte(strings.Join(meaning(c.Text), "\n")))
}

// Diff lists the lines that two texts do not share: "- " before one that only the first has, "+ " the second.
func Diff(a, b string) []string {
	first, second := written(a), written(b)
	var list []string
	for _, l := range first {
		if !slices.Contains(second, l) {
			list = append(list, "- "+l)
		}
	}
	for _, l := range second {
		if !slices.Contains(first, l) {
			list = append(list, "+ "+l)
		}
	}
	if len(list) == 0 && !slices.Equal(first, second) {
		list = append(list, "(the same lines in another order)")
	}
	return list
}
