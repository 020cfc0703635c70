package serialhb

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/wire"
)

const (
	// paceMargin: the writer is slower by this share than the line, so that a clock that is off, or a driver that does not
	// say what it holds, gathers no backlog in which a beat would wait.
	paceMargin = 50
	readMost   = 4    // reads of a drain: a babbling line does not hold the heart here
	readSize   = 4096 // more than a terminal holds (n_tty.c), so that one read mostly takes all
	// queuedMost is how many bytes may wait in the driver before the next frame is handed to it.
	queuedMost = 16
	// stalledRetry is when a line that takes nothing is tried again, stalledAfter when that is said.
	stalledRetry = wire.Instant(5 * time.Millisecond)
	stalledAfter = wire.Instant(time.Second)
	reopenAfter  = wire.Instant(time.Second)
)

// line is one port.
type line struct {
	device  string
	baud    int
	rtscts  bool
	fd      int   // -1 while it is not open
	err     error // why not
	again   wire.Instant
	opened  chan opened // while it is being opened
	ready   bool        // it has told that bytes came, and not all are read
	in      decoder
	out     queue
	rest    []byte // of the frame under way
	encoder encoder
	free    wire.Instant // when the line has sent what it was given
	took    wire.Instant // when it last took a byte
	heard   hearing
}

type opened struct {
	fd  int
	err error
}

// begin opens the port beside the heart's loop: looking for its holder takes milliseconds.
func (l *line) begin() {
	done := make(chan opened, 1)
	l.opened = done
	go func() {
		fd, err := openPort(l.device, l.baud, l.rtscts)
		done <- opened{fd, err}
	}()
}

// finish takes what became of begin.
func (l *line) finish(at wire.Instant, o opened) {
	l.opened, l.fd, l.err, l.again = nil, o.fd, o.err, at+reopenAfter
	l.ready, l.in, l.rest, l.free, l.took = false, decoder{}, nil, at, at
	l.heard = hearing{since: at}
	l.out.clear()
}

// fail closes a port that has gone.
func (l *line) fail(at wire.Instant, err error) {
	forget(l.fd)
	unix.Close(l.fd)
	l.fd, l.err, l.again = -1, err, at+reopenAfter
}

// pump hands the driver what the line has time for.
func (l *line) pump(at wire.Instant) error {
	for l.fd >= 0 && at >= l.free {
		if len(l.rest) == 0 && !l.load(at) {
			return nil
		}
		n, errno := transfer(unix.SYS_WRITE, l.fd, l.rest)
		switch errno {
		case 0:
			l.rest, l.took = l.rest[n:], at
			l.free = at + wire.Instant(LineTime(n+n/paceMargin+1, l.baud))
		case unix.EAGAIN, unix.EINTR:
			l.free = at + stalledRetry
		default:
			return errno
		}
	}
	return nil
}

// load takes the next frame, unless the driver still has some of the one before.
func (l *line) load(at wire.Instant) bool {
	if l.out.empty() {
		return false
	}
	if n, err := unix.IoctlGetInt(l.fd, unix.TIOCOUTQ); err == nil && n > queuedMost {
		l.free = at + wire.Instant(LineTime(n-queuedMost, l.baud))
		return false
	}
	it, ok := l.out.next()
	if ok {
		l.rest = l.encoder.encode(it.envelope, it.frame)
	}
	return ok
}

// waits is when the line wants to be drained and pumped, 0 if it has nothing to read or to send.
func (l *line) waits() wire.Instant {
	switch {
	case l.fd < 0:
		return 0
	case l.ready:
		return 1 // at once: what is left in the port is not told again
	case len(l.rest) == 0 && l.out.empty():
		return 0
	}
	return max(l.free, 1)
}

func (l *line) stalled(at wire.Instant) bool {
	return len(l.rest) > 0 && at-l.took > stalledAfter
}

// read hands what came to the decoder.
func (l *line) read(at wire.Instant, good func(envelope, []byte)) error {
	var b [readSize]byte
	for range readMost {
		n, errno := transfer(unix.SYS_READ, l.fd, b[:])
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			l.ready = false
			return nil
		case errno != 0:
			return errno
		case n == 0:
			return unix.EIO // hung up: the adapter was pulled out
		}
		l.heard.bytes = at
		l.in.feed(b[:n], good, func(bad []byte) { l.heard.garbage(at, bad) })
		if n < len(b) {
			l.ready = false
			return nil
		}
	}
	return nil
}

// transfer is read(2) or write(2) of a descriptor that does not block, made without the runtime's notice.
func transfer(call uintptr, fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}
