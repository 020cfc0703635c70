package simulate

import (
	"fmt"
	"strings"
)

// Some disasters are bad at one moment only: engines that are started anew while nobody has yet the votes to go on, a power
// failure while an operator's word is on its way to the disks, a promise that is long on its way. Moments at random seldom
// meet; these histories are made of such meetings, and between them the cluster comes to itself.

func (d *draw) moments() {
	kinds := []func(){d.brokenTie, d.brokenTie, d.lostWord, d.lostWord, d.lateWord}
	if d.disk && d.fences {
		kinds = append(kinds, d.wordInAbsence, d.wordInAbsence)
	}
	for range 3 + d.rnd.IntN(4) {
		kinds[d.rnd.IntN(len(kinds))]()
		d.wait(12)
		if d.percent(70) {
			d.recover()
		}
	}
	d.heal()
	d.serve()
	d.rest()
}

// wait lets up to so many times twice a millisecond pass.
func (d *draw) wait(longest int) { d.say("run %dms", 1+d.rnd.IntN(1<<longest)) }

// some is one node, several of them, or all.
func (d *draw) some() string {
	var some []string
	for _, n := range d.names {
		if d.percent(60) {
			some = append(some, n)
		}
	}
	if len(some) == 0 {
		return d.node()
	}
	return strings.Join(some, " ")
}

// brokenTie cuts the cluster in two and has processes of either side end, about when each side knows of the cut or when its
// turn to shoot comes.
func (d *draw) brokenTie() {
	at := 1 + d.rnd.IntN(len(d.names)-1)
	if d.percent(30) {
		d.say("%s %s", d.one("kill-engine", "bounce-heart"), d.some())
		d.wait(7)
	}
	d.say("%s %s %s", d.one("cut", "cut", "cut", "cut-one-way"), strings.Join(d.names[:at], ","), strings.Join(d.names[at:], ","))
	for range 1 + d.rnd.IntN(4) {
		d.wait(11)
		d.say("%s", d.one("kill-engine "+d.some(), "bounce-heart "+d.some(), "kill-heart "+d.node(), "start-heart "+d.some(),
			"pause "+d.node(), "resume "+d.some(), "switch "+d.node()+" "+d.one("ok", "fail", "hang"), "heal"))
	}
	d.wait(13)
}

// lostWord has an operator speak, or bring a file, to nodes with slow disks, which end soon after. Some have something else to
// write down just then; and what the one that takes the word says to the others may be late.
func (d *draw) lostWord() {
	slow := 1 << (4 + d.rnd.IntN(7))
	boss := d.one(d.names[0], d.node())
	for _, n := range d.names {
		if n != boss || d.percent(50) {
			d.say("slow-state %s %dms", n, slow)
		}
	}
	switch d.rnd.IntN(3) {
	case 0:
		d.say("bounce-heart %s", d.node())
		d.say("run %dms", 1+d.rnd.IntN(4*slow))
	case 1:
		d.say("kill %s", strings.Join(d.names, " "))
		d.say("boot %s", strings.Join(d.names, " "))
		d.say("run %dms", 40+slow+d.rnd.IntN(slow))
	}
	if d.percent(50) {
		d.say("apply %s %s", boss, d.edit())
	} else {
		d.say("ask %s %s", boss, d.order())
	}
	d.say("run %dms", 1+d.rnd.IntN(slow))
	late := d.percent(50)
	for _, n := range d.names {
		if n != boss && late {
			d.say("hold %s %s any", boss, n)
		}
	}
	d.say("run %dms", 1+d.rnd.IntN(slow))
	d.say("kill %s", d.one(boss, d.node(), strings.Join(d.names, " ")))
	d.say("kill-engine %s", strings.Join(d.names, " "))
	d.wait(12)
	for _, n := range d.names {
		if n != boss && late {
			d.say("release %s %s", boss, n)
		}
	}
}

// wordInAbsence has an operator speak while nodes are away. Then the power fails, and others come back than those that were there; the
// switches say that these are off.
func (d *draw) wordInAbsence() {
	away, alone := d.some(), d.node()
	d.say("kill %s", away)
	d.say("run %ds", d.rnd.IntN(12))
	if d.percent(30) {
		d.say("%s %s", d.one("lose-disk", "hang-disk"), d.node())
	}
	for range 1 + d.rnd.IntN(2) {
		d.say("ask %s %s", d.node(), d.order())
		d.wait(11)
	}
	d.say("kill %s", strings.Join(d.names, " "))
	if d.percent(50) {
		d.say("find-disk %s", strings.Join(d.names, " "))
	}
	for _, n := range d.names {
		if n != alone {
			d.say("switch %s off", n)
		}
	}
	d.say("boot %s", alone)
	d.say("run %ds", 4+d.rnd.IntN(20))
	d.say("expect words")
	d.say("find-disk %s", strings.Join(d.names, " "))
}

// lateWord keeps what one node says to another back from some message on, while something happens.
func (d *draw) lateWord() {
	from, to := d.node(), d.node()
	if from == to {
		return
	}
	d.say("hold %s %s %s", from, to, d.one("any", "propose", "promise", "install", "orders", "report", "replicate", "accept"))
	for range 1 + d.rnd.IntN(3) {
		d.say("%s", d.one("kill-engine "+d.node(), "bounce-heart "+d.node(), "ask "+d.node()+" "+d.order(), "kill "+d.node(), "boot "+d.some(), "cut "+d.pair()))
		d.wait(12)
	}
	d.say("release %s %s", from, to)
}

// recover ends what the moments have begun, and waits a little.
func (d *draw) recover() {
	d.say("heal")
	d.say("resume %s", strings.Join(d.names, " "))
	d.quickDisks()
	d.bootAll()
	d.say("run %s", fmt.Sprint(2+d.rnd.IntN(8), "s"))
}

// quickDisks ends the slowness of state directories.
func (d *draw) quickDisks() {
	for _, n := range d.names {
		d.say("slow-state %s %s", n, storeTakes)
	}
}
