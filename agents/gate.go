package agents

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The gate is this very program, started under another name, as the child that will be the command. It waits until the
// engine has written on disk which process it is, and only then becomes the command. If the engine dies before that, the
// gate reads an end of file and ends: no command runs of which nobody knows.
const (
	gateName   = "locum-gate"
	gateOrders = 3 // descriptor: the order is read here, once
	gateAnswer = 4 // descriptor: closed when the command runs; else the reason why it does not
	maxOrder   = 1 << 20
	maxAnswer  = 4096
)

// order is what the gate is to become.
type order struct {
	Path  string   `json:"path"`
	Args  []string `json:"args"` // with the program's name
	Env   []string `json:"env"`
	Dir   string   `json:"dir"`
	Group string   `json:"group"` // directory of the control group, "" for none
	User  *account `json:"user"`  // nil: stay who we are
}

// account is whom a command runs as.
type account struct {
	Name   string `json:"name"`
	Home   string `json:"home"`
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Groups []int  `json:"groups"`
}

// A gate must not come as far as main, whatever program the package is in. The name cannot be met by accident: a
// program's own name is never this one.
func init() {
	if len(os.Args) == 1 && os.Args[0] == gateName {
		runtime.LockOSThread() // scheduling belongs to the thread that executes the command
		os.Exit(runGate())
	}
}

// runGate returns only if the command does not run, with the exit status.
func runGate() int {
	syscall.CloseOnExec(gateAnswer)
	syscall.CloseOnExec(gateOrders)
	raw, err := io.ReadAll(io.LimitReader(os.NewFile(gateOrders, "orders"), maxOrder))
	var o order
	if err != nil || json.Unmarshal(raw, &o) != nil {
		return 0 // the engine is gone, perhaps while it wrote: nothing has happened
	}
	err = become(o)
	_, _ = os.NewFile(gateAnswer, "answer").WriteString(err.Error())
	return 127
}

// become executes the command, or says why not.
func become(o order) error {
	if o.Group != "" {
		procs := filepath.Join(o.Group, "cgroup.procs")
		if err := os.WriteFile(procs, []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
			return fmt.Errorf("cannot join the control group: %w", err)
		}
	}
	if err := ordinary(); err != nil {
		return err
	}
	syscall.Umask(0o022)
	if o.User != nil {
		if err := o.User.become(); err != nil {
			return fmt.Errorf("cannot become user %s: %w", o.User.Name, err)
		}
	}
	if err := os.Chdir(o.Dir); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", o.Path, syscall.Exec(o.Path, o.Args, o.Env))
}

// ordinary gives up what locum has for itself and a service must not inherit: real time, priority, and the exemption
// from the OOM killer.
func ordinary() error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err == nil && (attr.Policy != unix.SCHED_NORMAL || attr.Nice < 0) {
		err = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0)
	}
	if err != nil && !errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("cannot take the ordinary scheduling policy: %w", err)
	}
	const score = "/proc/self/oom_score_adj"
	raw, err := readSome(score, 16)
	if err == nil && strings.HasPrefix(string(raw), "-") {
		err = os.WriteFile(score, []byte("0"), 0)
	}
	return err
}

func (a *account) become() error {
	if err := syscall.Setgroups(a.Groups); err != nil {
		return err
	}
	if err := syscall.Setgid(a.GID); err != nil {
		return err
	}
	return syscall.Setuid(a.UID)
}
