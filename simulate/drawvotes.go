package simulate

import (
	"fmt"
	"strings"

	"locum/config"
)

// DrawVotes is a history about votes that are freed and come back: nodes are confirmed off, or leave, others are cut off and learn nothing of it,
// and who was off is booted behind the cut. Where there is a quorum disk it is lost and won by turns. Waits are as long as proofs by time take.
func DrawVotes(seed uint64) Script {
	d := newDraw(seed)
	all := []string{"alpha", "beta", "gamma", "delta", "epsilon"}
	d.names = all[:[]int{2, 3, 3, 3, 3, 3, 4, 4, 4, 5}[d.rnd.IntN(10)]]
	d.disk, d.fences = d.percent(55), d.percent(40)
	d.votes()
	if d.percent(70) {
		d.say("watchdog 2s")
	}
	d.boot()
	if d.percent(60) {
		d.behindACut()
		return Script{Config: d.config, Commands: d.commands}
	}
	for range 2 + d.rnd.IntN(4) {
		if d.percent(60) {
			d.frees()
		}
		d.part()
		for range 2 + d.rnd.IntN(6) {
			d.say("run %dms", 1<<(6+d.rnd.IntN(9)))
			d.inParts()
		}
		d.say("run %ds", 1+d.rnd.IntN(20))
		if d.percent(30) {
			d.recover()
		}
	}
	d.heal()
	d.serve()
	d.rest()
	return Script{Config: d.config, Commands: d.commands}
}

// behindACut is a short history in which one side is cut off, loses sight of the disk or not, and is told who is off, while the other side's nodes go and come back. Nothing is
// healed: what must never happen happens long before.
func (d *draw) behindACut() {
	nodes := d.shuffled()
	at := 1 + d.rnd.IntN(max(1, len(nodes)/2))
	side, others := nodes[:at], nodes[at:]
	here := func() string { return d.one(side...) }
	there := func() string { return d.one(others...) }
	d.say("cut %s %s", strings.Join(side, ","), strings.Join(others, ","))
	happens := []func(){
		func() { d.say("kill %s", there()) },
		func() { d.say("boot %s", there()) },
		func() { d.say("boot %s", there()) },
		func() { d.leaves(there()) },
		func() { d.say("start-heart %s", there()) },
		func() { d.say("confirm-if-off %s %s", here(), there()) },
		func() { d.allConfirmed(here()) },
		func() { d.confirmed(there()) },
		func() { d.say("%s %s", d.one("kill", "boot", "boot"), here()) },
		func() { d.say("%s %s", d.one("kill-engine", "bounce-heart", "pause", "resume"), here()) },
		func() { d.say("%s %s", d.one("kill-engine", "bounce-heart", "pause", "resume"), there()) },
		func() { d.say("heal"); d.part() },
	}
	if d.disk {
		happens = append(happens, func() { d.say("%s %s", d.one("lose-disk", "find-disk"), here()) }, func() { d.say("%s %s", d.one("lose-disk", "find-disk"), there()) })
	}
	if d.fences {
		happens = append(happens, func() { d.say("switch %s %s", d.node(), d.one("ok", "ok", "fail")) })
	}
	for range 5 + d.rnd.IntN(8) {
		d.say("run %s", d.one("300ms", "2s", "2s", "5s", "14s"))
		happens[d.rnd.IntN(len(happens))]()
	}
	d.say("run 15s")
}

// votes makes a file in which a clean node mostly does not count, and some nodes count for more than others.
func (d *draw) votes() {
	var b strings.Builder
	d.onOnePath(&b)
	b.WriteString("lease 6s\n")
	if d.disk {
		for i := range d.one("1", "1", "3")[0] - '0' {
			fmt.Fprintf(&b, "disk /dev/quorum%d every=500ms dead=2s\n", i+1)
		}
		b.WriteString("tiebreak disk\n")
	}
	if d.fences || !d.disk {
		b.WriteString("tiebreak fence delay=3s\n")
		d.fences = true
	}
	if d.percent(85) {
		b.WriteString("quorum dynamic=yes\n")
	}
	heavy := d.percent(30)
	for i, n := range d.names {
		votes := ""
		if heavy && d.percent(40) {
			votes = " votes=2"
		}
		fmt.Fprintf(&b, "node %d %s%s\n", i+1, n, votes)
		if d.fences {
			fmt.Fprintf(&b, "fence %s pdu type=http url-off=http://192.0.2.9/off url-status=http://192.0.2.9/s timeout=1s\n", n)
		}
	}
	for i, s := range []string{"web", "db"}[:1+d.rnd.IntN(2)] {
		fmt.Fprintf(&b, "service %s nodes=%s failback=%s\nresource %s unit s%d.service start=5s stop=5s\n", s, strings.Join(d.shuffled(), ","), d.one("yes", "no"), s, i)
	}
	cfg, problems := config.Parse("drawn", b.String())
	if cfg == nil {
		panic("the simulator drew a file with errors: " + problems.Error())
	}
	d.know(cfg)
	d.forgets = ""
}

// frees has the vote of a node become free, while the others are one or not.
func (d *draw) frees() {
	n := d.node()
	switch d.rnd.IntN(4) {
	case 0:
		d.leaves(n)
	case 1:
		d.leaves(n)
		d.say("run %dms", 1<<(8+d.rnd.IntN(4)))
		d.say("kill %s", n)
	default:
		d.say("kill %s", n)
	}
	d.say("run %dms", 1<<(9+d.rnd.IntN(5)))
	if d.percent(60) {
		d.confirmed(n)
		d.wait(12)
	}
}

// confirmed has an operator say, at one node or at all, that another is off, if it is.
func (d *draw) confirmed(n string) {
	if d.percent(50) {
		d.say("confirm-if-off %s %s", d.node(), n)
		return
	}
	for _, at := range d.shuffled() {
		d.say("confirm-if-off %s %s", at, n)
	}
}

// allConfirmed has an operator say at a node of all others, one by one, that they are off, if they are.
func (d *draw) allConfirmed(at string) {
	for _, n := range d.shuffled() {
		d.say("confirm-if-off %s %s", at, n)
		if d.percent(30) {
			d.wait(12)
		}
	}
}

func (d *draw) leaves(n string) {
	d.left[n] = true
	d.say("leave %s", n)
}

// part has the nodes hear each other in two groups or three, other ones than before.
func (d *draw) part() {
	groups := make([][]string, 2+d.rnd.IntN(2))
	for _, n := range d.names {
		i := d.rnd.IntN(len(groups))
		groups[i] = append(groups[i], n)
	}
	if d.percent(70) {
		d.say("heal")
	}
	for i, g := range groups {
		for _, other := range groups[i+1:] {
			if len(g) > 0 && len(other) > 0 {
				d.say("cut %s %s", strings.Join(g, ","), strings.Join(other, ","))
			}
		}
	}
}

// inParts is what happens to parts of a cluster.
func (d *draw) inParts() {
	n := d.node()
	happens := []func(){
		func() { d.say("boot %s", n) },
		func() { d.say("boot %s", n) },
		func() { d.say("kill %s", n) },
		func() { d.frees() },
		func() { d.confirmed(n) },
		func() { d.allConfirmed(n) },
		func() { d.say("%s %s", d.one("kill-engine", "bounce-heart", "start-heart"), d.some()) },
		func() { d.say("%s %s", d.one("pause", "resume", "resume"), n) },
		func() { d.part() },
		func() { d.say("ask %s %s", n, d.order()) },
	}
	if d.disk {
		loses := func() { d.say("%s %s", d.one("lose-disk", "find-disk", "find-disk", "hang-disk"), d.some()) }
		happens = append(happens, loses, loses, loses)
	}
	if d.fences {
		happens = append(happens, func() { d.say("switch %s %s", n, d.one("ok", "ok", "fail", "hang", "late")) })
	}
	happens[d.rnd.IntN(len(happens))]()
}
