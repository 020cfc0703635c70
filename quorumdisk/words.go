package quorumdisk

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"locum/config"
	"locum/wire"
)

func number(n wire.Node) string { return strconv.Itoa(int(n)) }

// Write says in words what stands on a disk. name gives a node's name, "" if it has none; now is for how long ago.
func (sh Sheet) Write(w io.Writer, name func(wire.Node) string, now time.Time, watched time.Duration) {
	if sh.Error != "" {
		fmt.Fprintf(w, "%s: %s\n", sh.Path, strings.TrimPrefix(sh.Error, "disk "+sh.Path+": "))
		return
	}
	fmt.Fprintf(w, "%s: disk %d of %d of cluster %s, with room for %d nodes, made %s\n", sh.Path, sh.Index, sh.Disks, sh.Cluster, sh.Room, ago(sh.MadeAt, now))
	if !sh.Counts {
		fmt.Fprintln(w, "  it replaces another disk and does not count before what the others hold has been copied to it, which the leader of a quorum does by itself")
	}
	if len(sh.Nodes) == 0 {
		fmt.Fprintln(w, "  no node has written here")
	}
	called := func(n wire.Node) string { return strings.TrimSpace("node " + number(n) + " " + name(n)) }
	for _, v := range sh.Nodes {
		v.write(w, called, now, watched)
	}
	for _, p := range sh.Pills {
		fmt.Fprintf(w, "  pill from %s to %s: life %d of boot %.8s is to reset, by epoch %d; written %s\n", called(p.From), called(p.To), p.Life, p.Boot, p.Epoch, ago(p.WroteAt, now))
	}
	for _, u := range sh.Unreadable {
		fmt.Fprintf(w, "  unreadable: %s\n", u)
	}
}

func (v NodeSheet) write(w io.Writer, called func(wire.Node) string, now time.Time, watched time.Duration) {
	switch {
	case v.Unreadable != "":
		fmt.Fprintf(w, "  %s: slot unreadable: %s\n", called(v.Node), v.Unreadable)
	case !v.Written:
		fmt.Fprintf(w, "  %s has never written its slot\n", called(v.Node))
	default:
		moves := fmt.Sprintf("its stamp stood still for %s", watched)
		if v.Rose > 0 {
			moves = fmt.Sprintf("it writes: its stamp rose by %d in %s", v.Rose, watched)
		}
		fmt.Fprintf(w, "  %s: %s; last written %s\n", called(v.Node), moves, ago(v.WroteAt, now))
		fmt.Fprintf(w, "      life %d, count %d, boot %.8s, epoch %d; %s\n", v.Life, v.Counter, v.Boot, v.Epoch, strings.Join(v.states(called), "; "))
	}
	if c := v.Claim; c != nil {
		fmt.Fprintf(w, "      tie-break %d: %s\n", c.Instance, c.words())
	}
}

func (v NodeSheet) states(called func(wire.Node) string) (list []string) {
	switch {
	case v.LeftClean:
		list = append(list, "left in order, runs nothing")
	case v.Running:
		list = append(list, "may run services")
	default:
		list = append(list, "runs nothing")
	}
	if !v.EngineUp {
		list = append(list, "its engine is down")
	}
	if !v.Quorate {
		list = append(list, "not quorate")
	}
	if v.Unadmitted {
		list = append(list, "no vote since its boot")
	}
	if v.ObeysLease {
		list = append(list, fmt.Sprintf("lease %s", time.Duration(v.LeaseMS)*time.Millisecond))
	} else {
		list = append(list, "obeys no lease")
	}
	if v.Armed {
		list = append(list, fmt.Sprintf("watchdog %s", time.Duration(v.WatchdogMS)*time.Millisecond))
	} else {
		list = append(list, "no watchdog armed")
	}
	var hears []string
	for _, n := range v.Hears {
		hears = append(hears, called(n))
	}
	if hears == nil {
		hears = []string{"nobody"}
	}
	return append(list, "hears "+strings.Join(hears, ", "))
}

func (c ClaimSheet) words() string {
	before := ""
	if c.Before != "" {
		before = "; before it " + c.Before + " had won"
	}
	switch {
	case c.Decided:
		return "won by " + c.Winner + before
	case c.Winner != "":
		return fmt.Sprintf("proposed %s in round %d, not known to be decided", c.Winner, c.Accepted) + before
	}
	return fmt.Sprintf("claims, in round %d", c.Promised) + before
}

// ago tells a moment, and how far it lies back by this machine's clock.
func ago(at *time.Time, now time.Time) string {
	if at == nil {
		return "at an unknown time"
	}
	text := at.Format("2006-01-02 15:04:05 UTC")
	if d := now.Sub(*at).Round(100 * time.Millisecond); d >= 0 {
		return fmt.Sprintf("%s (%s ago)", text, d)
	}
	return text + " (by a clock that is ahead of this machine's)"
}

// NamesOf gives the names of a file's nodes.
func NamesOf(cfg *config.Config) func(wire.Node) string {
	return func(n wire.Node) string {
		for _, line := range cfg.Nodes {
			if line.Number == n {
				return line.Name
			}
		}
		return ""
	}
}

// Write says in words what a test found.
func (m Measure) Write(w io.Writer, name func(wire.Node) string) {
	fmt.Fprintf(w, "%s: %s\n", m.Path, m.Verdict)
	fmt.Fprintf(w, "  %d rounds; write %s; read %s\n", m.Rounds, m.Writes, m.Reads)
	for _, o := range m.Others {
		fmt.Fprintf(w, "  node %s: its count rose %d times\n", strings.TrimSpace(number(o.Node)+" "+name(o.Node)), o.Rose)
	}
}

// String gives the latencies in milliseconds.
func (p Percentiles) String() string {
	ms := func(us int64) string { return strconv.FormatFloat(float64(us)/1000, 'f', 2, 64) }
	return fmt.Sprintf("median %s ms, 90 %% %s, 99 %% %s, worst %s", ms(p.P50), ms(p.P90), ms(p.P99), ms(p.Max))
}
