package console

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"locum/cluster"
	"locum/wire"
)

// ShowStatus writes the status as a person reads it: is all well, where is each service and why, what is waited for.
func ShowStatus(w io.Writer, r *Reply) {
	if r.Status == nil {
		showHeart(w, r.Heart)
		return
	}
	st := r.Status
	quorate := "NOT QUORATE"
	if st.Quorate {
		quorate = "quorate"
	}
	fmt.Fprintf(w, "cluster %s, seen from %s: %s (%s)\n", st.Cluster, st.Node, quorate, st.QuorumWhy)
	if st.Leader != "" {
		fmt.Fprintf(w, "view %d, led by %s; lease %s; self-fencing: %s\n", st.Epoch, st.Leader, st.Lease, st.SelfFencing)
	}
	showDisk(w, st.Disk)
	if st.Maintenance {
		fmt.Fprintln(w, "MAINTENANCE: nothing is started, stopped or watched over (locum maintenance off)")
	}
	showNodes(w, st)
	showUnjudged(w, st)
	showServices(w, st)
	showWaits(w, st.Waits)
	for _, text := range append(append([]string{}, st.Warnings...), heartWarnings(r.Heart)...) {
		fmt.Fprintln(w, "warning: "+text)
	}
}

func showDisk(w io.Writer, d *cluster.DiskStatus) {
	if d == nil {
		return
	}
	use := "usable"
	if !d.Usable {
		use = "NOT USABLE from here"
	}
	if d.Decisions > 0 {
		use += fmt.Sprintf("; decided %d times, the last time for %s", d.Decisions, d.DecidedFor)
	}
	if len(d.NotSeen) > 0 {
		use += "; not seen to write there yet: " + strings.Join(d.NotSeen, ", ")
	}
	fmt.Fprintln(w, "quorum disk: "+use)
}

// windowShare: a heart that runs later than this part of the window is warned of. A beat is due at least every third of it.
const windowShare = 4

func heartWarnings(h *HeartStatus) []string {
	if h == nil {
		return nil
	}
	var list []string
	for _, r := range h.Refused {
		list = append(list, "the kernel refused: "+r)
	}
	if late := time.Duration(h.LateUS) * time.Microsecond; late > millis(h.WindowMS)/windowShare {
		list = append(list, fmt.Sprintf("the heart ran up to %s late in the last minutes: for dead=%s that is too much; find what keeps the machine, or make the window longer",
			late.Round(100*time.Microsecond), millis(h.WindowMS)))
	}
	if h.ConfigDrift != "" {
		list = append(list, h.ConfigDrift)
	}
	return list
}

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0) }

func showNodes(w io.Writer, st *cluster.Status) {
	fmt.Fprintln(w)
	t := table(w)
	sampled := slices.ContainsFunc(st.Nodes, func(n cluster.NodeStatus) bool { return n.Health != nil })
	if sampled {
		fmt.Fprintln(t, "NODE\tSTATE\tLOAD\tMEMORY FREE\tWHY")
	} else {
		fmt.Fprintln(t, "NODE\tSTATE\tWHY")
	}
	for _, n := range st.Nodes {
		state := n.State
		if n.Standby {
			state += ", standby"
		}
		why := n.Why
		if n.SilentMS > 0 {
			why = join(why, "silent for "+(time.Duration(n.SilentMS)*time.Millisecond).String())
		}
		if sampled {
			state += "\t" + vitals(n.Health)
			why = join(why, ailments(n.Health))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", n.Name, state, why)
	}
	t.Flush()
}

func showServices(w io.Writer, st *cluster.Status) {
	fmt.Fprintln(w)
	t := table(w)
	fmt.Fprintln(t, "SERVICE\tSTATE\tNODE\tWHY")
	for _, s := range st.Services {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Service, s.State, dash(s.Node), s.Why)
		for _, in := range s.On {
			if in.Detail != "" {
				fmt.Fprintf(t, "\t%s\t%s\t%s\n", in.State, in.Node, in.Detail)
			}
		}
	}
	t.Flush()
}

func showWaits(w io.Writer, waits []cluster.Wait) {
	if len(waits) > 0 {
		fmt.Fprintln(w)
	}
	for _, wait := range waits {
		fmt.Fprintf(w, "%s waits for %s\n", wait.What, wait.For)
		if wait.Command != "" {
			fmt.Fprintf(w, "    what ends it: %s\n", wait.Command)
		}
	}
}

// Paths is what "paths" says to programs.
type Paths struct {
	Version int                  `json:"version"`
	Paths   []wire.PathState     `json:"paths"` // of a node that is alone [], not left out
	Names   map[wire.Node]string `json:"names"` // of the nodes
}

// PathsOf takes the paths out of a reply.
func PathsOf(r *Reply) Paths {
	return Paths{r.Version, append([]wire.PathState{}, r.Paths...), r.Names}
}

// ShowPaths writes the paths to each peer.
func ShowPaths(w io.Writer, r *Reply) {
	t := table(w)
	fmt.Fprintln(t, "PATH\tTYPE\tPEER\tSTATE\tLOSS\tROUND TRIP\tDROPPED")
	for _, p := range r.Paths {
		state := "lost"
		switch {
		case p.Up && p.PeerHears:
			state = "up"
		case p.Up:
			state = "one way: we hear it, it does not hear us"
		case p.PeerHears:
			state = "one way: it hears us, we do not hear it"
		}
		state = join(state, p.Note)
		rtt := "-"
		if p.RTTMicros > 0 {
			rtt = (time.Duration(p.RTTMicros) * time.Microsecond).String()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1f %%\t%s\t%s\n", p.Path, p.Type, nameOf(r, p.Peer), state, p.LossPct, rtt, drops(p.Drops))
	}
	t.Flush()
}

func drops(m map[string]uint64) string {
	var parts []string
	for _, reason := range sorted(m) {
		parts = append(parts, fmt.Sprintf("%s %d", strings.ReplaceAll(reason, "_", " "), m[reason]))
	}
	return dash(strings.Join(parts, ", "))
}

// ShowEvent writes one line of the history.
func ShowEvent(w io.Writer, e *Event) {
	mark := ""
	if e.Level == "alarm" || e.Level == "warn" {
		mark = strings.ToUpper(e.Level) + " "
	}
	fmt.Fprintf(w, "%s  %-8s %s%s\n", e.Time.Local().Format("2006-01-02 15:04:05.000"), e.Kind, mark, e.Text)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + "; " + b
}

func sorted(m map[string]uint64) []string {
	return slices.Sorted(maps.Keys(m))
}

// nameOf is a node's name if the reply tells it, else its number.
func nameOf(r *Reply, n wire.Node) string {
	if name := r.Names[n]; name != "" {
		return name
	}
	return fmt.Sprint(n)
}
