package daemon

import (
	"context"
	"errors"
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
	ctx    context.Context
	ready  <-chan struct{}     // closed when the first operation may begin
	report func(cluster.Event) // from any goroutine
	id     cluster.ResourceID
	agent  agents.Agent
	ops    chan *op

	mu    sync.Mutex
	under map[uint64]*op // queued or under way, by id
}

// op is one operation. Its deadline counts from when it was asked for: what waited too long does not begin at all.
type op struct {
	cluster.RunOp
	ctx    context.Context
	cancel context.CancelFunc
}

// workerQueue is more than the core ever has under way for one resource.
const workerQueue = 8

func newWorker(ctx context.Context, ready <-chan struct{}, id cluster.ResourceID, a agents.Agent, report func(cluster.Event)) *worker {
	w := &worker{ctx: ctx, ready: ready, report: report, id: id, agent: a, ops: make(chan *op, workerQueue), under: map[uint64]*op{}}
	go w.loop()
	return w
}

// run queues an operation; OpEnded is reported when it has ended, and once before, overdue, if that is after its deadline.
func (w *worker) run(r cluster.RunOp) {
	o := &op{RunOp: r}
	o.ctx, o.cancel = context.WithTimeout(w.ctx, r.Deadline)
	w.mu.Lock()
	w.under[r.ID] = o
	w.mu.Unlock()
	select {
	case w.ops <- o:
	default:
		w.forget(o)
		go w.report(cluster.OpEnded{ID: r.ID, Detail: "too many operations are queued"})
	}
}

// cancel ends the context of an operation, also of one that has not begun; an id of another worker means nothing.
func (w *worker) cancel(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o := w.under[id]; o != nil {
		o.cancel()
	}
}

func (w *worker) forget(o *op) {
	o.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.under, o.ID)
}

func (w *worker) loop() {
	for {
		select {
		case o := <-w.ops:
			w.carryOut(o)
		case <-w.ctx.Done():
			return
		}
	}
}

// carryOut does one operation and reports its end.
func (w *worker) carryOut(o *op) {
	said := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(said)
		if deadline, ok := o.ctx.Deadline(); ok {
			late := time.NewTimer(time.Until(deadline))
			defer late.Stop()
			select {
			case <-late.C:
				w.report(cluster.OpEnded{ID: o.ID, Overdue: true, Detail: "it did not end within " + o.Deadline.String()})
			case <-ended:
			}
		}
	}()
	end := w.do(o)
	close(ended)
	<-said // the overdue word, if there is one, comes first
	w.forget(o)
	w.report(end)
}

func (w *worker) do(o *op) cluster.OpEnded {
	end := cluster.OpEnded{ID: o.ID}
	var err error
	select {
	case <-w.ready:
		err = o.ctx.Err()
	case <-o.ctx.Done():
		err = errors.Join(o.ctx.Err(), errors.New("it waited for what a former engine had under way to end"))
	}
	if err == nil {
		end.State, err = w.call(o)
	}
	end.Outcome = agents.Outcome(err)
	if err != nil {
		end.State, end.Detail = wire.StateUnknown, err.Error()
	}
	return end
}

// call has the agent do it, and says what is known after it.
func (w *worker) call(o *op) (wire.State, error) {
	switch o.Kind {
	case cluster.OpStart:
		return wire.StateRunning, w.agent.Start(o.ctx)
	case cluster.OpStop:
		return wire.StateStopped, w.agent.Stop(o.ctx)
	}
	return w.agent.Probe(o.ctx)
}

// watchAgain is the pause before an agent that could not watch is asked to again.
const watchAgain = time.Second

// watch has the agent watch until ctx ends and reports what it sees; while it cannot, the state is unknown.
func (w *worker) watch(ctx context.Context, report func(cluster.Watched)) {
	for ctx.Err() == nil {
		err := w.agent.Watch(ctx, func(s wire.State) { report(cluster.Watched{Resource: w.id, State: s}) })
		if ctx.Err() != nil {
			return
		}
		detail := "the agent has stopped watching"
		if err != nil {
			detail = err.Error()
		}
		report(cluster.Watched{Resource: w.id, State: wire.StateUnknown, Detail: detail})
		select {
		case <-ctx.Done():
		case <-time.After(watchAgain):
		}
	}
}

// prepareVIP has the sockets of a takeover opened beforehand, and says when others claim the address.
func (n *engine) prepareVIP(id cluster.ResourceID, v *vip.VIP) {
	address := v.Prefix().Addr().String()
	v.Claimed = func(mac net.HardwareAddr) {
		n.tell(cluster.History{Kind: "alarm", Level: "alarm", Service: id.Service,
			Text: "another host (" + mac.String() + ") claims the address " + address + "; it is announced again"})
	}
	v.Trouble = func(err error) {
		n.tell(cluster.History{Kind: "alarm", Level: "warn", Service: id.Service, Text: err.Error()})
	}
	go func() { _ = v.Prepare(n.ctx) }() // an interface that is not there yet is a matter of Start's
}
