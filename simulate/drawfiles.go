package simulate

import (
	"fmt"
	"strings"

	"locum/config"
)

// DrawFiles is a history in which operators bring new files all the time: other nodes for a service, another vote, tie-break, watchdog or
// lease, in the middle of splits, deaths, lost disks and state directories that are brought back.
func DrawFiles(seed uint64) Script {
	d := newDraw(seed)
	d.names = []string{"alpha", "beta", "gamma", "delta"}[:[]int{2, 2, 3, 3, 3, 4}[d.rnd.IntN(6)]]
	d.services = []string{"web", "db"}
	d.fences, d.disk = d.percent(65), d.percent(55)
	if len(d.names)%2 == 0 && !d.fences {
		d.disk = true
	}
	lines := d.files()
	var b strings.Builder
	fmt.Fprintf(&b, "cluster t\nkey /k\nbeat %s\npath udp lan", d.beat)
	for i, n := range d.names {
		fmt.Fprintf(&b, " %s=192.0.2.%d", n, i+1)
	}
	b.WriteString("\n")
	for i, n := range d.names[1:] {
		fmt.Fprintf(&b, "node %d %s\n", i+2, n)
	}
	if d.disk {
		for i := range d.one("1", "1", "3")[0] - '0' {
			fmt.Fprintf(&b, "disk /dev/quorum%d every=1s dead=5s\n", i+1)
		}
	}
	if d.fences {
		for _, n := range d.names {
			fmt.Fprintf(&b, "fence %s pdu type=http url-off=http://192.0.2.9/off url-status=http://192.0.2.9/s timeout=1s\n", n)
		}
	}
	for _, s := range d.services {
		fmt.Fprintf(&b, "resource %s unit %s.service start=5s stop=5s\n", s, s)
	}
	for _, of := range lines {
		b.WriteString(of[0])
	}
	cfg, problems := config.Parse("drawn", b.String())
	if cfg == nil {
		panic("the simulator drew a file with errors: " + problems.Error())
	}
	d.know(cfg)
	d.boot()
	d.changes(lines)
	return Script{Config: d.config, Commands: d.commands}
}

// files are the lines of the file that change: of each some, of which one stands in the file. The first ones do at first.
func (d *draw) files() (lines [][]string) {
	ties := []string{""}
	if len(d.names)%2 == 0 {
		ties = nil
	}
	if d.disk {
		ties = append(ties, "tiebreak disk\n")
	}
	if d.fences {
		ties = append(ties, "tiebreak fence delay=3s\n", "tiebreak fence delay=5s\n")
	}
	if d.fences && d.disk {
		ties = append(ties, "tiebreak disk\ntiebreak fence delay=3s\n")
	}
	lines = append(lines, []string{"node 1 alpha\n", "node 1 alpha votes=2\n"}, []string{"", "quorum dynamic=yes\n", "quorum dynamic=no\n"},
		ties, []string{"", "lease 12s\n", "lease 20s\n"}, []string{"watchdog /dev/watchdog timeout=5s\n", "watchdog /dev/watchdog timeout=12s\n", ""})
	for _, s := range d.services {
		var paths []string
		for range 4 {
			nodes := append([]string(nil), d.names...)
			d.rnd.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
			nodes = nodes[:max(1+d.rnd.IntN(len(nodes)), 1)]
			paths = append(paths, fmt.Sprintf("service %s nodes=%s failback=%s\n", s, strings.Join(nodes, ","), d.one("yes", "no")))
		}
		lines = append(lines, paths)
	}
	for _, of := range lines {
		d.rnd.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	}
	return lines
}

// bring has an operator bring a file with other lines of one or two kinds.
func (d *draw) bring(lines [][]string) string {
	var edits []string
	for range 1 + d.rnd.IntN(2) {
		of := lines[d.rnd.IntN(len(lines))]
		for _, block := range of {
			for line := range strings.Lines(block) {
				edits = append(edits, "-"+strings.TrimSpace(line))
			}
		}
		for line := range strings.Lines(of[d.rnd.IntN(len(of))]) {
			edits = append(edits, "+"+strings.TrimSpace(line))
		}
	}
	if len(edits) == 0 {
		return "heal"
	}
	return "apply " + d.node() + " " + strings.Join(edits, " ; ")
}

func (d *draw) changes(lines [][]string) {
	apply := func() string { return d.bring(lines) }
	kinds := d.kinds()
	if !d.disk {
		kinds[diskTheme] = nil
	}
	all := append(append(append(append(kinds[0], kinds[1][:4]...), kinds[2]...), kinds[diskTheme]...), kinds[5]...)
	d.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	drawn := all[:4+d.rnd.IntN(10)]
	if d.forgets != "" && d.forgets != "alpha" { // which may have half of the votes: what it was told alone nobody else remembers
		drawn = append(drawn, d.forget)
	}
	for range 4 + d.rnd.IntN(5) {
		d.say("%s", apply())
		if d.percent(30) { // about when it takes effect
			d.say("run %dus", 5500+d.rnd.IntN(5000))
		} else {
			d.say("run %dus", d.rnd.IntN(1<<(4+d.rnd.IntN(16))))
		}
		if d.percent(60) {
			at := d.node()
			for _, n := range d.names {
				if n != at && d.percent(75) {
					d.say("%s %s %s", d.one("cut", "cut", "cut-one-way"), at, n)
				}
			}
		}
		for range 1 + d.rnd.IntN(5) {
			d.say("run %dms", 1<<d.rnd.IntN(15))
			d.say("%s", drawn[d.rnd.IntN(len(drawn))]())
		}
		if d.percent(60) {
			d.recover()
		}
	}
	d.heal()
	d.serve()
	d.rest()
}
