package daemon

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"locum/agents/reach"
)

// program is a "notify exec" line: each event goes to a run of it, on its standard input, one after the other.
type program struct {
	args   []string
	queue  chan []byte
	log    logFunc
	within time.Duration // bounds one run
}

const (
	notifyWithin = 30 * time.Second
	notifyQueue  = 256
)

func newProgram(args []string, log logFunc) *program {
	return &program{args: args, queue: make(chan []byte, notifyQueue), log: log, within: notifyWithin}
}

// offer queues one line; a program that does not keep up loses events, not the node its time.
func (p *program) offer(line []byte) {
	select {
	case p.queue <- line:
	default:
	}
}

func (p *program) run(ctx context.Context) {
	for {
		select {
		case line := <-p.queue:
			if err := p.give(ctx, line); err != nil && ctx.Err() == nil {
				p.log("warn", fmt.Sprintf("notify exec %s: %v", p.args[0], err))
			}
		case <-ctx.Done():
			return
		}
	}
}

// give runs the program once; it and all that it has started end with its time.
func (p *program) give(ctx context.Context, line []byte) error {
	ctx, cancel := context.WithTimeout(ctx, p.within)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.args[0], p.args[1:]...)
	if err := reach.Program(ctx, cmd.Path); err != nil {
		return err
	}
	cmd.Stdin = bytes.NewReader(line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	if ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("it did not end within %s", p.within)
	}
	return err
}
