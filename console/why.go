package console

import (
	"context"
	"fmt"
	"io"

	"locum/cluster"
)

// Why asks the leader why a service is where it is, and why it is on none of its other nodes.
func (c *Client) Why(ctx context.Context, service string) ([]cluster.ServiceWhy, error) {
	st, err := c.Ask(ctx, Request{Verb: "status"})
	if err != nil {
		return nil, err
	}
	command := cluster.Command{Verb: "why", Service: service}
	if err := known(command, st.Status); err != nil {
		return nil, err
	}
	reply, err := c.Ask(ctx, Request{Verb: "command", Command: &command})
	switch {
	case err != nil:
		return nil, err
	case reply.Result == nil:
		return nil, failure(ExitFailed, "the answer says nothing of the question")
	case reply.Result.Code != 0:
		return nil, failure(reply.Result.Code, reply.Result.Text)
	}
	return reply.Result.Why, nil
}

// ShowWhy writes the reasons for a person.
func ShowWhy(w io.Writer, list []cluster.ServiceWhy) {
	for i, s := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		where := "nowhere"
		if s.Node != "" {
			where = "on " + s.Node
		}
		fmt.Fprintf(w, "%s shall run %s: %s\n", s.Service, where, s.Why)
		if s.Waits != "" {
			fmt.Fprintf(w, "  it waits for %s\n", s.Waits)
		}
		t := table(w)
		for _, n := range s.Others {
			fmt.Fprintf(t, "  not on %s\t%s\n", n.Node, n.Why)
		}
		t.Flush()
	}
}
