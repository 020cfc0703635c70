package lab

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// What a port receives is handed on by a worker of the kernel, an ordinary thread that a busy machine keeps waiting (tty_buffer.c); beside
// twenty busy threads a byte was seen to wait for 250 ms once in a thousand times, and once for 6 s. No program that reads the port can
// change that, so a test of short windows over serial cables is none on such a machine.

// fit is a test that fails only if a bare terminal has brought its bytes in time all the while.
type fit struct {
	testing.TB
	limit time.Duration
	worst *atomic.Int64
}

// onFitMachine watches a bare terminal until the end of a test that proves nothing where a byte is held for longer than limit. Where only
// silence of dead matters that is an eighth of it: a frame that crosses one node to the next but one passes through eight such workers.
func onFitMachine(t testing.TB, limit time.Duration) testing.TB {
	t.Helper()
	p, err := NewPty()
	must(t, err)
	f := fit{t, limit, new(atomic.Int64)}
	var stop atomic.Bool
	var ended sync.WaitGroup
	ended.Add(1)
	runtime.GOMAXPROCS(max(places, runtime.GOMAXPROCS(0)))
	onOwnThread(func() { defer ended.Done(); watchTerminal(p, &stop, f.worst) })
	t.Cleanup(func() {
		stop.Store(true)
		ended.Wait()
		must(t, p.Close())
		t.Logf("a byte on a bare terminal took at most %s", f.took())
	})
	return f
}

// watchTerminal sends a byte every few milliseconds through a terminal and notes the longest time that one took.
func watchTerminal(p *Pty, stop *atomic.Bool, worst *atomic.Int64) {
	realTime()
	b := []byte{1}
	for !stop.Load() {
		sent := clock(unix.CLOCK_MONOTONIC)
		_, err := unix.Write(p.FD, b)
		for n := 0; n == 0 && err == nil; {
			n, err = unix.Poll([]unix.PollFd{{Fd: int32(p.master), Events: unix.POLLIN}}, lookUp)
			if errors.Is(err, unix.EINTR) {
				err = nil
			}
			took := clock(unix.CLOCK_MONOTONIC) - sent
			worst.Store(max(worst.Load(), int64(took)))
			if stop.Load() {
				return
			}
		}
		if _, err := unix.Read(p.master, b); err != nil {
			return
		}
		sleepUntil(sent + wire.Instant(5*time.Millisecond))
	}
}

func (f fit) took() time.Duration { return time.Duration(f.worst.Load()) }

// excuse ends the test where it proves nothing.
func (f fit) excuse(said string) {
	f.Helper()
	if f.took() > f.limit {
		f.Skipf("this machine is too busy for it: the kernel held a byte of a bare terminal for %s, more than %s; what failed: %s", f.took(), f.limit, said)
	}
}

func (f fit) Errorf(format string, args ...any) {
	f.Helper()
	f.excuse(fmt.Sprintf(format, args...))
	f.TB.Errorf(format, args...)
}

func (f fit) Error(args ...any) {
	f.Helper()
	f.excuse(fmt.Sprint(args...))
	f.TB.Error(args...)
}

func (f fit) Fatalf(format string, args ...any) {
	f.Helper()
	f.excuse(fmt.Sprintf(format, args...))
	f.TB.Fatalf(format, args...)
}

func (f fit) Fatal(args ...any) {
	f.Helper()
	f.excuse(fmt.Sprint(args...))
	f.TB.Fatal(args...)
}
