package simulate

// restarts is a history in which only locum's own processes die and come back: no service is touched.
func (d *draw) restarts() {
	d.say("run 10s")
	d.say("calm")
	d.say("mark")
	for range 10 {
		n := d.node()
		switch d.rnd.IntN(3) {
		case 0:
			d.say("kill-engine %s", n)
		case 1:
			d.say("bounce-heart %s", n)
		case 2:
			d.say("stop-engine %s", n)
			d.say("run %dms", 1+d.rnd.IntN(700))
			d.say("cont-engine %s", n)
		}
		d.say("run %dms", 1000+d.rnd.IntN(4000))
	}
	d.say("run 10s")
	d.untouched()
}

// noise is a history in which only bytes come that nobody has sent, or twice, or late: nothing changes.
func (d *draw) noise() {
	d.say("run 10s")
	d.say("calm")
	d.say("mark")
	for range 5 {
		d.say("net delay=%dms jitter=%dms dup=%d spoil=%d replays=%d", 1+d.rnd.IntN(10), d.rnd.IntN(60), d.rnd.IntN(300), d.rnd.IntN(200),
			d.rnd.IntN(300))
		d.say("run 10s")
	}
	d.say("heal")
	d.say("run 10s")
	d.untouched()
}
