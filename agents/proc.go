package agents

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process names one process for ever: a number is used again, a number with its start time is not.
type process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks since the boot, field 22 of /proc/PID/stat
}

// stat is what /proc/PID/stat says that matters here, proc_pid_stat(5).
type stat struct {
	process
	State   byte // of its first thread
	Session int
	Threads int
}

// dead reports whether only the entry of the process is left, until its parent takes note. A first thread that has
// ended looks the same while others go on.
func (s stat) dead() bool {
	return (s.State == 'Z' || s.State == 'X' || s.State == 'x') && s.Threads <= 1
}

const maxStat = 4096

// readStat reads a process's entry; the error is fs.ErrNotExist if there is none.
func readStat(pid int) (stat, error) {
	raw, err := readSome(filepath.Join("/proc", strconv.Itoa(pid), "stat"), maxStat)
	if errors.Is(err, unix.ESRCH) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return stat{}, err
	}
	s, err := parseStat(raw)
	if err == nil && s.PID != pid {
		err = fmt.Errorf("/proc/%d/stat is that of process %d", pid, s.PID)
	}
	return s, err
}

// parseStat reads one line of /proc/PID/stat. The command's name stands in brackets and may itself hold brackets, spaces
// and line ends; what follows the last bracket does not.
func parseStat(raw []byte) (stat, error) {
	open, shut := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	if open < 0 || shut < open {
		return stat{}, fmt.Errorf("no name in brackets in %.40q", raw)
	}
	pid, err := strconv.ParseUint(strings.TrimSpace(string(raw[:open])), 10, 31)
	if err != nil {
		return stat{}, fmt.Errorf("process number: %w", err)
	}
	fields := strings.Fields(string(raw[shut+1:])) // from field 3, the state
	if len(fields) < 20 || len(fields[0]) != 1 {
		return stat{}, fmt.Errorf("%d fields after the name, want at least 20", len(fields))
	}
	session, err := strconv.ParseInt(fields[3], 10, 32)
	if err != nil {
		return stat{}, fmt.Errorf("session: %w", err)
	}
	threads, err := strconv.ParseInt(fields[17], 10, 32)
	if err != nil {
		return stat{}, fmt.Errorf("threads: %w", err)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("start time: %w", err)
	}
	return stat{process{int(pid), start}, fields[0][0], int(session), int(threads)}, nil
}

// lives reports whether this very process exists and has not ended.
func (p process) lives() (bool, error) {
	s, err := readStat(p.PID)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && s.process == p && !s.dead(), err
}

// everyProcess lists what lives in our PID namespace.
func everyProcess() ([]stat, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var list []stat
	for _, name := range names {
		pid, err := strconv.ParseUint(name, 10, 31)
		if err != nil {
			continue
		}
		s, err := readStat(int(pid))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !s.dead() {
			list = append(list, s)
		}
	}
	return list, nil
}

// maxEnviron bounds what is searched of a process's environment; ours stands first.
const maxEnviron = 1 << 20

// carries reports whether a process was given the mark NAME=VALUE in its environment.
func (p process) carries(mark string) bool {
	raw, err := readSome(filepath.Join("/proc", strconv.Itoa(p.PID), "environ"), maxEnviron)
	if err != nil {
		return false // it has ended, or is a kernel thread
	}
	for _, word := range bytes.Split(raw, []byte{0}) {
		if string(word) == mark {
			return true
		}
	}
	return false
}

// bootID names this life of the kernel.
func bootID() (string, error) {
	raw, err := readSome("/proc/sys/kernel/random/boot_id", 64)
	return strings.TrimSpace(string(raw)), err
}

// readSome reads at most n bytes of a file.
func readSome(name string, n int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, n))
}
