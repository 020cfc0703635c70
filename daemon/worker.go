package daemon

import (
	"context"
	"net"
	"sync"
	"time"

	"locum/agents"
	"locum/cluster"
	"locum/vip"
	"locum/wire"
)

// worker runs one resource's operations, one at a time, so that no slow one holds another resource up.
type worker struct {
	n     *engine
	id    cluster.ResourceID
	agent agents.Agent
	ops   chan cluster.RunOp

	mu        sync.Mutex
	current   uint64
	stop      context.CancelFunc // of the operation under way
	cancelled map[uint64]bool
	unwatch   context.CancelFunc
	unlisten  context.CancelFunc
}

func newWorker(n *engine, id cluster.ResourceID, a agents.Agent) *worker {
	w := &worker{n: n, id: id, agent: a, ops: make(chan cluster.RunOp, 4), cancelled: map[uint64]bool{}}
	if v, ok := a.(*vip.VIP); ok {
		v.Claimed = func(mac net.HardwareAddr) {
			n.tell(cluster.History{Kind: "alarm", Level: "alarm", Service: id.Service,
				Text: "another host (" + mac.String() + ") claims the address " + v.Prefix().Addr().String() + "; it is announced again"})
		}
		v.Trouble = func(err error) {
			n.tell(cluster.History{Kind: "alarm", Level: "warn", Service: id.Service, Text: err.Error()})
		}
		go func() { _ = v.Prepare(n.ctx) }()
	}
	go w.loop()
	return w
}

// run queues an operation; the engine never has more than one of a resource under way.
func (w *worker) run(op cluster.RunOp) { w.ops <- op }

func (w *worker) loop() {
	select {
	case <-w.n.ready:
	case <-w.n.ctx.Done():
		return
	}
	for {
		select {
		case op := <-w.ops:
			w.carryOut(op)
		case <-w.n.ctx.Done():
			return
		}
	}
}

// carryOut does one operation. When its deadline passes it is reported as overdue, unknown; and once more when it returns.
func (w *worker) carryOut(op cluster.RunOp) {
	ctx, stop := context.WithTimeout(w.n.ctx, op.Deadline)
	defer stop()
	w.mu.Lock()
	w.current, w.stop = op.ID, stop
	if w.cancelled[op.ID] {
		stop()
	}
	clear(w.cancelled)
	w.mu.Unlock()
	overdue := time.AfterFunc(op.Deadline+100*time.Millisecond, func() {
		w.n.happened(cluster.OpEnded{ID: op.ID, Overdue: true, Detail: "it did not end within " + op.Deadline.String()})
	})
	end := w.do(ctx, op)
	overdue.Stop()
	w.mu.Lock()
	w.current, w.stop = 0, nil
	w.mu.Unlock()
	w.n.happened(end)
}

func (w *worker) do(ctx context.Context, op cluster.RunOp) cluster.OpEnded {
	end := cluster.OpEnded{ID: op.ID}
	var err error
	switch op.Kind {
	case cluster.OpProbe:
		end.State, err = w.agent.Probe(ctx)
	case cluster.OpStart:
		if err = w.agent.Start(ctx); err == nil {
			end.State = wire.StateRunning
		}
	case cluster.OpStop:
		if err = w.agent.Stop(ctx); err == nil {
			end.State = wire.StateStopped
		}
	}
	end.Outcome = agents.Outcome(err)
	if err != nil {
		end.Detail = err.Error()
	}
	return end
}

// cancel ends the context of an operation, also of one that has not begun.
func (w *worker) cancel(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == id && w.stop != nil {
		w.stop()
		return
	}
	w.cancelled[id] = true
}

// watch has the agent watch, or no longer.
func (w *worker) watch(on bool) {
	if w.unwatch != nil {
		w.unwatch()
		w.unwatch = nil
	}
	if !on {
		return
	}
	ctx, cancel := context.WithCancel(w.n.ctx)
	w.unwatch = cancel
	go func() {
		for ctx.Err() == nil {
			err := w.agent.Watch(ctx, func(s wire.State) {
				if ctx.Err() == nil {
					w.n.happened(cluster.Watched{Resource: w.id, State: s})
				}
			})
			if ctx.Err() != nil {
				return
			}
			w.n.happened(cluster.Watched{Resource: w.id, State: wire.StateUnknown, Detail: errorText(err)})
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
}

func errorText(err error) string {
	if err == nil {
		return "the agent stopped watching"
	}
	return err.Error()
}

// listen asks the network whether another host answers for an address that may soon be taken over.
func (w *worker) listen(on bool, dead time.Duration) {
	if w.unlisten != nil {
		w.unlisten()
		w.unlisten = nil
	}
	v, ok := w.agent.(*vip.VIP)
	if !on || !ok {
		return
	}
	ctx, cancel := context.WithCancel(w.n.ctx)
	w.unlisten = cancel
	answers, err := v.Ask(ctx, dead)
	if err != nil {
		w.n.tell(cluster.History{Kind: "alarm", Level: "warn", Service: w.id.Service, Text: "the network cannot be asked who has the address: " + err.Error()})
		return
	}
	go func() {
		for a := range answers {
			if a.Err == nil && ctx.Err() == nil {
				w.n.happened(cluster.Contested{Resource: w.id, By: a.MAC.String()})
			}
		}
	}()
}

func (w *worker) healed() {
	if v, ok := w.agent.(*vip.VIP); ok {
		v.Healed()
	}
}
