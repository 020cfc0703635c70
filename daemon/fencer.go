package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/console"
	"locum/fence"
	"locum/wire"
)

// fencer has one node's devices: it shoots, reads, and asks them while all is well.
type fencer struct {
	n      *engine
	name   string
	ladder *fence.Ladder
	err    error
	thenOn bool // then=on in a line of the node's

	mu    sync.Mutex
	shots map[uint64]context.CancelFunc
}

// rounds is when the devices of the other nodes are asked while all is well. Each of N nodes asks for all others, and one power strip may have
// all their outlets: it is asked about an outlet by somebody every askedApart on average, and by no node more often than fence.ProbeEvery.
type rounds struct {
	every time.Duration // by one node, about one outlet
	apart time.Duration // at the start, between one node's first questions beyond askedAtOnce
}

const (
	askedApart  = 5 * time.Second
	askedAtOnce = 8
	startApart  = 2 * time.Second // for sixteen nodes; as many times longer as there are more
)

func roundsOf(nodes int) rounds {
	return rounds{
		every: max(fence.ProbeEvery, time.Duration(nodes)*askedApart),
		apart: startApart * time.Duration(max(nodes, 16)) / 16,
	}
}

func (n *engine) makeFencers() {
	asked, r := 0, roundsOf(len(n.cfg.Nodes))
	for _, c := range afterSelf(n.cfg.Nodes, n.setup.Self) {
		f := &fencer{n: n, name: c.Name, shots: map[uint64]context.CancelFunc{}}
		f.thenOn = slices.ContainsFunc(n.cfg.Fences, func(line config.Fence) bool { return line.Node == c.Number && line.ThenOn })
		f.ladder, f.err = fence.NewLadder(c.Name, n.cfg.FencesOf(c.Number), fences)
		n.fencers[c.Number] = f
		if f.err != nil {
			n.tell(cluster.History{Kind: "fence", Level: "alarm", Node: c.Name, Text: f.err.Error()})
			continue
		}
		if c.Number != n.setup.Self && len(n.cfg.FencesOf(c.Number)) > 0 {
			go f.keep(time.Duration(asked/askedAtOnce)*r.apart, r.every)
			asked++
		}
	}
}

// afterSelf is the nodes in order, from the one after this one on, so that each node begins with another.
func afterSelf(nodes []config.Node, self wire.Node) []config.Node {
	at := slices.IndexFunc(nodes, func(c config.Node) bool { return c.Number == self }) + 1
	return slices.Concat(nodes[at:], nodes[:at])
}

func (f *fencer) keep(after, every time.Duration) {
	select {
	case <-time.After(after):
		f.ladder.Keep(f.n.ctx, every, f.report)
	case <-f.n.ctx.Done():
	}
}

func (f *fencer) report(device string, err error, _ time.Duration) {
	h := cluster.History{Kind: "fence", Level: "info", Node: f.name, Text: fmt.Sprintf("fence %s by %s answers again", f.name, device)}
	if err != nil {
		h.Level, h.Text = "alarm", fmt.Sprintf("fence %s by %s does not answer as it should: %v", f.name, device, err)
	}
	f.n.tell(h)
}

func (f *fencer) shoot(a cluster.Shoot) {
	ctx, cancel := context.WithCancel(f.n.ctx)
	f.mu.Lock()
	f.shots[a.ID] = cancel
	f.mu.Unlock()
	go func() {
		defer cancel()
		end := cluster.ShotEnded{ID: a.ID}
		if f.err != nil {
			end.Detail = f.err.Error()
		} else {
			end.Outcome, end.Detail = f.ladder.Off(ctx, func() error { return f.mayShoot(ctx, a.ID) })
		}
		f.mu.Lock()
		delete(f.shots, a.ID)
		f.mu.Unlock()
		f.n.happened(end)
		if end.Outcome == wire.OutcomeDone && f.thenOn {
			f.switchOn()
		}
	}()
}

// switchOn is what then=on asks for. That the node was off is known by then, and the ladder leaves it off for long enough.
func (f *fencer) switchOn() {
	h := cluster.History{Kind: "fence", Level: "info", Node: f.name, Text: f.name + " is switched on again (then=on)"}
	if err := f.ladder.On(f.n.ctx); err != nil {
		h.Level, h.Text = "alarm", fmt.Sprintf("%s was to be switched on again (then=on): %v", f.name, err)
	}
	f.n.tell(h)
}

// mayShoot asks the core whether the shot still holds: immediately before each device is told.
func (f *fencer) mayShoot(ctx context.Context, id uint64) error {
	err := errors.New("the engine ends")
	f.n.post(func() { err = f.n.core.MayShoot(id) })
	return errors.Join(err, ctx.Err())
}

func (f *fencer) cancelShot(id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancel := f.shots[id]; cancel != nil {
		cancel()
	}
}

func (f *fencer) read(id uint64) {
	go func() {
		ev := cluster.PowerRead{ID: id}
		if f.err != nil {
			ev.Detail = f.err.Error()
		} else {
			var readings []fence.Reading
			ev.Power, readings = f.ladder.Read(f.n.ctx)
			for _, r := range readings {
				if r.Err != nil {
					ev.Detail = r.Err.Error()
				}
			}
		}
		f.n.happened(ev)
	}()
}

// fenceTest asks, or really switches, a node's devices on an operator's word.
func (n *engine) fenceTest(q question) {
	node, ok := n.cfg.NodeByName(q.Request.Node)
	if !ok {
		n.refuse(q.ID, console.ExitUsage, fmt.Sprintf("no node %q in the file", q.Request.Node))
		return
	}
	f := n.fencers[node.Number]
	switch {
	case f.err != nil:
		n.refuse(q.ID, console.ExitFailed, f.err.Error())
		return
	case len(n.cfg.FencesOf(node.Number)) == 0:
		n.refuse(q.ID, console.ExitFailed, node.Name+" has no fence line")
		return
	case q.Request.Power && node.Number == n.setup.Self:
		n.refuse(q.ID, console.ExitUsage, "this node cannot test its own power; ask another one")
		return
	}
	go func() {
		r := console.Reply{Fences: []console.FenceTest{}}
		if q.Request.Power {
			outcome, text := f.ladder.Off(n.ctx, func() error { return nil })
			r.Fences = append(r.Fences, console.FenceTest{Node: node.Name, Name: "off: " + text, Power: powerOf(outcome)})
			if err := f.ladder.On(n.ctx); err != nil {
				r.Fences = append(r.Fences, console.FenceTest{Node: node.Name, Name: "on", Error: err.Error()})
			}
		}
		_, readings := f.ladder.Read(n.ctx)
		for _, x := range readings {
			t := console.FenceTest{Node: node.Name, Name: x.Name, Level: x.Level, Power: x.Power.String(), Millis: x.Took.Milliseconds()}
			if x.Err != nil {
				t.Error, t.Operator = x.Err.Error(), fence.IsOperators(x.Err)
			}
			r.Fences = append(r.Fences, t)
		}
		n.reply(q.ID, r, true)
	}()
}

func powerOf(o wire.Outcome) string {
	if o == wire.OutcomeDone {
		return wire.PowerOff.String()
	}
	return wire.PowerUnknown.String()
}
