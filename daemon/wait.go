package daemon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// waiter is what the heart's loop sleeps in: one epoll(7) over the paths, the engine's socket, a timer of CLOCK_BOOTTIME
// and a bell that other goroutines ring. Timer and bell are edge triggered, so that nobody has to read them empty.
//
// The epoll is itself waited for by Go's own poller, not in epoll_wait(2): a thread that sleeps in a system call keeps the
// runtime's watchman awake, which then costs ten times what the beats do. No Go timer is in it.
type waiter struct {
	epoll  int
	file   *os.File // the epoll, as Go's poller knows it
	raw    syscall.RawConn
	timer  int
	bell   int
	armed  wire.Instant
	events [wire.MaxPaths + 8]unix.EpollEvent
	count  int // of the events of the newest wait

	mu   sync.Mutex
	mail []func()
	over bool // nothing is posted any more
}

func newWaiter() (*waiter, error) {
	w := &waiter{epoll: -1, timer: -1, bell: -1}
	var err error
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if w.timer, err = unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return nil, errors.Join(fmt.Errorf("timerfd: %w", err), w.close())
	}
	if w.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, errors.Join(fmt.Errorf("eventfd: %w", err), w.close())
	}
	err = errors.Join(w.add(w.timer, unix.EPOLLIN|unix.EPOLLET), w.add(w.bell, unix.EPOLLIN|unix.EPOLLET))
	if err == nil {
		err = w.register()
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// register hands the epoll to Go's poller, which takes only what does not block.
func (w *waiter) register() error {
	if err := unix.SetNonblock(w.epoll, true); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	w.file = os.NewFile(uintptr(w.epoll), "epoll")
	var err error
	if w.raw, err = w.file.SyscallConn(); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if err := w.file.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("epoll: Go's poller does not take it: %w", err)
	}
	return nil
}

func (w *waiter) close() error {
	w.mu.Lock()
	w.over = true // who posts late must not ring a descriptor that is another's by then
	w.mu.Unlock()
	var errs []error
	if w.file != nil {
		errs, w.epoll = append(errs, w.file.Close()), -1
	}
	for _, fd := range []int{w.bell, w.timer, w.epoll} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

func (w *waiter) add(fd int, events uint32) error { return w.control(unix.EPOLL_CTL_ADD, fd, events) }

func (w *waiter) control(op, fd int, events uint32) error {
	if err := unix.EpollCtl(w.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("epoll: descriptor %d: %w", fd, err)
	}
	return nil
}

// remove forgets a descriptor; one that is closed is forgotten already.
func (w *waiter) remove(fd int) { _ = w.control(unix.EPOLL_CTL_DEL, fd, 0) }

// wait sleeps until a descriptor is ready, the bell rings, or the instant has come; 0 is no instant.
func (w *waiter) wait(now, until wire.Instant) error {
	switch {
	case until != 0 && until <= now:
		_, err := w.ready()
		return err
	case until != w.armed:
		if err := w.arm(until); err != nil {
			return err
		}
	}
	var pollErr error
	err := w.raw.Read(func(uintptr) bool {
		n, err := w.ready()
		pollErr = err
		return n > 0 || err != nil
	})
	return errors.Join(err, pollErr)
}

// ready takes what is ready and does not wait; what is level triggered stays ready until it is read. The call is made
// without the runtime's notice, because that, too, would wake its watchman.
func (w *waiter) ready() (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(w.epoll), uintptr(unsafe.Pointer(&w.events[0])),
			uintptr(len(w.events)), 0, 0, 0)
		switch errno {
		case 0:
			w.count = int(n)
			return w.count, nil
		case unix.EINTR:
		default:
			return 0, fmt.Errorf("epoll: %w", errno)
		}
	}
}

// has reports whether a descriptor was ready when the wait ended.
func (w *waiter) has(fd int) bool {
	for _, e := range w.events[:w.count] {
		if int(e.Fd) == fd {
			return true
		}
	}
	return false
}

// arm sets the timer to an absolute instant, 0 stops it.
func (w *waiter) arm(at wire.Instant) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(at))}
	if err := unix.TimerfdSettime(w.timer, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	w.armed = at
	return nil
}

// post has the heart's loop do something; it never blocks. Posts are done in their order.
func (w *waiter) post(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	w.mail = append(w.mail, do)
	one := binary.NativeEndian.AppendUint64(nil, 1)
	_, _ = unix.Write(w.bell, one) // full only after 2^64-2 rings that nobody reads: it rings all the same
}

// posted takes what was posted.
func (w *waiter) posted() []func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	mail := w.mail
	w.mail = nil
	return mail
}
