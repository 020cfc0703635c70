package main

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/lab"
	"locum/wire"
)

// barePriority is the heart's own.
const barePriority = 30

// bareLoops runs a bare loop on each processor, for the host may take one away and leave the others, until the function it gives
// is called, which gives by how much the worst was late: what this machine can do at all.
func bareLoops(every time.Duration) (end func() (time.Duration, error), err error) {
	var ends []func() (time.Duration, error)
	end = func() (worst time.Duration, err error) {
		for _, one := range ends {
			late, wrong := one()
			worst, err = max(worst, late), cmp.Or(err, wrong)
		}
		return worst, err
	}
	for cpu := range runtime.NumCPU() {
		one, err := bareLoop(every, cpu)
		if err != nil {
			_, _ = end()
			return nil, err
		}
		ends = append(ends, one)
	}
	return end, nil
}

// bareLoop runs a loop that does nothing but wake, at the heart's policy and pace. It is a process of its own, because the collector
// of this one would hold it up.
func bareLoop(every time.Duration, cpu int) (end func() (time.Duration, error), err error) {
	cmd := exec.Command("/proc/self/exe", loadWord, "bare", strconv.FormatInt(int64(every), 10), strconv.Itoa(cpu))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := onKeptThread(cmd.Start); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(said)
	lines.Scan() // it runs
	return func() (time.Duration, error) {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		lines.Scan()
		worst, err := strconv.ParseInt(lines.Text(), 10, 64)
		_ = cmd.Wait()
		return time.Duration(worst), err
	}, nil
}

// bare is the loop's process.
func bare(every time.Duration, cpu int) error {
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	var only unix.CPUSet
	only.Set(cpu)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return err
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	if err := realTime(); err != nil {
		fmt.Fprintln(os.Stderr, "soak: the bare loop has no real time, as the hearts will not have:", err)
	}
	fmt.Println("runs")
	var worst wire.Instant
	for next := lab.Now() + wire.Instant(every); ; next += wire.Instant(every) {
		at := unix.NsecToTimespec(int64(next))
		// Without the runtime's notice: to come back from a noticed call may wait for other threads.
		_, _, _ = unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_BOOTTIME, unix.TIMER_ABSTIME, uintptr(unsafe.Pointer(&at)), 0, 0, 0)
		worst = max(worst, now()-next)
		select {
		case <-stop:
			fmt.Println(int64(worst))
			os.Exit(0)
		default:
		}
	}
}

// now is lab.Now without the runtime's notice.
func now() wire.Instant {
	var ts unix.Timespec
	_, _, _ = unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&ts)), 0)
	return wire.Instant(ts.Nano())
}

// realTime gives the policy to all threads: an ordinary one of the runtime's would hold the loop's up. Twice, for one that was
// made meanwhile.
func realTime() error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: barePriority}
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				continue
			}
			if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
				return err
			}
		}
	}
	return nil
}
