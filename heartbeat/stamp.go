package heartbeat

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// offsetDrift is how far the wall clock may move against the time since boot between two drains and still be believed: a
// clock that is slewed moves by at most 0.5 ms in a second, one that was set moves by more.
const offsetDrift = 5 * time.Millisecond

// Now is the present instant: CLOCK_BOOTTIME (clock_gettime(2)), which also counts while the machine is suspended.
func Now() wire.Instant {
	ns, errno := readClock(unix.CLOCK_BOOTTIME)
	if errno != 0 {
		panic("CLOCK_BOOTTIME cannot be read: " + errno.Error()) // no Linux since 2.6.39 refuses it
	}
	return wire.Instant(ns)
}

// readClock reads a clock in nanoseconds. Like all that the heart calls in a round it is made without the runtime's
// notice, because that wakes its watchman (docs/decisions/0006).
func readClock(clock int) (int64, unix.Errno) {
	var ts unix.Timespec
	_, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano(), errno
}

// stamps converts the kernel's receive stamps, which are of the wall clock, to instants. The offset between the two is
// sampled at each drain: if it moved since the drain before, the stamps of this drain cannot be placed.
type stamps struct {
	offset int64 // wall clock less instant, at the newest drain; 0 before the first
	wall   int64 // the wall clock then
	now    wire.Instant
	before wire.Instant // the drain before the newest
	sound  bool
}

// sampleTries is how often both clocks are read if something came between: the closest reading counts.
const sampleTries = 3

// sample reads both clocks at the begin of a drain.
func (s *stamps) sample() {
	best := wire.Instant(-1)
	var now wire.Instant
	var offset int64
	for range sampleTries {
		first := Now()
		wall, errno := readClock(unix.CLOCK_REALTIME)
		if errno != 0 {
			break
		}
		// Read on both sides of the wall clock: the middle is off by less than half of what the reading took.
		last := Now()
		if took := last - first; best < 0 || took < best {
			best, now, offset, s.wall = took, last, wall-int64(first+last)/2, wall
		}
		if best < wire.Instant(20*time.Microsecond) {
			break
		}
	}
	if best < 0 {
		now = Now()
	}
	s.took(now, offset)
}

// took notes what was sampled; an offset of 0 is none.
func (s *stamps) took(now wire.Instant, offset int64) {
	s.before, s.now = s.now, now
	if s.before == 0 {
		s.before = now
	}
	moved := offset - s.offset
	s.sound = offset != 0 && s.offset != 0 && max(moved, -moved) <= int64(offsetDrift)
	s.offset = offset
}

// place gives the instant of a stamp of this drain, in nanoseconds of the wall clock, and whether it can be believed. A
// frame that comes while the drain goes on is newer than the sample; it is given the sample's instant.
func (s *stamps) place(stamp int64) (wire.Instant, bool) {
	if stamp == 0 || !s.sound {
		return s.before, false
	}
	return min(wire.Instant(stamp-s.offset), s.now), true
}

// later reports whether a frame came after the drain had begun: its stamp lies beyond the wall clock as it was then. Where
// the clock jumped nothing is known.
func (s *stamps) later(stamp int64) bool { return s.sound && stamp > s.wall }
