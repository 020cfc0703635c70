package simulate

import (
	"fmt"
	"slices"
	"strings"
)

// kinds are the kinds of trouble, by what they are about.
func (d *draw) kinds() [][]func() string {
	return [][]func() string{
		{ // machines and what switches them
			func() string { return "kill " + d.node() },
			func() string { return "boot " + d.node() },
			func() string {
				return "switch " + d.node() + " " + d.one("ok", "ok", "fail", "hang", "ignore", "late", "timeout")
			},
			func() string { return "confirm-if-off " + d.node() + " " + d.node() },
			func() string { return "pause " + d.node() },
			func() string { return "resume " + d.node() },
		},
		{ // what lies between them
			func() string { return "cut " + d.pair() },
			func() string { return "cut " + d.pair() + " " + d.one(d.paths...) },
			func() string { return "cut-one-way " + d.pair() },
			func() string { return "heal" },
			func() string {
				return fmt.Sprintf("net delay=%dms jitter=%dms loss=%d dup=%d spoil=%d replays=%d", 1+d.rnd.IntN(20), d.rnd.IntN(400),
					d.rnd.IntN(400), d.rnd.IntN(200), d.rnd.IntN(100), d.rnd.IntN(100))
			},
		},
		{ // locum's processes
			func() string { return "kill-engine " + d.node() },
			func() string { return "bounce-heart " + d.node() },
			func() string { return "kill-heart " + d.node() },
			func() string { return "start-heart " + d.node() },
			func() string { return "stop-engine " + d.node() },
			func() string { return "cont-engine " + d.node() },
			func() string { return fmt.Sprintf("busy %s %dms", d.node(), 1<<d.rnd.IntN(9)) },
		},
		{ // what they run
			func() string {
				return "manner " + d.node() + " " + d.resource() + " probe " + d.one("ok", "slow", "fail", "hang")
			},
			func() string {
				how := d.one("ok", "ok", "slow", "fail", "hang", "deaf", "sloppy")
				d.endless = d.endless || how == "hang" || how == "deaf"
				return "manner " + d.node() + " " + d.resource() + " " + d.one("start", "stop") + " " + how
			},
			func() string { return d.one("fail ", "fail ", "unsure ") + d.node() + " " + d.resource() },
			func() string { return "contested " + d.node() + " " + d.one(d.services...) + "/0" },
		},
		{ // the quorum disk
			func() string { return d.one("lose-disk ", "hang-disk ", "find-disk ") + d.node() },
			func() string { return d.one("lose-disk ", "find-disk ") + strings.Join(d.names, " ") },
			func() string {
				return d.one("lose-disk ", "hang-disk ", "find-disk ") + d.node() + d.one(" 1", " 2", " 3")
			},
			func() string { return fmt.Sprintf("disk-takes %dms", 1<<d.rnd.IntN(9)) },
			func() string {
				if !strings.Contains(d.config, "/dev/quorum3") {
					return "find-disk " + d.node()
				}
				return "replace-disk " + d.one("1", "2", "3")
			},
		},
		{ // operators, and what keeps their words
			func() string { return "ask " + d.node() + " " + d.order() },
			func() string { return "ask " + d.node() + " " + d.order() },
			func() string { return d.one("read-only ", "writable ") + d.node() },
			func() string {
				n := d.node()
				d.left[n] = true
				return "leave " + n
			},
			func() string { return "apply " + d.node() + " " + d.edit() },
		},
	}
}

// diskTheme is where the kinds of trouble with the disk stand.
const diskTheme = 4

// drawn are the kinds that this history has: few, often, for what matters is how they meet. Half of the histories take them from all,
// the others from what two of the themes have.
func (d *draw) drawn() []func() string {
	themes := d.kinds()
	if !d.disk {
		themes = slices.Delete(themes, diskTheme, diskTheme+1)
	}
	if d.percent(50) {
		d.rnd.Shuffle(len(themes), func(i, j int) { themes[i], themes[j] = themes[j], themes[i] })
		themes = themes[:2]
	}
	all := slices.Concat(themes...)
	d.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:2+d.rnd.IntN(min(8, len(all)-1))]
}

func (d *draw) order() string {
	s := d.one(d.services...)
	if d.fencing && d.percent(20) {
		return "fence " + d.node()
	}
	return d.one("move "+s, "move "+s+" "+d.node(), "stop "+s, "start "+s, "restart "+s, "standby "+d.node(), "online "+d.node(),
		"clear "+s, "clear "+d.node(), "clear", "stop nothing", "online nobody", "maintenance on", "maintenance off", "maintenance on "+s, "maintenance off "+s)
}

// forget has one node come back with an old state directory, or with none. One of two has no third to remember for it: what
// it alone has promised is lost then, so this happens in larger clusters only.
func (d *draw) forget() string {
	if d.percent(40) {
		return "back-up " + d.forgets
	}
	d.say("kill %s", d.forgets)
	d.say("%s %s", d.one("restore", "lose-state"), d.forgets)
	return "boot " + d.forgets
}

// edit changes what a file says about one service that is there from then on.
func (d *draw) edit() string {
	extra := "+service extra nodes=" + strings.Join(d.names, ",")
	if strings.Contains(d.config, "stateless=yes") {
		extra += " stateless=yes"
	}
	return d.one(extra+" ; +resource extra vip 192.0.2.109/24", "+engine grace=4s", "-engine grace=4s")
}

func (d *draw) disasters() {
	drawn := d.drawn()
	if d.forgets != "" {
		drawn = append(drawn, d.forget)
	}
	if d.limits {
		drawn = append(drawn, func() string { return "sample " + d.node() + d.one(" load=9", " load=9", " load=1", " load=unknown") })
	}
	longest := 13 // powers of two, of milliseconds
	if d.percent(30) {
		longest = 8 // one thing on top of the other
	}
	for range 20 + d.rnd.IntN(20) {
		d.say("%s", drawn[d.rnd.IntN(len(drawn))]())
		d.say("run %dms", 1<<d.rnd.IntN(longest))
	}
	d.heal()
	d.serve()
	d.rest()
}

// splits is a history about the quorum disk: the network is cut through again and again, and meanwhile nodes lose the disk, are
// paused, die and come back.
func (d *draw) splits() {
	kinds := d.kinds()
	drawn := kinds[diskTheme]
	drawn = append(drawn, drawn...)
	both := strings.Join(d.names, " ")
	if len(d.names) > 2 {
		drawn = append(drawn, func() string { return "cut " + d.pair() })
	}
	drawn = append(drawn,
		func() string { return "heal" },
		func() string { return "cut " + d.names[0] + " " + d.names[1] },
		func() string { return "cut-one-way " + d.pair() },
		func() string { return "pause " + d.node() },
		func() string { return "resume " + both },
		func() string { return d.one("kill-engine ", "bounce-heart ", "kill ") + d.node() },
		func() string { return "boot " + both })
	if d.fences {
		drawn = append(drawn, func() string { return "switch " + d.node() + " " + d.one("ok", "fail", "hang", "ignore", "timeout") })
	}
	for range 3 + d.rnd.IntN(4) {
		for i, n := range d.names {
			for _, m := range d.names[i+1:] {
				if len(d.names) == 2 || d.percent(60) {
					d.say("cut %s %s", n, m)
				}
			}
		}
		for range 2 + d.rnd.IntN(6) {
			d.say("run %dms", 1<<d.rnd.IntN(15))
			d.say("%s", drawn[d.rnd.IntN(len(drawn))]())
		}
		if d.percent(40) {
			d.say("heal")
			d.say("run %dms", 1<<d.rnd.IntN(13))
		}
		if d.fences && d.percent(15) {
			d.wordInAbsence()
			d.recover()
		}
	}
	d.heal()
	d.serve()
	d.rest()
}
