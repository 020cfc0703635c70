package simulate

import (
	"slices"
	"strings"
	"time"
)

// heal ends all faults.
func (d *draw) heal() {
	d.say(healed)
	d.say("heal")
	d.sampled("load=1")
	if d.disk {
		d.say("find-disk %s", strings.Join(d.names, " "))
		d.say("disk-takes 1ms")
	}
	for _, n := range d.names {
		d.say("switch %s ok", n)
		d.say("busy %s 30us", n)
		for _, r := range d.resources {
			d.say("manner %s %s start ok", n, r)
			d.say("manner %s %s stop ok", n, r)
			d.say("manner %s %s probe ok", n, r)
		}
		d.say("writable %s", n)
		d.say("resume %s", n)
		if d.left[n] { // an operator does not wait for ever
			d.say("bounce-heart %s", n)
		}
	}
	if !d.fences { // what cannot be stopped and cannot be fenced is an operator's
		d.mend()
	}
	d.quickDisks()
	d.bootAll()
	d.say("settle 60s")
	d.bootAll()
	d.say("settle 60s")
}

// mend is an operator who stops by hand what could not be stopped and says so, or pulls the plugs where something hangs.
func (d *draw) mend() {
	if d.endless || d.percent(50) {
		d.say("kill %s", strings.Join(d.names, " "))
		return
	}
	d.bootAll()
	d.say("settle 60s")
	for _, s := range d.services {
		d.say("ask any clear %s", s)
		d.say("run 2s")
	}
}

func (d *draw) bootAll() {
	for _, n := range d.names {
		d.say("boot %s", n)
		d.say("start-heart %s", n)
	}
}

// serve demands that everything runs.
func (d *draw) serve() {
	for _, s := range d.services {
		d.say("insist any clear %s", s)
		d.say("insist any maintenance off %s", s)
	}
	d.say("expect words")
	d.say("insist any maintenance off")
	for _, n := range d.names {
		d.say("insist any online %s", n)
	}
	for _, s := range d.services {
		d.say("insist any start %s", s)
	}
	d.say("run %s", d.latest())
	d.bootAll()
	d.say("settle 60s %s", strings.Join(d.services, " "))
	for _, s := range d.services {
		d.say("expect once %s", s)
	}
}

// latest is when all that is under way has ended: operations have 5 s, and the answer of a late switch takes 30.
func (d *draw) latest() time.Duration {
	if slices.ContainsFunc(d.commands, func(c string) bool { return strings.HasPrefix(c, "switch ") && strings.HasSuffix(c, " late") }) {
		return 30 * time.Second
	}
	return 8 * time.Second
}

// rest demands that nothing happens while nothing is wrong; in one history of four for longer, since most of the time would go
// into it.
func (d *draw) rest() {
	d.say("calm")
	d.say("mark")
	d.say("run %s", d.one("6s", "6s", "6s", "20s"))
	d.untouched()
}

func (d *draw) untouched() {
	for _, s := range d.services {
		d.say("expect untouched %s", s)
		d.say("expect once %s", s)
	}
	d.say("expect words")
}
