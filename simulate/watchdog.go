package simulate

import (
	"time"

	"locum/heartbeat"
	"locum/wire"
)

// bootTakes is how long a machine that was reset, or whose power came back, needs until its locum starts.
const bootTakes = 3 * time.Second

// pet is what the device does for a heart, with the clock read before it.
func (n *node) pet(h *heart, until wire.Instant) {
	if until != 0 && n.now() >= until {
		h.dead = true
		n.w.in(0, func() { n.reset("a pet that came too late") })
		return
	}
	n.petted = n.w.now
}

// armWatchdog opens the device, or takes up the one that counts already, and begins to watch the machine, without the heart too. It gives
// what the heart learns of that. A shorter time than the one that counts is set at once, a longer one when the others know.
func (n *node) armWatchdog() heartbeat.WatchdogChanged {
	n.unguarded = false
	want := n.config.Watchdog.Timeout
	switch {
	case n.held && !n.armed:
		return heartbeat.WatchdogChanged{Why: "/dev/watchdog is held by another process"}
	case !n.armed:
		n.armed, n.petted, n.bites = true, n.w.now, want
		n.watchWatchdog()
	case want < n.bites:
		n.petted, n.bites = n.w.now, want
		n.watchWatchdog()
	}
	return heartbeat.WatchdogChanged{Armed: true, Held: true, Name: "watchdog", Timeout: want, Bites: n.bites, Outdated: want > n.bites}
}

// watchdogLeft is what a heart learns of a device that counts although its file has none: nothing where none does.
func (n *node) watchdogLeft() (heartbeat.WatchdogChanged, bool) {
	return heartbeat.WatchdogChanged{Bites: n.bites, Outdated: true}, n.armed && n.config.Watchdog.Device == ""
}

// settleWatchdog gives up a device that the file names no more, and sets a longer time.
func (n *node) settleWatchdog() heartbeat.WatchdogChanged {
	if n.config.Watchdog.Device == "" {
		n.armed = false
		return heartbeat.WatchdogChanged{}
	}
	n.bites = n.config.Watchdog.Timeout
	return n.armWatchdog()
}

func (n *node) watchWatchdog() {
	boots := n.boots
	n.w.queue.put(n.petted+wire.Instant(n.bites), func() {
		switch {
		case !n.powered || n.boots != boots || !n.armed:
		case n.w.now >= n.petted+wire.Instant(n.bites):
			n.reset("the watchdog has bitten")
		default:
			n.watchWatchdog()
		}
	})
}

// reset ends everything on the machine at once and boots it again.
func (n *node) reset(why string) {
	n.w.log(n, "reset: %s", why)
	n.powerOff()
	off := n.boots
	n.w.in(bootTakes, func() {
		if n.boots == off && !n.w.switches[n.cfg.Number].Off {
			n.powerOn()
		}
	})
}
