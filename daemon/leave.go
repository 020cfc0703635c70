package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"locum/console"
)

const (
	// leaveHeardWithin is how long a heart may take to listen: it may be executing itself anew.
	leaveHeardWithin = 10 * time.Second
	// leaveAskAgain is the pause before one that did not listen is asked again, or looked at.
	leaveAskAgain = 20 * time.Millisecond
)

// Leave has the heart that is a process, and listens on a socket, leave in order, and returns when the process has ended. SIGTERM asks for the same, but
// ends a process that executes itself anew just then: Go's runtime takes the signal before any of our code runs, and keeps no mask that blocks it.
func Leave(ctx context.Context, pid int, socket string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	for late := time.Now().Add(leaveHeardWithin); ; {
		_, err := console.Client{Socket: socket, Timeout: leaveHeardWithin}.Ask(ctx, console.Request{Verb: "leave"})
		if err == nil {
			break
		}
		switch ended, endErr := hasEnded(ctx, fd, leaveAskAgain); {
		case ended || endErr != nil:
			return endErr
		case isUsage(err) || time.Now().After(late):
			return err
		}
	}
	for {
		if ended, err := hasEnded(ctx, fd, time.Second); ended || err != nil {
			return err
		}
	}
}

// isUsage reports whether a heart has answered, and does not know the word: an older one.
func isUsage(err error) bool {
	var f *console.Failure
	return errors.As(err, &f) && f.Code == console.ExitUsage
}

// hasEnded waits a while for a process's end, which makes its descriptor readable (pidfd_open(2)).
func hasEnded(ctx context.Context, fd int, wait time.Duration) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(wait/time.Millisecond))
	if errors.Is(err, unix.EINTR) {
		err = nil
	}
	if err != nil {
		err = os.NewSyscallError("poll", err)
	}
	return n > 0, errors.Join(err, ctx.Err())
}
