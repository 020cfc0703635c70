package daemon

import (
	"context"

	"locum/cluster"
	"locum/vip"
)

// observer is what goes on beside a resource's operations: watching it, or asking the network for its address. It belongs
// to whoever has the turn.
type observer struct{ unwatch, unlisten context.CancelFunc }

// watch begins or ends a resource's watch. What comes from a watch that has ended is dropped here, in turn.
func (n *engine) watch(a cluster.Watch) {
	o := n.observers[a.Resource]
	if o.unwatch != nil {
		o.unwatch()
		o.unwatch = nil
	}
	if !a.On {
		return
	}
	var ctx context.Context
	ctx, o.unwatch = context.WithCancel(n.ctx)
	go n.workers[a.Resource].watch(ctx, func(ev cluster.Watched) { n.happenedIn(ctx, ev) })
}

// happenedIn steps on an event if ctx has not ended by then.
func (n *engine) happenedIn(ctx context.Context, ev cluster.Event) {
	n.post(func() {
		if ctx.Err() == nil {
			n.step(ev)
		}
	})
}

// listen begins or ends asking the network whether another host answers for an address that may soon be taken over.
func (n *engine) listenFor(a cluster.Listen) {
	o := n.observers[a.Resource]
	if o.unlisten != nil {
		o.unlisten()
		o.unlisten = nil
	}
	v, ok := n.workers[a.Resource].agent.(*vip.VIP)
	if !a.On || !ok {
		return
	}
	var ctx context.Context
	ctx, o.unlisten = context.WithCancel(n.ctx)
	go n.askNetwork(ctx, a.Resource, v)
}

func (n *engine) askNetwork(ctx context.Context, id cluster.ResourceID, v *vip.VIP) {
	_ = v.Prepare(ctx) // the interface may be another one by now
	answers, err := v.Ask(ctx, n.cfg.Beat.Dead)
	if err != nil && ctx.Err() == nil {
		n.tell(cluster.History{Kind: "alarm", Level: "warn", Service: id.Service,
			Text: "the network cannot be asked who has the address: " + err.Error()})
	}
	if err != nil {
		return
	}
	for a := range answers {
		if a.Err == nil {
			n.happenedIn(ctx, cluster.Contested{Resource: id, By: a.MAC.String()})
		}
	}
}
