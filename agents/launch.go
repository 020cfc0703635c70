package agents

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"locum/agents/reach"
)

// sweep is how long is waited for a child's end beyond a deadline that has passed: the outcome is unknown already.
const sweep = 2 * time.Second

// child is a command that this engine started.
type child struct {
	record *record
	ended  chan struct{}    // closed when the leader has ended and was taken note of
	exit   *os.ProcessState // set before ended is closed; nil if it could not be learned
}

// launch starts a command, in its own session and, where possible, control group, with its record on disk before it
// runs. It returns when the command runs. A definite error means that it did not and nothing is left; the record of an
// unknown one stays for EndLeftovers.
func launch(ctx context.Context, stateDir string, r *record, o order, output *os.File) (*child, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	r.Version, r.Boot = recordVersion, boot
	r.Mark = r.Name + "-" + rand.Text()
	r.Group = makeGroup(r.Mark)
	o.Group, o.Env = r.Group, append(o.Env, markName+"="+r.Mark)
	c, err := pass(ctx, stateDir, r, o, output)
	if err != nil && c == nil {
		r.dropGroup()
		return nil, err
	}
	if err != nil {
		return nil, errors.Join(err, c.end(stateDir))
	}
	return c, nil
}

// pass starts the gate, writes the record and lets the gate pass. With a child and an error, something may be left.
func pass(ctx context.Context, stateDir string, r *record, o order, output *os.File) (*child, error) {
	if err := reach.Own(ctx); err != nil { // who forks waits for its disk, and the whole engine with him
		return nil, err
	}
	g, err := openGate(r.Mark, output)
	if err != nil {
		return nil, err
	}
	defer g.close()
	c := &child{record: r, ended: make(chan struct{})}
	go c.reap(g.process)
	s, err := readStat(g.process.Pid)
	if err == nil {
		r.Leader = s.process
		err = r.keep(stateDir)
	}
	if err != nil {
		g.close() // the gate reads the end of file and ends
		<-c.ended
		return nil, errors.Join(failed("nothing was started, because it could not be recorded: %w", err), r.remove(stateDir))
	}
	return c, g.let(ctx, o)
}

func (c *child) reap(p *os.Process) {
	c.exit, _ = p.Wait()
	close(c.ended)
}

// end kills all that is left of the child, and forgets it when nothing is.
func (c *child) end(stateDir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), sweep)
	defer cancel()
	return c.record.end(ctx, stateDir)
}

// end kills all that is left of what is recorded, sees it gone, and removes the record.
func (r *record) end(ctx context.Context, stateDir string) error {
	if err := killAll(ctx, r.members); err != nil {
		return err
	}
	r.dropGroup()
	return r.remove(stateDir)
}

// gate is the engine's side of a waiting gate.
type gate struct {
	process        *os.Process
	orders, answer *os.File
}

// openGate starts a gate that waits.
func openGate(mark string, output *os.File) (*gate, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	theirOrders, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirOrders.Close()
	answer, theirAnswer, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, orders.Close())
	}
	defer theirAnswer.Close()
	p, err := os.StartProcess(reach.OwnFile, []string{gateName}, &os.ProcAttr{
		Env:   []string{markName + "=" + mark},
		Files: []*os.File{null, output, output, theirOrders, theirAnswer},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start a process: %w", err), orders.Close(), answer.Close())
	}
	return &gate{process: p, orders: orders, answer: answer}, nil
}

// let sends the order and waits until the command runs.
func (g *gate) let(ctx context.Context, o order) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if len(raw) >= maxOrder {
		return failed("the command line is %d bytes long, more than %d", len(raw), maxOrder)
	}
	defer context.AfterFunc(ctx, func() {
		_ = g.orders.SetDeadline(time.Unix(1, 0))
		_ = g.answer.SetDeadline(time.Unix(1, 0))
	})()
	_, err = g.orders.Write(raw)
	g.orders.Close()
	var answer []byte
	if err == nil {
		answer, err = io.ReadAll(io.LimitReader(g.answer, maxAnswer))
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case len(answer) > 0:
		return failed("%s", printable(string(answer)))
	}
	return nil
}

func (g *gate) close() {
	g.orders.Close()
	g.answer.Close()
}
