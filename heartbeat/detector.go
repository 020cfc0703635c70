package heartbeat

import (
	"time"

	"locum/wire"
)

// sleepsKept is how many of the heart's own sleeps are remembered one by one; older ones are added to what each peer is
// excused.
const sleepsKept = 4

// span is a time in which the heart did not run although it should have: after from, up to to.
type span struct{ from, to wire.Instant }

// over is how much of the span lies after an instant.
func (s span) over(since wire.Instant) wire.Instant {
	return max(0, s.to-max(s.from, since))
}

// Detector judges silence. A peer is late when it was silent for half of dead, and dead when it was silent for dead, to
// the nanosecond. Time in which the heart itself did not run is no silence: whether the process was stopped or the whole
// machine, nobody can tell what the peer did meanwhile but by the frames that wait, and those count by their stamps.
//
// Its user notes each step by Ran, then takes all frames that wait, and judges only if no sleep was noted since the
// drain began (Rested).
type Detector struct {
	every, dead time.Duration
	lateness    wire.Instant // less than this is no sleep
	sleeps      [sleepsKept]span
	last        int // the newest sleep
	rested      bool
	heard       [wire.MaxNodes + 1]wire.Instant
	excused     [wire.MaxNodes + 1]wire.Instant // of sleeps no longer kept
}

// NewDetector makes the detector for beats at the given pace; both are above 0.
func NewDetector(every, dead time.Duration) *Detector {
	return &Detector{every: every, dead: dead, lateness: wire.Instant(every / 4), rested: true}
}

// Ran notes that the heart runs at now and had asked to be called at asked; 0 is never. What it is late by, if that is
// more than a quarter of the beat's pace, it slept, and it gives how long.
func (d *Detector) Ran(now, asked wire.Instant) time.Duration {
	if asked == 0 || now-asked <= d.lateness {
		return 0
	}
	d.rested = false
	d.last = (d.last + 1) % sleepsKept
	old := d.sleeps[d.last]
	for n := range d.heard {
		d.excused[n] += old.over(d.heard[n])
	}
	d.sleeps[d.last] = span{asked, now}
	return time.Duration(now - asked)
}

// Rested reports whether no sleep was noted since it was last asked. If it is false, frames may wait that were not taken
// yet: all paths are to be drained before anybody is judged.
func (d *Detector) Rested() bool {
	was := d.rested
	d.rested = true
	return was
}

// Heard notes a frame of a peer by the stamp of its receipt. An older stamp than the newest changes nothing.
func (d *Detector) Heard(n wire.Node, at wire.Instant) {
	if int(n) < len(d.heard) && at > d.heard[n] {
		d.heard[n], d.excused[n] = at, 0
	}
}

// LastHeard is the newest stamp of a peer, 0 if it was never heard.
func (d *Detector) LastHeard(n wire.Node) wire.Instant {
	if int(n) >= len(d.heard) {
		return 0
	}
	return d.heard[n]
}

// Slept is how much of the time since an instant the heart slept, as far as the sleeps are kept.
func (d *Detector) Slept(since wire.Instant) wire.Instant {
	var sum wire.Instant
	for i := range d.sleeps {
		sum += d.sleeps[i].over(since)
	}
	return sum
}

// Judge says how a peer stands at now, and when that changes if it stays silent: 0 if it does not.
func (d *Detector) Judge(n wire.Node, now wire.Instant) (s wire.PeerState, next wire.Instant) {
	heard := d.LastHeard(n)
	if heard == 0 {
		return wire.PeerNever, 0
	}
	from := heard + d.Slept(heard) + d.excused[n]
	late, dead := from+wire.Instant(d.dead/2), from+wire.Instant(d.dead)
	switch {
	case now >= dead:
		return wire.PeerDead, 0
	case now >= late:
		return wire.PeerLate, dead
	}
	return wire.PeerUp, late
}
