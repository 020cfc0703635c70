package heartbeat

import (
	"time"

	"locum/wire"
)

// Delay is how late the heart ran, at worst, behind the instants that it had asked for: what the machine takes away from it.
// A window that is not several times as long finds living nodes dead.
type Delay struct {
	Recent time.Duration // in the last minute or two
	Worst  time.Duration // since the heart began
}

// delayPeriod is how long a worst delay counts as recent, at least.
const delayPeriod = wire.Instant(time.Minute)

// delays keeps the worst delay of this period and of the one before.
type delays struct {
	since     wire.Instant // when this period began
	now, last time.Duration
	worst     time.Duration
}

func (d *delays) note(now, asked wire.Instant) {
	d.turn(now)
	if asked != 0 && now > asked {
		late := time.Duration(now - asked)
		d.now, d.worst = max(d.now, late), max(d.worst, late)
	}
}

func (d *delays) turn(now wire.Instant) {
	switch {
	case now-d.since >= 2*delayPeriod:
		d.now, d.last, d.since = 0, 0, now
	case now-d.since >= delayPeriod:
		d.now, d.last, d.since = 0, d.now, d.since+delayPeriod
	}
}

// Delay is how late this heart ran, as of the newest step.
func (h *Heart) Delay() Delay {
	return Delay{Recent: max(h.delays.now, h.delays.last), Worst: h.delays.worst}
}
