package daemon

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxQueued bounds what waits for an engine that does not read, in packets. An engine that lets it overflow is started anew.
const maxQueued = 4096

var errQueueFull = errors.New("the engine does not read what it is sent")

// link is the heart's end of the socket pair to one engine. Nothing in it blocks.
type link struct {
	fd     int
	queue  [][]byte
	joiner joiner
	buf    []byte
}

// newLink makes a socket pair and gives the heart's end and the engine's.
func newLink() (*link, *os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	engine := os.NewFile(uintptr(pair[1]), "engine")
	if err := unix.SetNonblock(pair[0], true); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("socket pair: %w", err), unix.Close(pair[0]), engine.Close())
	}
	return &link{fd: pair[0], buf: make([]byte, maxPacket)}, engine, nil
}

func (l *link) close() {
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
	}
}

// send writes a record, or queues what the socket does not take.
func (l *link) send(r record) error {
	packets, err := encodeRecord(r)
	if err != nil {
		return err
	}
	if len(l.queue)+len(packets) > maxQueued {
		return errQueueFull
	}
	l.queue = append(l.queue, packets...)
	return l.flush()
}

// flush writes from the queue as much as the socket takes.
func (l *link) flush() error {
	for len(l.queue) > 0 {
		err := unix.Send(l.fd, l.queue[0], unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS):
			return nil
		case err != nil:
			return fmt.Errorf("to the engine: %w", err)
		}
		l.queue[0] = nil
		l.queue = l.queue[1:]
	}
	l.queue = nil
	return nil
}

// waits reports whether something is queued.
func (l *link) waits() bool { return len(l.queue) > 0 }

var errEngineGone = errors.New("the engine closed its socket")

// receive gives the next record, or false when none is there yet.
func (l *link) receive() (record, bool, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(l.fd), uintptr(unsafe.Pointer(&l.buf[0])), uintptr(len(l.buf)))
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return record{}, false, nil
		case errno != 0:
			return record{}, false, fmt.Errorf("from the engine: %w", errno)
		case n == 0:
			return record{}, false, errEngineGone
		}
		body, whole, err := l.joiner.add(l.buf[:n])
		if err != nil {
			return record{}, false, err
		}
		if !whole {
			continue
		}
		r, err := decodeRecord(body)
		return r, err == nil, err
	}
}
