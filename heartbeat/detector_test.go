package heartbeat

import (
	"testing"
	"time"

	"locum/wire"
)

const ms = wire.Instant(time.Millisecond)

// watch is one case of the detector: beats every 100 ms, dead after 1 s, and what the heart did and heard.
type watch struct {
	name string
	play func(d *Detector)
	at   wire.Instant
	want wire.PeerState
	next wire.Instant // 0: not looked at
}

var watches = []watch{
	{name: "a peer that was never heard is neither late nor dead", play: func(*Detector) {}, at: 9000 * ms, want: wire.PeerNever},
	{name: "a peer is up until half of dead", play: heardAt(1000), at: 1500*ms - 1, want: wire.PeerUp, next: 1500 * ms},
	{name: "a peer is late at half of dead", play: heardAt(1000), at: 1500 * ms, want: wire.PeerLate, next: 2000 * ms},
	{name: "a peer is late one nanosecond before dead", play: heardAt(1000), at: 2000*ms - 1, want: wire.PeerLate, next: 2000 * ms},
	{name: "a peer is dead at dead exactly", play: heardAt(1000), at: 2000 * ms, want: wire.PeerDead},
	{name: "a frame that was held back does not make an earlier one older", play: heardAt(1000, 400), at: 1499 * ms, want: wire.PeerUp},
	{name: "a tick that is late by less than a quarter of the pace is no sleep",
		play: func(d *Detector) { heardAt(1000)(d); d.Ran(1125*ms, 1100*ms) }, at: 2000 * ms, want: wire.PeerDead},
	{name: "a stop shorter than dead is not silence of the peer",
		play: func(d *Detector) { heardAt(1000)(d); d.Ran(1700*ms, 1100*ms) }, at: 2000 * ms, want: wire.PeerUp, next: 2100 * ms},
	{name: "a stop longer than dead is not silence of the peer",
		play: func(d *Detector) { heardAt(1000)(d); d.Ran(9100*ms, 1100*ms) }, at: 9100 * ms, want: wire.PeerUp, next: 9500 * ms},
	{name: "after a stop longer than dead the peer is dead once it was silent for dead in all",
		play: func(d *Detector) { heardAt(1000)(d); d.Ran(9100*ms, 1100*ms) }, at: 10000 * ms, want: wire.PeerDead},
	{name: "silence before a stop counts",
		play: func(d *Detector) { heardAt(1000)(d); d.Ran(9900*ms, 1900*ms) }, at: 10000 * ms, want: wire.PeerDead},
	{name: "a frame that waited during a stop counts by its stamp, and the rest of the stop is excused",
		play: func(d *Detector) { heardAt(1000)(d); d.Ran(9100*ms, 1100*ms); d.Heard(1, 5000*ms) },
		at:   9599 * ms, want: wire.PeerUp, next: 9600 * ms},
	{name: "frames from before the stop that were taken after it are not excused more than the stop",
		play: func(d *Detector) { heardAt(1000)(d); d.Ran(9100*ms, 1100*ms); d.Heard(1, 1050*ms) },
		at:   10050 * ms, want: wire.PeerDead},
	{name: "a receive queue that overflowed during a stop, and kept only the oldest frames, does not kill the peer",
		play: func(d *Detector) {
			heardAt(1000)(d)
			d.Ran(60100*ms, 1100*ms)
			for at := wire.Instant(1100); at < 4000; at += 100 {
				d.Heard(1, at*ms)
			}
		}, at: 60100 * ms, want: wire.PeerUp, next: 60600 * ms},
	{name: "a frame dated from the drain before, because the clock jumped, makes the peer look older and never newer",
		play: heardAt(1000, 1900, 1800), at: 2899 * ms, want: wire.PeerLate, next: 2900 * ms},
	{name: "two stops are both excused",
		play: func(d *Detector) { heardAt(1000)(d); d.Ran(3100*ms, 1100*ms); d.Ran(6200*ms, 3200*ms) },
		at:   6499 * ms, want: wire.PeerUp, next: 6500 * ms},
	{name: "more stops than are kept one by one are all excused",
		play: func(d *Detector) {
			heardAt(1000)(d)
			for i := wire.Instant(0); i < 8; i++ {
				d.Ran((1000+1000*(i+1))*ms, (1000+1000*i+50)*ms)
			}
		}, at: 9000 * ms, want: wire.PeerUp, next: 9100 * ms},
	{name: "a stop before the peer was heard excuses nothing",
		play: func(d *Detector) { d.Ran(900*ms, 100*ms); heardAt(1000)(d) }, at: 2000 * ms, want: wire.PeerDead},
}

func heardAt(stamps ...wire.Instant) func(*Detector) {
	return func(d *Detector) {
		for _, at := range stamps {
			d.Heard(1, at*ms)
		}
	}
}

func TestDetector(t *testing.T) {
	for _, w := range watches {
		t.Run(w.name, func(t *testing.T) {
			d := NewDetector(100*time.Millisecond, time.Second)
			w.play(d)
			got, next := d.Judge(1, w.at)
			if got != w.want || w.next != 0 && next != w.next {
				t.Errorf("at %v: %v until %v, want %v until %v", time.Duration(w.at), got, time.Duration(next), w.want, time.Duration(w.next))
			}
		})
	}
}

func TestAfterASleepNobodyIsJudgedBeforeAWholeDrain(t *testing.T) {
	d := NewDetector(100*time.Millisecond, time.Second)
	if !d.Rested() {
		t.Error("a heart that never slept has to judge")
	}
	if slept := d.Ran(900*ms, 100*ms); slept != 800*time.Millisecond {
		t.Errorf("slept %v, want 800ms", slept)
	}
	if d.Rested() {
		t.Error("the drain may have been done before the sleep")
	}
	if !d.Rested() {
		t.Error("the next drain was whole")
	}
}
