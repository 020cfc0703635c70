package simulate

import (
	"fmt"
	"strings"

	"locum/config"
)

// DrawHalves is a history of four nodes, or six, with power switches: cables are cut and healed one after the other, so that there are views of
// more than half, halves that know of different ones, and halves that are lost by one member first, while switches fail and processes end.
func DrawHalves(seed uint64) Script {
	d := newDraw(seed)
	d.names = []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}[:[]int{4, 4, 4, 6}[d.rnd.IntN(4)]]
	d.disk = d.percent(30)
	var b strings.Builder
	d.onOnePath(&b)
	if d.disk {
		b.WriteString("disk /dev/quorum1 every=1s dead=5s\ntiebreak disk\n")
	}
	fmt.Fprintf(&b, "tiebreak fence delay=3s\nquorum dynamic=%s\n", d.one("yes", "no"))
	for i, n := range d.names {
		fmt.Fprintf(&b, "node %d %s\nfence %s pdu type=http url-off=http://192.0.2.9/off url-status=http://192.0.2.9/s timeout=1s\n", i+1, n, n)
	}
	for i := range 2 + d.rnd.IntN(3) {
		fmt.Fprintf(&b, "service s%d nodes=%s priority=%d\nresource s%d unit s%d.service\n", i, strings.Join(d.shuffled(), ","), d.rnd.IntN(3), i, i)
	}
	cfg, problems := config.Parse("drawn", b.String())
	if cfg == nil {
		panic("the simulator drew a file with errors: " + problems.Error())
	}
	d.know(cfg)
	if d.percent(40) {
		d.say("watchdog 5s")
	}
	for _, n := range d.names {
		d.say("switch %s acts %dms", n, d.rnd.IntN(900))
	}
	d.boot()
	d.halves()
	return Script{Config: d.config, Commands: d.commands}
}

// onOnePath begins a file whose nodes have one network.
func (d *draw) onOnePath(b *strings.Builder) {
	fmt.Fprintf(b, "cluster t\nkey /k\nbeat %s\npath udp lan", d.beat)
	for i, n := range d.names {
		fmt.Fprintf(b, " %s=192.0.2.%d", n, i+1)
	}
	b.WriteString("\n")
}

// shuffled are the nodes in any order.
func (d *draw) shuffled() []string {
	nodes := append([]string(nil), d.names...)
	d.rnd.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	return nodes
}

func (d *draw) halves() {
	for range 2 + d.rnd.IntN(3) {
		nodes := d.shuffled()
		mine, others := nodes[:len(nodes)/2], nodes[len(nodes)/2:]
		if d.percent(50) {
			for _, n := range nodes {
				d.say("switch %s fail", n)
			}
		}
		for range 2 + d.rnd.IntN(4) {
			switch d.rnd.IntN(8) {
			case 0, 1, 2:
				d.say("%s %s %s", d.one("cut", "cut", "cut-one-way"), d.one(mine...), strings.Join(others, ","))
			case 3:
				d.say("cut %s %s", d.one(mine...), d.one(others...))
			case 4:
				d.say("%s %s", d.one("kill-engine", "bounce-heart", "pause"), d.node())
			case 5:
				d.say("resume %s", strings.Join(nodes, " "))
			case 6:
				d.say("switch %s %s", d.node(), d.one("ok", "fail", "hang"))
			case 7:
				d.say("%s %s", d.one("lose-disk", "find-disk"), d.node())
			}
			d.say("run %dms", 1<<(4+d.rnd.IntN(10)))
		}
		for _, n := range nodes {
			d.say("switch %s ok", n)
		}
		d.say("%s %s %s", d.one("cut", "cut", "cut-one-way"), strings.Join(mine, ","), strings.Join(others, ","))
		d.wait(15)
		if d.percent(70) {
			d.recover()
		}
	}
	d.heal()
	d.serve()
	d.rest()
}
