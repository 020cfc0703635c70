package simulate

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"locum/cluster/plan"
	"locum/config"
)

// DrawMany is Draw for 3 to 6 nodes with many services: weights and capacities, services that are together, apart, or started one after
// the other, parallel ones, and nodes that pass their limits. With all nodes there, every service has a node.
func DrawMany(seed uint64) Script {
	d := newDraw(seed)
	d.names = []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}[:3+d.rnd.IntN(4)]
	for !d.many() {
		continue
	}
	if d.percent(50) {
		d.say("watchdog 5s")
	}
	d.boot()
	d.sampled("load=1")
	if d.percent(10) {
		d.restarts()
	} else {
		d.disasters()
	}
	s := Script{Config: d.config, Commands: d.commands}
	if slices.Contains(s.Commands, healed) { // in the others nothing may be touched
		s.daytime(rand.New(rand.NewPCG(seed, 13)))
		s.rewritten(rand.New(rand.NewPCG(seed, 17)), d.names)
	}
	return s
}

// rewritten has operators apply files, in among a history's commands, in which a service's line is another: its nodes in another order, or another priority. It
// stands at the end then, so that all others have other places in the file. What has a node by one of them has one by all.
func (s *Script) rewritten(rnd *rand.Rand, names []string) {
	var lines []string
	for line := range strings.SplitSeq(s.Config, "\n") {
		if strings.HasPrefix(line, "service ") {
			lines = append(lines, line)
		}
	}
	if rnd.IntN(3) > 0 {
		return
	}
	var list []string
	over := false
	for i, c := range s.Commands {
		over = over || c == healed
		if !over && i > 0 && strings.HasPrefix(c, "run ") && rnd.IntN(100) < 15 {
			line := lines[rnd.IntN(len(lines))]
			other := nodesTurned.ReplaceAllString(line, "nodes=$2,$1")
			if rnd.IntN(2) == 0 {
				other = priorities.ReplaceAllString(line, "priority=7")
			}
			edits := []string{"-" + line, "-" + nodesTurned.ReplaceAllString(line, "nodes=$2,$1"), "-" + priorities.ReplaceAllString(line, "priority=7"), "+" + other}
			if rnd.IntN(3) == 0 {
				edits[3] = "+" + line
			}
			list = append(list, "apply "+names[rnd.IntN(len(names))]+" "+strings.Join(edits, " ; "))
		}
		list = append(list, c)
	}
	s.Commands = list
}

var (
	nodesTurned = regexp.MustCompile(`nodes=(\w+),([\w,]+)`)
	priorities  = regexp.MustCompile(`priority=\d`)
)

// daytime has some services go back in a part of the day only, and the time of day jump to its edges, in among a history's commands, but not after its
// faults are healed. It draws by a generator of its own, so that a seed's history stays what it was.
func (s *Script) daytime(rnd *rand.Rand) {
	parts := strings.Split(s.Config, " failback=yes")
	if len(parts) == 1 || rnd.IntN(2) == 0 {
		return
	}
	var b strings.Builder
	for _, part := range parts[:len(parts)-1] {
		b.WriteString(part + []string{" failback=yes", " failback=02:00-04:00", " failback=23:30-00:15"}[rnd.IntN(3)])
	}
	s.Config = b.String() + parts[len(parts)-1]
	var list []string
	over := false
	for i, c := range s.Commands {
		if over = over || c == healed; c == healed {
			list = append(list, "clock 12:00")
		} else if !over && i > 0 && strings.HasPrefix(c, "run ") && rnd.IntN(100) < 40 {
			list = append(list, "clock "+[]string{"01:59", "02:00", "03:59", "04:00", "23:30", "00:00", "00:14", "00:15"}[rnd.IntN(8)])
		}
		list = append(list, c)
	}
	s.Commands = list
}

// many draws a file, and reports whether all of it has a node.
func (d *draw) many() bool {
	d.fences, d.limits = d.percent(75), d.percent(50)
	var b strings.Builder
	fmt.Fprintf(&b, "cluster t\nkey /k\nbeat %s\n", d.beat)
	path := "path udp lan"
	for i, n := range d.names {
		fmt.Fprintf(&b, "node %d %s capacity=slot:10\n", i+1, n)
		path += fmt.Sprintf(" %s=192.0.2.%d", n, i+1)
	}
	b.WriteString(path + "\n")
	if d.fences {
		b.WriteString("tiebreak fence delay=3s\n")
		for _, n := range d.names {
			fmt.Fprintf(&b, "fence %s pdu type=http url-off=http://192.0.2.250/off url-status=http://192.0.2.250/s timeout=1s\n", n)
		}
	}
	if d.limits {
		b.WriteString("limit load=8 for=5s\n")
	}
	left := 7 * (len(d.names) - 1) // so much weight there may be in all
	for s := 1; s <= 3+d.rnd.IntN(7) && left > 0; s++ {
		left -= d.manyService(&b, s)
	}
	cfg, problems := config.Parse("drawn", b.String())
	if cfg == nil {
		if strings.Contains(problems.Error(), "with=") {
			return false // no node in common, or apart from what it is with
		}
		panic("the simulator drew a file with errors: " + problems.Error())
	}
	if slices.ContainsFunc(plan.Make(plan.Of(cfg)), func(c plan.Choice) bool { return c.Node == 0 }) {
		return false
	}
	d.know(cfg)
	return true
}

// manyService draws one service line, and says how much it weighs.
func (d *draw) manyService(b *strings.Builder, s int) (weight int) {
	nodes := slices.Clone(d.names)
	d.rnd.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	nodes = nodes[:2+d.rnd.IntN(len(nodes)-1)]
	each, most := 1+d.rnd.IntN(4), 1
	fmt.Fprintf(b, "service s%d nodes=%s weight=slot:%d priority=%d", s, strings.Join(nodes, ","), each, d.rnd.IntN(3))
	if d.percent(30) {
		b.WriteString(" place=spread")
	} else if d.percent(30) {
		b.WriteString(" failback=yes")
	}
	unit := "s%d.service\n"
	switch other := 1 + d.rnd.IntN(s); {
	case d.percent(20):
		most = len(nodes)
		fmt.Fprintf(b, " instances=%d", most) // all are needed: for one more nothing is moved, so that it may be without a node in the end
		unit = "s%d@%%i.service\n"
	case other == s || strings.Contains(b.String(), fmt.Sprintf("s%d@", other)):
	case d.percent(40):
		fmt.Fprintf(b, " %s=s%d", d.one("with", "apart", "after"), other)
	}
	fmt.Fprintf(b, "\nresource s%d unit "+unit, s, s)
	return each * most
}

// sampled has every node say how it is.
func (d *draw) sampled(what string) {
	if !d.limits {
		return
	}
	for _, n := range d.names {
		d.say("sample %s %s", n, what)
	}
}
