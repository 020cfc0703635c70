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

	"locum/agents/reach"
)

const (
	// maxOutput bounds what an agent may print on each of its two outputs, in bytes.
	maxOutput = 64 << 10
	// afterEnd is how long an agent's outputs may stay open once it has ended.
	afterEnd = time.Second
	// killedWithin is how long an agent may take to end once it was killed.
	killedWithin = 100 * time.Millisecond
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

// run runs the agent with one action, and returns when that has ended or the context has. One that was killed and does not end, because the kernel
// waits for a disk in its name, does nothing any more; until it is gone no other is begun.
func (a *agent) run(ctx context.Context, action string) (ended, error) {
	if err := reach.Program(ctx, a.program); err != nil {
		return ended{}, err
	}
	select {
	case a.place <- struct{}{}:
	case <-ctx.Done():
		return ended{}, fmt.Errorf("it was killed before, and has not ended yet: %w", ctx.Err())
	}
	type outcome struct {
		ended
		err error
	}
	over := make(chan outcome, 1)
	go func() {
		defer func() { <-a.place }()
		e, err := a.live(ctx, action)
		over <- outcome{e, err}
	}()
	select {
	case o := <-over:
		return o.ended, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-over:
		return o.ended, o.err
	case <-time.After(killedWithin):
		return ended{}, ctx.Err()
	}
}

// live is one run, to its end. It lives in a process group of its own, which ends with the context, and dies with
// this process: an agent that nobody waits for must not shoot later. Its thread is held, since it is the thread's
// death that the kernel would tell the agent of.
func (a *agent) live(ctx context.Context, action string) (ended, error) {
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
