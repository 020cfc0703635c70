package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// refusedAlready says that this process is the one that was executed anew.
const refusedAlready = "LOCUM_SOAK_REFUSED"

// highestNice is RLIMIT_NICE for nice -20 (getrlimit(2)): 20 minus it.
const highestNice = 40

// refuse executes this program anew so that neither it nor a child of it may have real time; niced: but nice -20, as where the
// kernel has a control group without a budget. Capabilities are a thread's: only what one thread executes has none of it.
func refuse(niced bool) error {
	if os.Getenv(refusedAlready) != "" {
		return nil
	}
	runtime.LockOSThread()
	nice := uint64(0)
	if niced {
		nice = highestNice
	}
	err := errors.Join(unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_NICE, 0, 0, 0),
		unix.Setrlimit(unix.RLIMIT_RTPRIO, &unix.Rlimit{}),
		unix.Setrlimit(unix.RLIMIT_NICE, &unix.Rlimit{Cur: nice, Max: nice}))
	if err != nil {
		return fmt.Errorf("give up real time: %w", err)
	}
	return syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), refusedAlready+"=yes"))
}
