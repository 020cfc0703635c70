package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"locum/cluster"
)

// Change is a command that changes something: it is sent, and then waited for until it is so.
type Change struct {
	Client  Client
	Command cluster.Command
	NoWait  bool          // return once it is acknowledged
	Timeout time.Duration // how long to wait for it to be so; 0 is two minutes
	Out     io.Writer     // the answer and the progress
	Live    bool          // Out is a terminal: progress is shown on one line
}

// Run sends the command and waits. Its error is a *Failure with the exit status: one that ran out of time is 1 and says
// that the result is unknown.
func (c Change) Run(ctx context.Context) error {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	before, err := c.Client.Ask(ctx, Request{Verb: "status"})
	if err != nil {
		return c.explain(err)
	}
	if err := known(c.Command, before.Status); err != nil {
		return err
	}
	client := c.Client
	client.Timeout = timeout
	reply, err := c.send(ctx, client)
	switch {
	case err != nil:
		return c.explain(err)
	case reply.Result == nil:
		return failure(ExitFailed, "the answer says nothing of the command")
	case reply.Result.Code != 0:
		return failure(reply.Result.Code, reply.Result.Text)
	}
	fmt.Fprintln(c.Out, reply.Result.Text)
	if c.NoWait {
		return nil
	}
	if c.Command.Verb == "move" { // where it was, a node that does not lead may have known no more
		c.Command.Node = cmp.Or(c.Command.Node, reply.Result.To)
	}
	return c.wait(ctx, before.Status)
}

// leaderChanged is the answer of a node that was asked to lead and does not any more: nothing was done.
const leaderChanged = "the leader changed; repeat the command"

// send has the command carried out, and repeats it for as long as it only meets a change of the leader.
func (c Change) send(ctx context.Context, client Client) (*Reply, error) {
	for {
		reply, err := client.Ask(ctx, Request{Verb: "command", Command: &c.Command})
		if err != nil || reply.Result == nil || reply.Result.Text != leaderChanged {
			return reply, err
		}
		select {
		case <-ctx.Done():
			return reply, nil
		case <-time.After(pollEvery):
		}
	}
}

func (c Change) explain(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return failure(ExitFailed, "unknown: no answer in time; locum status shows what is so")
	case errors.Is(err, context.Canceled):
		return failure(ExitFailed, "unknown: interrupted before the answer; locum status shows what is so")
	}
	return err
}

// restartSeen is how long a restart is looked for: a service that stops and starts faster than it is polled is missed.
const restartSeen = 2 * time.Second

// pollEvery is how often a waiting command looks whether it is so.
const pollEvery = 50 * time.Millisecond

// failedFor is how long a failure has to be seen before it is believed: a node that does not lead shows the leader's
// knowledge a little late, so the first look after a command may still be at the time before it.
const failedFor = 250 * time.Millisecond

func (c Change) wait(ctx context.Context, before *cluster.Status) error {
	shown := ""
	begun, failing := time.Now(), time.Time{}
	left := c.Command.Verb != "restart" // a restart is done only once the service was seen not to run
	for {
		reply, err := c.Client.Ask(ctx, Request{Verb: "status"})
		if err == nil && reply.Status != nil {
			now := settled(c.Command, before, reply.Status)
			c.show(&shown, now.progress)
			left = left || !now.done || time.Since(begun) > restartSeen
			if now.done && left {
				c.show(&shown, "")
				for _, line := range now.so {
					fmt.Fprintln(c.Out, line)
				}
				return nil
			}
			if now.failed == "" {
				failing = time.Time{}
			} else if failing.IsZero() {
				failing = time.Now()
			} else if time.Since(failing) > failedFor {
				c.show(&shown, "")
				return failure(ExitFailed, now.failed)
			}
		}
		select {
		case <-ctx.Done():
			c.show(&shown, "")
			return failure(ExitFailed, "unknown: it is acknowledged and not so yet"+inBrackets(shown)+"; locum status says what it waits for")
		case <-time.After(pollEvery):
		}
	}
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// show writes progress: on a terminal over the last line, elsewhere only when it changes.
func (c Change) show(shown *string, text string) {
	if text == *shown {
		return
	}
	switch {
	case c.Live:
		fmt.Fprintf(c.Out, "\r\x1b[K%s", text)
	case text != "":
		fmt.Fprintln(c.Out, text)
	}
	if text != "" {
		*shown = text
	}
}
