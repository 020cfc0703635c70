package serialhb

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// maxTold is the most that can be told of: two ports and the timer.
const maxTold = 3

// Serial is the path of a "path serial" line.
type Serial struct {
	name   string
	self   wire.Node
	mtu    int
	lines  []*line
	epoll  int
	timer  int
	armed  wire.Instant
	before wire.Instant // the drain before
	last   [nameTo]byte // the newest beat that was sent
	tag    [tagTo - tagFrom]byte
	tagged bool
	seen   seen
}

// Open makes the path of one node. A port that cannot be opened is no error: it is tried again every second, Send gives
// the error, Note says it.
func Open(p config.Path, self wire.Node) (*Serial, error) {
	ports := p.Ports[self]
	if len(ports) == 0 {
		return nil, fmt.Errorf("path serial %s: line %d has no port for node %d", p.Name, p.Line, self)
	}
	s := &Serial{name: p.Name, self: self, mtu: p.MTU(), epoll: -1, timer: -1, before: now()}
	var err error
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err == nil {
		s.timer, err = unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	}
	if err == nil {
		err = s.watch(s.timer, 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("path serial %s: %w", p.Name, err), s.Close())
	}
	for _, device := range ports {
		l := &line{device: device, baud: p.Baud, rtscts: p.RTSCTS, fd: -1, out: queue{self: self}}
		s.lines = append(s.lines, l)
		fd, err := openPort(device, p.Baud, p.RTSCTS)
		s.opened(l, opened{fd, err})
	}
	return s, nil
}

func (s *Serial) watch(fd int, how uint32) error {
	return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | how, Fd: int32(fd)})
}

func (s *Serial) opened(l *line, o opened) {
	l.finish(now(), o)
	if l.fd < 0 {
		return
	}
	if err := s.watch(l.fd, unix.EPOLLET); err != nil {
		l.fail(now(), fmt.Errorf("%s: %w", l.device, err))
	}
}

// Name is the path's name in the file.
func (s *Serial) Name() string { return s.name }

// Type is serial.
func (s *Serial) Type() string { return "serial" }

// MTU is small: a fragment under way holds a beat up (config.Path.MTU).
func (s *Serial) MTU() int { return s.mtu }

// FD is readable when a port has something or a line is free for what waits.
func (s *Serial) FD() int { return s.epoll }

// Send queues a frame for every line. A beat replaces the one that waits; it is the same for all nodes and leaves once.
func (s *Serial) Send(to wire.Node, frame []byte) error {
	if len(frame) < leastFrame || len(frame) > s.mtu && wire.Kind(frame[1]) == wire.KindSegment {
		return fmt.Errorf("path serial %s: a frame of %d bytes", s.name, len(frame))
	}
	copy(s.tag[:], frame[tagFrom:tagTo])
	s.tagged = true
	isBeat := wire.Kind(frame[1]) == wire.KindBeat
	if isBeat {
		if s.last == [nameTo]byte(frame) {
			return s.failed()
		}
		s.last, to = [nameTo]byte(frame), 0
	}
	s.reopen(now())
	full := false
	for _, l := range s.lines {
		if l.fd >= 0 && !l.out.put(envelope{to: to}, frame) {
			full = true
		}
	}
	s.pump(now())
	if err := s.failed(); err != nil {
		return err
	}
	if full {
		return fmt.Errorf("path serial %s: %w", s.name, unix.EAGAIN)
	}
	return nil
}

// failed is the error of the path: no port of it works.
func (s *Serial) failed() error {
	for _, l := range s.lines {
		if l.fd >= 0 {
			return nil
		}
	}
	return fmt.Errorf("path serial %s: %s", s.name, s.Note())
}

// reopen tries the ports that are gone.
func (s *Serial) reopen(at wire.Instant) {
	for _, l := range s.lines {
		switch {
		case l.fd >= 0:
		case l.opened != nil:
			select {
			case o := <-l.opened:
				s.opened(l, o)
			default:
			}
		case at >= l.again:
			l.begin()
		}
	}
}

func (s *Serial) pump(at wire.Instant) {
	wake := wire.Instant(0)
	for _, l := range s.lines {
		if err := l.pump(at); err != nil {
			l.fail(at, fmt.Errorf("%s: write: %w", l.device, err))
		}
		if w := l.waits(); w != 0 && (wake == 0 || w < wake) {
			wake = w
		}
	}
	if wake != s.armed {
		s.arm(wake)
	}
}

// arm sets the timer, 0 stops it (timerfd_settime(2)).
func (s *Serial) arm(at wire.Instant) {
	s.armed = at
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(at))}
	unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(s.timer), unix.TFD_TIMER_ABSTIME, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}

// look notes which ports have told that bytes came. A port is neither read nor asked before it has told: a terminal that has nothing
// lets who reads or polls it wait for the kernel's worker that may be bringing something (n_tty.c, tty_buffer_flush_work), an ordinary
// thread that a busy machine keeps waiting for tens of milliseconds, and the heart with it. So the ports are watched for edges.
func (s *Serial) look() {
	var told [maxTold]unix.EpollEvent
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(s.epoll), uintptr(unsafe.Pointer(&told[0])), maxTold, 0, 0, 0)
	if errno != 0 {
		return // interrupted: it is told again
	}
	for _, e := range told[:n] {
		for _, l := range s.lines {
			l.ready = l.ready || l.fd == int(e.Fd)
		}
	}
}

// Drain hands out the frames that came, and gives the lines what they have time for. The kernel stamps nothing here: a
// frame dates from the drain before.
func (s *Serial) Drain(take func(wire.Received)) error {
	at := now()
	if s.armed != 0 && at >= s.armed {
		var expired [8]byte
		transfer(unix.SYS_READ, s.timer, expired[:])
		s.armed = 0
	}
	s.look()
	for i, l := range s.lines {
		if l.fd < 0 || !l.ready {
			continue
		}
		err := l.read(at, func(e envelope, frame []byte) { s.arrived(at, i, e, frame, take) })
		if err != nil {
			l.fail(at, fmt.Errorf("%s: read: %w; was the adapter pulled out?", l.device, err))
		}
	}
	s.before = at
	s.pump(at)
	return nil
}

// Note says what is wrong with the path's ports, "" if nothing is.
func (s *Serial) Note() string {
	var list []string
	for _, l := range s.lines {
		if text := l.say(now()); text != "" {
			list = append(list, text)
		}
	}
	return strings.Join(list, "; ")
}

// Close closes the ports.
func (s *Serial) Close() error {
	var all []error
	for _, l := range s.lines {
		if l.opened != nil {
			l.fd = (<-l.opened).fd
		}
		if l.fd >= 0 {
			forget(l.fd)
			all = append(all, unix.Close(l.fd))
			l.fd = -1
		}
	}
	for _, fd := range []*int{&s.timer, &s.epoll} {
		if *fd >= 0 {
			all = append(all, unix.Close(*fd))
			*fd = -1
		}
	}
	return errors.Join(all...)
}
