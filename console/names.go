package console

import (
	"fmt"
	"slices"
	"strings"

	"locum/cluster"
)

// known refuses a command that names no service or node of the cluster, with those that exist and the one that was
// probably meant.
func known(c cluster.Command, st *cluster.Status) error {
	if st == nil {
		return nil // the engine will say
	}
	if services := ServicesOf(st); c.Service != "" && !slices.Contains(services, c.Service) {
		return unknown("service", c.Service, services)
	}
	for _, n := range c.Nodes() {
		if err := KnownNode(n, st); err != nil {
			return err
		}
	}
	return nil
}

// KnownNode refuses a name that no node has; "" is none.
func KnownNode(name string, st *cluster.Status) error {
	if st == nil || name == "" || slices.Contains(NodesOf(st), name) {
		return nil
	}
	return unknown("node", name, NodesOf(st))
}

func unknown(kind, word string, exist []string) error {
	return failure(ExitUsage, fmt.Sprintf("no %s %q in the file, which has %s%s", kind, word, strings.Join(exist, ", "), DidYouMean(word, exist)))
}

// ServicesOf lists the services of a status; before the instances of a parallel service stands its name.
func ServicesOf(st *cluster.Status) (names []string) {
	for _, s := range st.Services {
		if s.Group != "" && s.Group != s.Service && !slices.Contains(names, s.Group) {
			names = append(names, s.Group)
		}
		names = append(names, s.Service)
	}
	return names
}

// NodesOf lists the nodes of a status.
func NodesOf(st *cluster.Status) (names []string) {
	for _, n := range st.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// DidYouMean is what to add to an error about a word: the existing one that is nearest, if it is near; else nothing.
func DidYouMean(word string, exist []string) string {
	best, least := "", len(word)/3+2 // from three letters on, two may be wrong
	for _, e := range exist {
		if d := distance(word, e); d < least && d < len(e) {
			best, least = e, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// longestWord bounds what is compared.
const longestWord = 64

// distance is how many letters have to be changed, added, dropped or swapped with their neighbour to make b of a
// (optimal string alignment).
func distance(a, b string) int {
	if len(a) > longestWord || len(b) > longestWord {
		return longestWord
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// ClearOf makes a clear command of a word that names a service or a node.
func ClearOf(word string, st *cluster.Status) (Command, error) {
	switch {
	case st == nil || slices.Contains(ServicesOf(st), word):
		return Command{Verb: "clear", Service: word}, nil
	case slices.Contains(NodesOf(st), word):
		return Command{Verb: "clear", Node: word}, nil
	}
	return Command{}, unknown("service or node", word, append(ServicesOf(st), NodesOf(st)...))
}
