package lab

import (
	"time"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// Now is the host's own time, CLOCK_BOOTTIME: every stamp of this package is of this clock.
func Now() wire.Instant { return clock(unix.CLOCK_BOOTTIME) }

func clock(id int32) wire.Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		panic("clock_gettime: " + err.Error()) // a kernel without these clocks does not run Go
	}
	return wire.Instant(ts.Nano())
}

// stampOffset is what a receive stamp, which is wall clock, differs from our clock at this moment.
func stampOffset() wire.Instant { return Now() - clock(unix.CLOCK_REALTIME) }

// Between is how long it is from one instant to another.
func Between(from, to wire.Instant) time.Duration { return time.Duration(to - from) }

// At is the instant of a wall-clock time, as it would be if the wall clock had run as it does now.
func At(t time.Time) wire.Instant { return wire.Instant(t.UnixNano()) + stampOffset() }
