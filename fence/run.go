package fence

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"locum/fence/reach"
)

const (
	// maxOutput bounds what an agent may print on each of its two outputs, in bytes.
	maxOutput = 64 << 10
	// afterEnd is how long an agent's outputs may stay open once it has ended.
	afterEnd = time.Second
)

// ended is what an agent left behind.
type ended struct {
	code int    // exit status
	out  string // standard output, as it was printed: it may hold a secret
	last string // of all it printed, without secrets, for people
}

func (e ended) failure() error {
	if e.last == `""` {
		return fmt.Errorf("exit status %d", e.code)
	}
	return fmt.Errorf("exit status %d: %s", e.code, e.last)
}

// run runs the agent with one action. It lives in a process group of its own, which ends with the context, and dies with
// this process: an agent that nobody waits for must not shoot later. Its thread is held, since it is the thread's
// death that the kernel would tell the agent of.
func (a *agent) run(ctx context.Context, action string) (ended, error) {
	if err := reach.Program(ctx, a.program); err != nil {
		return ended{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, a.program)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
		"HOME=" + cmp.Or(os.Getenv("HOME"), "/root")}
	cmd.Stdin = strings.NewReader(a.input + "action=" + action + "\n")
	var out, log bounded
	cmd.Stdout, cmd.Stderr = &out, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = afterEnd
	err := cmd.Run()
	if cmd.Process != nil {
		// What the agent left behind ends too; mostly there is nothing. The kernel gives no group's number away while
		// somebody is in it.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	e := ended{out: out.String(), last: brief(a.secrets.hide(cmp.Or(strings.TrimSpace(log.String()), out.String())))}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return e, ctx.Err()
	case errors.As(err, &exit) && exit.Exited():
		e.code = exit.ExitCode()
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return e, err
	}
	if out.over || log.over {
		return e, fmt.Errorf("printed more than %d bytes", maxOutput)
	}
	return e, nil
}

// bounded keeps the first bytes of what is written and drops the rest. It embeds no buffer: that one's ReadFrom would be
// used instead of Write, and knows no bound.
type bounded struct {
	kept bytes.Buffer
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := maxOutput - b.kept.Len()
	b.over = b.over || len(p) > room
	b.kept.Write(p[:min(room, len(p))])
	return len(p), nil
}

func (b *bounded) String() string { return b.kept.String() }
