package agents

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rescan is how long one waits for known processes before looking for new ones: nothing tells of a fork.
const rescan = 50 * time.Millisecond

// gone reports whether an error says that what was looked for is not there any more.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV)
}

// open gives a descriptor that stands for this very process, nil if it has ended. Whoever holds it cannot hit a
// stranger who was given the number later: the start time is compared after the descriptor was opened.
func (p process) open() (*os.File, error) {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if gone(err) || errors.Is(err, unix.EINVAL) {
		// EINVAL: the number is that of a thread by now, so that the process is gone.
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("process %d: pidfd_open (Linux 5.3 or newer): %w", p.PID, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else the runtime would keep a thread waiting for it
		unix.Close(fd)
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	if alive, err := p.lives(); err != nil || !alive {
		f.Close()
		return nil, err
	}
	return f, nil
}

// kill sends a signal to this very process; one that has ended is no error.
func (p process) kill(sig syscall.Signal) error {
	f, err := p.open()
	if f == nil {
		return err
	}
	defer f.Close()
	err = control(f, func(fd int) error { return unix.PidfdSendSignal(fd, sig, nil, 0) })
	if gone(err) {
		return nil
	}
	if err != nil {
		err = fmt.Errorf("process %d: %w", p.PID, err)
	}
	return err
}

// ended returns nil when the process has ended, ctx's error before that.
func (p process) ended(ctx context.Context) error {
	f, err := p.open()
	if f == nil {
		return err
	}
	defer f.Close()
	return readable(ctx, f)
}

// readable waits until a descriptor can be read; a pidfd can when its process has ended (pidfd_open(2)).
func readable(ctx context.Context, f *os.File) error {
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var pollErr error
	err = raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			pollErr = err
			return true
		}
		return n > 0
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, pollErr)
}

func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var doErr error
	err = raw.Control(func(fd uintptr) { doErr = do(int(fd)) })
	return errors.Join(err, doErr)
}

// killAll kills whatever find finds until it finds nothing more. A process that was forked meanwhile is found the next
// time. At ctx's end the error is ctx's: what is left is not known to end.
func killAll(ctx context.Context, find func() ([]process, error)) error {
	return endAll(ctx, find, func(p process) error { return p.kill(unix.SIGKILL) })
}

// endAll tells every process once by tell, and returns when find finds nothing more.
func endAll(ctx context.Context, find func() ([]process, error), tell func(process) error) error {
	told := make(map[process]bool)
	for {
		list, err := find()
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		for _, p := range list {
			if told[p] {
				continue
			}
			if err := tell(p); err != nil {
				return err
			}
			told[p] = true
		}
		if err := awaitOne(ctx, list); err != nil {
			return fmt.Errorf("%d processes are left, the first is %d: %w", len(list), list[0].PID, err)
		}
	}
}

// awaitOne waits until the first of the processes has ended, but not longer than rescan.
func awaitOne(ctx context.Context, list []process) error {
	short, cancel := context.WithTimeout(ctx, rescan)
	defer cancel()
	err := list[0].ended(short)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
