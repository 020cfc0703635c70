package simulate

import (
	"time"

	"locum/wire"
)

// clock is a node's CLOCK_BOOTTIME: it begins anew with each boot, and runs a little faster or slower than the world's time.
type clock struct {
	booted wire.Instant // in the world's time
	ppm    int64        // how much faster, in millionths
}

// bootedAt is what a node's clock shows when it has booted.
const bootedAt = wire.Instant(10 * time.Second)

const million = 1_000_000

// shows is what the clock shows at a moment of the world's.
func (c clock) shows(world wire.Instant) wire.Instant {
	d := int64(world - c.booted)
	return bootedAt + wire.Instant(d+d/million*c.ppm+d%million*c.ppm/million)
}

// when is the first moment of the world's at which the clock shows an instant.
func (c clock) when(at wire.Instant) wire.Instant {
	d, pace := int64(at-bootedAt), million+c.ppm
	world := c.booted + wire.Instant(d/pace*million+d%pace*million/pace)
	for c.shows(world) < at {
		world++
	}
	return world
}

// lasts is how long a time of the node's is in the world's.
func (c clock) lasts(d time.Duration) time.Duration {
	return time.Duration(c.when(bootedAt+wire.Instant(d)) - c.booted)
}
