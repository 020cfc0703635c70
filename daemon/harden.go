package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// heartPriority is the heart's place among real-time threads: above the ordinary, below the kernel's own.
	heartPriority = 30
	heartNice     = -20 // where real time is refused
	engineNice    = -10
	oomNever      = "-1000" // proc_pid_oom_score_adj(5)
	oomOrdinary   = "0"
)

// hardenHeart makes this process hard to stop: real time for all its threads, locked memory, no OOM kill. It gives what
// the kernel refused, read back rather than believed.
func hardenHeart(dead time.Duration) (refused []string) {
	debug.SetGCPercent(20) // a few hundred KiB live: collect early rather than grow
	if text := hurry(dead); text != "" {
		refused = append(refused, text)
	}
	if err := lockMemory(); err != nil {
		refused = append(refused, fmt.Sprintf("locked memory (%v); see LimitMEMLOCK of the unit", err))
	}
	if err := enoughDescriptors(); err != nil {
		refused = append(refused, fmt.Sprintf("descriptors (%v); see LimitNOFILE of the unit", err))
	}
	if err := setOOMScore(oomNever); err != nil {
		refused = append(refused, fmt.Sprintf("exemption from the OOM killer (%v)", err))
	}
	return refused
}

// softenEngine takes back what the engine has inherited from the heart: it and what it starts are ordinary processes. A
// thread's reset-on-fork has its children begin at nice 0.
func softenEngine() error {
	debug.SetGCPercent(50)
	return errors.Join(eachThread(ordinary), setOOMScore(oomOrdinary))
}

// eachThread sets every thread of the process, until a pass meets no new one: a thread inherits from the one that made it,
// so that later threads are as these.
func eachThread(set func(tid int) error) error {
	done := map[int]bool{}
	for again := true; again; {
		again = false
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, entry := range entries {
			tid, err := strconv.Atoi(entry.Name())
			if err != nil || done[tid] {
				continue
			}
			if err := set(tid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
			done[tid], again = true, true
		}
	}
	return nil
}

// ordinary gives a thread the ordinary policy. The lower nice value may be refused: then it is 0.
func ordinary(tid int) error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: engineNice, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if err := unix.SchedSetAttr(tid, &attr, 0); err == nil || errors.Is(err, unix.ESRCH) {
		return err
	}
	attr.Nice = 0
	return unix.SchedSetAttr(tid, &attr, 0)
}

func setOOMScore(score string) error {
	const file = "/proc/self/oom_score_adj"
	if err := os.WriteFile(file, []byte(score), 0); err != nil {
		return errors.Unwrap(err)
	}
	got, err := os.ReadFile(file)
	if err == nil && strings.TrimSpace(string(got)) != score {
		err = fmt.Errorf("it is %s", strings.TrimSpace(string(got)))
	}
	return err
}

// lockMemory keeps in memory what is touched from now on, and all of the program's text: a page of it that was never
// touched would have to be read from a disk that may be what has failed.
func lockMemory() error {
	if err := mayLock(); err != nil {
		return err
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("mlockall: %w", err)
	}
	return lockText()
}

// mayLock reports whether all memory to come may be locked. Below a limit mlockall(2) could be granted now, and a later
// allocation refused, which ends a Go program.
func mayLock() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil || limit.Cur == unix.RLIM_INFINITY {
		return err
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&head, &sets[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	if sets[0].Effective&(1<<unix.CAP_IPC_LOCK) == 0 {
		return fmt.Errorf("at most %d KiB may be locked, and locum has not got CAP_IPC_LOCK", limit.Cur/1024)
	}
	return nil
}

// leastDescriptors is enough for paths, control socket and engine. Go has raised the limit as far as it may be.
const leastDescriptors = 256

func enoughDescriptors() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur < leastDescriptors {
		return fmt.Errorf("it may have %d open, and wants %d", limit.Cur, leastDescriptors)
	}
	return nil
}

// lockText locks this program's executable mapping with mlock(2), which also reads it in.
func lockText() error {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	text, err := io.ReadAll(io.LimitReader(maps, 1<<20))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		begin, end, ok := textMapping(line, self)
		if !ok {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MLOCK, begin, end-begin, 0); errno != 0 {
			return fmt.Errorf("mlock of the program's text: %w", errno)
		}
	}
	return nil
}

// textMapping reads a line of proc_pid_maps(5): the bounds of the mapping if it is executable and of the file.
func textMapping(line, file string) (begin, end uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[1] != "r-xp" || fields[5] != file {
		return 0, 0, false
	}
	from, to, both := strings.Cut(fields[0], "-")
	b, err1 := strconv.ParseUint(from, 16, strconv.IntSize)
	e, err2 := strconv.ParseUint(to, 16, strconv.IntSize)
	if !both || err1 != nil || err2 != nil || e <= b {
		return 0, 0, false
	}
	return uintptr(b), uintptr(e), true
}
