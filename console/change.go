package console

import (
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
		return err
	}
	client := c.Client
	client.Timeout = timeout
	reply, err := client.Ask(ctx, Request{Verb: "command", Command: &c.Command})
	switch {
	case err != nil:
		return c.explain(err)
	case reply.Result == nil:
		return &Failure{ExitFailed, "the answer says nothing of the command"}
	case reply.Result.Code != 0:
		return &Failure{reply.Result.Code, reply.Result.Text}
	}
	fmt.Fprintln(c.Out, reply.Result.Text)
	if c.NoWait {
		return nil
	}
	return c.wait(ctx, before.Status)
}

func (c Change) explain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Failure{ExitFailed, "unknown: no answer in time; locum status shows what is so"}
	}
	return err
}

// restartSeen is how long a restart is looked for: a service that stops and starts faster than it is polled is missed.
const restartSeen = 2 * time.Second

// pollEvery is how often a waiting command looks whether it is so.
const pollEvery = 50 * time.Millisecond

func (c Change) wait(ctx context.Context, before *cluster.Status) error {
	shown := ""
	begun := time.Now()
	left := c.Command.Verb != "restart" // a restart is done only once the service was seen not to run
	for {
		reply, err := c.Client.Ask(ctx, Request{Verb: "status"})
		if err == nil && reply.Status != nil {
			done, progress := settled(c.Command, before, reply.Status)
			c.show(&shown, progress)
			left = left || !done || time.Since(begun) > restartSeen
			if done && left {
				c.show(&shown, "")
				return nil
			}
		}
		select {
		case <-ctx.Done():
			c.show(&shown, "")
			return &Failure{ExitFailed, "unknown: it is acknowledged and not so yet (" + shown + "); locum status says what it waits for"}
		case <-time.After(pollEvery):
		}
	}
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

// settled reports whether what a command asked for is so, and what it waits for if not.
func settled(c cluster.Command, before, now *cluster.Status) (bool, string) {
	switch c.Verb {
	case "move", "start", "stop", "restart":
		return serviceSettled(c, before, now)
	case "standby":
		for _, s := range now.Services {
			for _, in := range s.On {
				if in.Node == c.Node && in.State != "stopped" {
					return false, fmt.Sprintf("%s is %s on %s", s.Service, in.State, in.Node)
				}
			}
		}
	}
	return true, ""
}

func serviceSettled(c cluster.Command, before, now *cluster.Status) (bool, string) {
	for _, s := range now.Services {
		if s.Service != c.Service {
			continue
		}
		progress := fmt.Sprintf("%s is %s %s: %s", s.Service, s.State, s.Node, s.Why)
		switch c.Verb {
		case "stop":
			return s.State == "stopped", progress
		case "move":
			return s.State == "running" && (c.Node == "" || s.Node == c.Node) && (c.Node != "" || s.Node != nodeOf(before, c.Service)), progress
		case "restart":
			return s.State == "running" || s.State == "failed", progress
		}
		return s.State == "running" || s.State == "failed", progress
	}
	return true, ""
}

func nodeOf(st *cluster.Status, service string) string {
	if st == nil {
		return ""
	}
	for _, s := range st.Services {
		if s.Service == service {
			return s.Node
		}
	}
	return ""
}
