package console

import (
	"fmt"
	"io"
	"strings"

	"locum/cluster"
	"locum/config"
)

// vitals are a node's load and free memory, as two columns.
func vitals(h *cluster.HealthStatus) string {
	load, memory := "-", "-"
	if h != nil && h.Load != nil {
		load = fmt.Sprintf("%.2f", *h.Load)
	}
	if h != nil && h.MemoryAvailable != nil {
		memory = config.FormatSize(*h.MemoryAvailable)
	}
	return load + "\t" + memory
}

// ailments are the limits that a node is past.
func ailments(h *cluster.HealthStatus) string {
	if h == nil || len(h.Past) == 0 {
		return ""
	}
	return "past its limit: " + strings.Join(h.Past, "; ")
}

// showUnjudged writes which limits the node that is asked cannot judge.
func showUnjudged(w io.Writer, st *cluster.Status) {
	for _, n := range st.Nodes {
		if n.Health == nil {
			continue
		}
		for _, what := range n.Health.Unknown {
			fmt.Fprintf(w, "warning: %s cannot judge the limit %s\n", n.Name, what)
		}
	}
}
