package daemon

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// safeOrdinary is a window that a heart without real time can keep. It waits for its turn like anybody, for more than a second where
// lab/soak had eight busy loops on two processors, and nice -20 does not help against what runs in other control groups;
// docs/performance.md has the figures.
const safeOrdinary = 2 * time.Second

// hurry gives all threads real time, or else the best nice value, and says what was refused and what follows from it for the
// window, "" if nothing was.
func hurry(dead time.Duration) string {
	err := eachThread(realTime)
	if err == nil {
		return ""
	}
	text := fmt.Sprintf("real-time scheduling (%v); it runs at nice %d", err, heartNice)
	if err := eachThread(niceTo(heartNice)); err != nil {
		text += fmt.Sprintf(", and that was refused too (%v)", err)
	}
	return text + tooShort(dead)
}

// tooShort says that a window is shorter than what is safe without real time, "" if it is not.
func tooShort(dead time.Duration) string {
	if dead >= safeOrdinary {
		return ""
	}
	return fmt.Sprintf("; dead=%s is too short for that on a busy machine: grant it (LimitRTPRIO and the capability CAP_SYS_NICE of the unit, or a budget for its control group), or write dead=%s", dead, safeOrdinary)
}

func realTime(tid int) error {
	err := unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: heartPriority}, 0)
	if err != nil {
		return err
	}
	got, err := unix.SchedGetAttr(tid, 0)
	if err == nil && got.Policy != unix.SCHED_RR {
		err = fmt.Errorf("thread %d has policy %d", tid, got.Policy)
	}
	return err
}

func niceTo(nice int) func(tid int) error {
	return func(tid int) error { return unix.Setpriority(unix.PRIO_PROCESS, tid, nice) }
}

// mayHaveRealTime asks the kernel whether a process like this one gets real time, by a thread that ends with it.
func mayHaveRealTime() (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and nobody inherits its policy
		err = realTime(0)
	}()
	<-done
	return err
}
