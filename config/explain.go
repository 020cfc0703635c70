package config

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Row is what the file means for one event: what happens, in what order, and how long it takes at worst.
type Row struct {
	Event string   `json:"event"`
	Steps []string `json:"steps"`
	Terms []Term   `json:"terms"` // of the worst case; empty where nothing has to be done
	Proof string   `json:"proof"` // on which a takeover rests
}

// Term is one part of a worst case.
type Term struct {
	Name string        `json:"name"`
	Time time.Duration `json:"-"`
	MS   int64         `json:"ms"`
}

// Worst adds the terms up.
func (r Row) Worst() time.Duration {
	var sum time.Duration
	for _, t := range r.Terms {
		sum += t.Time
	}
	return sum
}

func term(name string, d time.Duration) Term { return Term{name, d, d.Milliseconds()} }

// Explain says what the file means: a row for each node's death and for each path's loss.
func (c *Config) Explain() []Row {
	var rows []Row
	if len(c.Nodes) < 2 {
		return nil
	}
	for _, n := range c.Nodes {
		rows = append(rows, c.explainDeath(n))
	}
	rows = append(rows, c.explainDeadTogether()...)
	for _, p := range c.Paths {
		rows = append(rows, c.explainPath(p))
	}
	if len(c.Limits) > 0 {
		rows = append(rows, c.explainLimits())
	}
	return rows
}

// explainLimits says what comes of a node that is past a limit.
func (c *Config) explainLimits() Row {
	r := Row{Event: "a node is past a limit", Proof: "none needed: it stops a service before another node starts it"}
	for _, l := range c.Limits {
		var names []string
		for _, n := range c.Nodes {
			if l.About(n.Number) {
				names = append(names, n.Name)
			}
		}
		about := strings.Join(names, ", ")
		if len(names) == len(c.Nodes) {
			about = "any node"
		}
		r.Steps = append(r.Steps, about+": "+l.Past())
	}
	r.Steps = append(r.Steps,
		"it hands its services over one by one, the least important first, each only to a node that is well and has room, and never at the cost of another service",
		"it is given services again once it is away from the limit by a tenth for as long; what cannot be read is unknown, which moves nothing")
	return r
}

// explainDeath follows one node's death to the client's next answer.
func (c *Config) explainDeath(n Node) Row {
	r := Row{Event: n.Name + " dies"}
	r.Steps = append(r.Steps, fmt.Sprintf("the others hear nothing of it for %s", c.Beat.Dead))
	r.Terms = append(r.Terms, term("dead", c.Beat.Dead), term("agreeing on a view", viewRounds))
	left := c.TotalVotes() - n.Votes
	half := c.isHalf(n)
	var heirs []string
	for _, s := range c.Services {
		if i := slices.Index(s.Nodes, n.Number); i >= 0 && len(s.Nodes) > 1 {
			heirs = append(heirs, s.Name)
		}
	}
	switch {
	case 2*left < c.TotalVotes():
		r.Proof, r.Terms = "none: the others have less than half of the votes", nil
		r.Steps = append(r.Steps, "the others have less than half of the votes: they stop their services when their lease runs out")
		return r
	case half && c.has("disk"):
		r.Steps = append(r.Steps, "exactly half of the votes are left: each side that lives claims the quorum disk, which decides for one of them")
		r.Terms = append(r.Terms, c.claimTerms()...)
		half = false // the rest is as with more than half
	case half && !c.has("fence") && c.has("unsafe"):
		return c.explainUnsafe(r, n)
	case half && !c.has("fence"):
		r.Proof, r.Terms = "none: the others have exactly half of the votes, and nothing breaks the tie", nil
		r.Steps = append(r.Steps, "exactly half of the votes are left, and no tiebreak line says who goes on: the others stop their services when their lease runs out")
		return r
	}
	c.explainProof(&r, n, half)
	if len(heirs) == 0 {
		r.Steps = append(r.Steps, "nothing has to move")
		return r
	}
	started := fmt.Sprintf("what ran on it (of %s) is started on the next of its nodes, resource by resource", strings.Join(heirs, ", "))
	if r.Proof == operatorsWord { // which may take any time
		r.Steps, r.Terms = append(r.Steps, "once that is said, "+started), nil
		return r
	}
	r.Steps = append(r.Steps, started)
	r.Terms = append(r.Terms, term("start (its deadline; usually far less)", c.longestStart(n)))
	return r
}

const operatorsWord = "an operator's word"

// isHalf reports whether the others have exactly half of the votes without a node.
func (c *Config) isHalf(without Node) bool { return 2*(c.TotalVotes()-without.Votes) == c.TotalVotes() }

func (c *Config) explainUnsafe(r Row, n Node) Row {
	r.Proof = "no proof: unsafe"
	var goOn, stop []string
	for _, s := range c.Services {
		if s.Stateless {
			goOn = append(goOn, s.Name)
		} else {
			stop = append(stop, s.Name)
		}
	}
	if len(goOn) > 0 {
		r.Steps = append(r.Steps, "unsafe: "+strings.Join(goOn, ", ")+" is started at once, also if "+n.Name+" still runs it")
		r.Terms = append(r.Terms, term("start (its deadline; usually far less)", c.longestStart(n)))
	}
	if len(stop) > 0 {
		r.Steps = append(r.Steps, strings.Join(stop, ", ")+" stops, or stays stopped: it does not say stateless=yes")
	}
	return r
}

// explainProof says how the others come to know that the node runs nothing.
func (c *Config) explainProof(r *Row, n Node, half bool) {
	device := slices.ContainsFunc(c.Fences, func(f Fence) bool { return f.Node == n.Number && f.Type != "manual" })
	switch {
	case device:
	case c.provesByLease(n) && !half:
		c.explainLease(r, n)
		return
	default:
		r.Proof = operatorsWord
		r.Steps = append(r.Steps, fmt.Sprintf("nothing can prove that %s runs nothing: what it ran waits for \"locum fence %s --confirm\"", n.Name, n.Name))
		return
	}
	r.Proof = "power confirmed off"
	if half {
		delay := c.tieDelay()
		r.Steps = append(r.Steps, fmt.Sprintf("exactly half of the votes are left: the side with the more important services shoots at once, the other after %s", delay))
		r.Terms = append(r.Terms, c.tieTerms()...)
	}
	for i, level := range c.FencesOf(n.Number) {
		var list []string
		for _, f := range level {
			list = append(list, f.Name)
		}
		step := fmt.Sprintf("%s is switched off by %s, and asked again until that says off", n.Name, strings.Join(list, " and "))
		if i > 0 {
			step = fmt.Sprintf("if that is not confirmed: by %s", strings.Join(list, " and "))
		}
		r.Steps = append(r.Steps, step)
	}
	r.Terms = append(r.Terms, c.offTerms("off and confirmation (the devices' time limits)", n)...)
	if c.provesByLease(n) && !half {
		r.Steps = append(r.Steps, fmt.Sprintf("if no device confirms it: its lease and its watchdog's time are over after %s, as granted by the device", sumOf(c.leaseTerms())))
	}
}

// provesByLease reports whether proof 2 can count against a node: it has a watchdog, and no host can pause that, or its line
// allows it. Who has exactly half of the votes still needs another proof, because this one takes no vote away.
func (c *Config) provesByLease(n Node) bool {
	return c.Watchdog.Timeout > 0 && (!n.Guest || n.LeaseProof)
}

// explainLease: the node stops by itself, or its watchdog stops it; the others count from its last beat.
func (c *Config) explainLease(r *Row, n Node) {
	r.Proof = "lease and watchdog's time over"
	r.Terms = append(c.leaseTerms(), term("agreeing on a view", viewRounds))
	r.Steps = append(r.Steps, fmt.Sprintf("%s stops what it runs before its lease of %s is over, or is reset: by its heart, or by its watchdog, %s after the last pet",
		n.Name, c.Lease, c.Watchdog.Timeout),
		fmt.Sprintf("the others wait for both times and a tenth, %s from its last beat on (more if the device granted more)", sumOf(c.leaseTerms())))
}

func (c *Config) explainPath(p Path) Row {
	r := Row{Event: "path " + p.Name + " is lost between two nodes", Proof: "none needed"}
	if len(c.Paths) > 1 {
		r.Steps = []string{"an alarm; nothing moves while another path is left"}
		if p.Baud > 0 {
			r.Steps = append(r.Steps, fmt.Sprintf("(while it is well, beats take %d %% of its %d baud, and a piece of a message holds one up by at most %d ms)",
				c.LineShare(p), p.Baud, lineTime(p.MTU()+lineFraming, p.Baud).Milliseconds()))
		}
		return r
	}
	r.Steps = []string{fmt.Sprintf("it is the only path: after %s each side takes the other for dead, as above", c.Beat.Dead)}
	switch {
	case c.has("disk"):
		r.Steps = append(r.Steps, "the quorum disk decides for one side, which takes over from the other by the same proof as above; never two owners")
	case c.has("fence"):
		r.Steps = append(r.Steps, "the switch decides: one side is confirmed off before the other takes over; never two owners")
	case c.has("unsafe"):
		r.Steps = append(r.Steps, "unsafe: services that say stateless=yes run on both sides until the path is back; then the surplus stops")
	}
	return r
}

func (c *Config) has(tiebreak string) bool {
	return slices.ContainsFunc(c.Tiebreaks, func(t Tiebreak) bool { return t.Type == tiebreak })
}

// Advice is what two boxes get that only an unsafe tie-break parts, and what to buy; "" where it does not apply.
func (c *Config) Advice() string {
	if len(c.Nodes) != 2 || c.has("fence") || len(c.Fences) > 0 || c.has("disk") || !c.has("unsafe") {
		return ""
	}
	return "These two nodes have no fence device. When they cannot hear each other, nothing can tell a dead node from a cut\n" +
		"cable: services that say stateless=yes then run on both, all others stop. For services with data buy one device that\n" +
		"switches each node off: a switched power strip with HTTP (two outlets), a smart plug for each node, or use the\n" +
		"management board that the machines have (fence agents); then write \"tiebreak fence\" and a fence line for each node."
}

// WriteExplain writes the rows for a person.
func WriteExplain(w io.Writer, rows []Row) {
	for _, r := range rows {
		fmt.Fprintf(w, "\nwhen %s:\n", r.Event)
		for i, s := range r.Steps {
			fmt.Fprintf(w, "  %d. %s\n", i+1, s)
		}
		if len(r.Terms) == 0 {
			continue
		}
		var parts []string
		for _, t := range r.Terms {
			parts = append(parts, fmt.Sprintf("%d %s", t.MS, t.Name))
		}
		fmt.Fprintf(w, "  at worst %d ms = %s\n  proof: %s\n", r.Worst().Milliseconds(), strings.Join(parts, " + "), r.Proof)
	}
}
