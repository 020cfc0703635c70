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

// armWatchdog opens the device and begins to watch the machine, without the heart too. It gives what the heart learns of that.
func (n *node) armWatchdog() heartbeat.WatchdogChanged {
	if n.held && !n.armed {
		return heartbeat.WatchdogChanged{Why: "/dev/watchdog is held by another process"}
	}
	if n.w.watchdog != 0 && !n.armed {
		n.armed, n.petted = true, n.w.now
		n.watchWatchdog()
	}
	return heartbeat.WatchdogChanged{Armed: true, Held: true, Name: "watchdog", Timeout: n.w.watchdog}
}

func (n *node) watchWatchdog() {
	boots := n.boots
	n.w.queue.put(n.petted+wire.Instant(n.w.watchdog), func() {
		switch {
		case !n.powered || n.boots != boots || !n.armed:
		case n.w.now >= n.petted+wire.Instant(n.w.watchdog):
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
