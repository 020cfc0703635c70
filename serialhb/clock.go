package serialhb

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// now is CLOCK_BOOTTIME, read without the runtime's notice like all that the heart calls in a round.
func now() wire.Instant {
	var ts unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&ts)), 0)
	return wire.Instant(ts.Nano())
}

// LineTime is how long bytes take on a line: ten bits each.
func LineTime(bytes, baud int) time.Duration {
	return time.Duration(bytes) * 10 * time.Second / time.Duration(baud)
}
