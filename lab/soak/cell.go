package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"locum/lab"
	"locum/wire"
)

// bed is a cluster of two that serves on alpha.
type bed struct {
	world  *lab.World
	cable  *lab.Cable // nil if there is none
	locums []*lab.Process
}

// patience is how long the cluster may take to settle.
const patience = 20 * time.Second

// cableBaud carries beats every 5 ms with a fifth of the line.
const cableBaud = 921600

const theFile = `cluster soak
key %[1]s/locum.key
node 1 alpha
node 2 beta
beat every=%[2]s dead=%[3]s
path udp lan alpha=192.0.2.1 beta=192.0.2.2
tiebreak unsafe
service web nodes=alpha,beta stateless=yes
resource web vip 192.0.2.100/24 dev=eth0
`

func begin(ctx context.Context, s settings) (b *bed, err error) {
	w, err := lab.New(lab.Options{Nodes: 2, Programs: map[string]string{"locum": s.binary}})
	if err != nil {
		return nil, err
	}
	made := &bed{world: w}
	b = made
	defer func() {
		if err != nil {
			made.close()
		}
	}()
	file := fmt.Sprintf(theFile, lab.NodeDir, s.every, s.dead)
	if s.serial {
		if b.cable, err = lab.NewCable(cableBaud); err != nil {
			return nil, err
		}
		file += fmt.Sprintf("path serial null alpha=%s beta=%s baud=%d\n", b.cable.Devices[0], b.cable.Devices[1], cableBaud)
	}
	random := make([]byte, wire.KeySize)
	rand.Read(random)
	key, err := wire.NewKey(random)
	if err != nil {
		return nil, err
	}
	for _, n := range w.Nodes {
		if err := b.start(n, file, key); err != nil {
			return nil, err
		}
	}
	for end := time.Now().Add(patience); ; {
		if v, err := b.state(ctx); err == nil && v.whole() {
			return b, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("the cluster is not whole after %s; alpha said:\n%s", patience, b.locums[0].Output())
		}
		if err := pass(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (b *bed) close() {
	b.world.Close()
	if b.cable != nil {
		b.cable.Close()
	}
}

func (b *bed) start(n *lab.Node, file, key string) error {
	if err := n.WriteFile("locum.conf", []byte(file), 0o644); err != nil {
		return err
	}
	if err := n.WriteFile("locum.key", []byte(key), 0o600); err != nil {
		return err
	}
	if err := n.Boot(); err != nil {
		return err
	}
	p, err := n.Start(nil, "locum", "run", "--config", lab.NodeDir+"/locum.conf", "--node", n.Name, "--state-dir", lab.NodeDir+"/state")
	b.locums = append(b.locums, p)
	return err
}

// view is what must not change under a load.
type view struct {
	Epoch   uint64
	Members int
	Holder  string
}

// state is a view as alpha sees it, and the worst tick of both hearts.
type state struct {
	view
	tick time.Duration
}

func (v view) whole() bool { return v.Members == 2 && v.Holder == "alpha" }

func (b *bed) state(ctx context.Context) (v state, err error) {
	for i := len(b.world.Nodes) - 1; i >= 0; i-- { // alpha's word last: it is the view's
		if err := b.ask(ctx, i, &v); err != nil {
			return v, err
		}
	}
	return v, nil
}

// ask takes one node's status.
func (b *bed) ask(ctx context.Context, node int, v *state) error {
	out, err := b.world.Nodes[node].Exec(ctx, "locum", "status", "--json")
	if err != nil {
		text := b.locums[node].Output()
		return fmt.Errorf("%w; %s said:\n%s", err, b.world.Nodes[node].Name, text[max(0, len(text)-2000):])
	}
	var r struct {
		Status struct {
			Epoch uint64 `json:"epoch"`
			Nodes []struct {
				State string `json:"state"`
			} `json:"nodes"`
			Services []struct {
				Node string `json:"node"`
			} `json:"services"`
		} `json:"status"`
		Heart struct {
			WorstLateUS int64 `json:"worst_late_us"`
		} `json:"heart"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return err
	}
	v.tick = max(v.tick, time.Duration(r.Heart.WorstLateUS)*time.Microsecond)
	v.view = view{Epoch: r.Status.Epoch}
	for _, n := range r.Status.Nodes {
		if n.State == "member" {
			v.Members++
		}
	}
	for _, s := range r.Status.Services {
		v.Holder = s.Node
	}
	return nil
}

// cell is what one load did.
type cell struct {
	bare, tick time.Duration // the worst lateness: of the bare loop, of a heart's tick by its own word
	beat       time.Duration // of a beat at the switch port, where the network's softirqs may have kept it
	moved      string        // what happened that should not, "" nothing
}

// intime allows the heart a millisecond more than the bare loop had.
func (c cell) intime() bool { return c.tick <= c.bare+time.Millisecond }

// cell runs one load for its time. What the load itself takes to begin and to end is not measured.
func (b *bed) cell(ctx context.Context, s settings, name string) (c cell, err error) {
	before, err := b.state(ctx)
	if err != nil {
		return c, err
	}
	said := []int{len(b.locums[0].Output()), len(b.locums[1].Output())}
	l, err := begun(b, name)
	if err != nil {
		return c, err
	}
	err = b.watch(ctx, s, &c)
	l.end()
	if err != nil {
		return c, err
	}
	c.moved = b.trouble(said)
	if err := pass(ctx, time.Second); err != nil { // an engine that was starved answers again
		return c, err
	}
	after, err := b.state(ctx)
	if err == nil && after.view != before.view {
		c.moved += fmt.Sprintf("view %d with %d members, served by %s, was view %d", after.Epoch, after.Members, after.Holder, before.Epoch)
	}
	return c, err
}

// watch lets the cell's time pass and measures both.
func (b *bed) watch(ctx context.Context, s settings, c *cell) error {
	before, err := b.state(ctx)
	if err != nil {
		return err
	}
	loop, err := bareLoops(s.every)
	if err != nil {
		return err
	}
	since := lab.Now()
	if err := pass(ctx, s.cell); err != nil {
		return err
	}
	c.beat = max(late(b.world.Observer.Beats("alpha", since), s.every), late(b.world.Observer.Beats("beta", since), s.every))
	if c.bare, err = loop(); err != nil {
		return err
	}
	after, err := b.state(ctx)
	if after.tick > before.tick { // else none was worse than before the load
		c.tick = after.tick
	}
	return err
}

// trouble gives what the nodes have said since that tells of a death.
func (b *bed) trouble(said []int) string {
	var list []string
	for i, p := range b.locums {
		for line := range strings.Lines(p.Output()[min(said[i], len(p.Output())):]) {
			if strings.Contains(line, ": dead, was") || strings.Contains(line, "is started on") {
				list = append(list, b.world.Nodes[i].Name+": "+strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(list[:min(3, len(list))], "\n")
}

// late is by how much the longest pause between beats was longer than their pace.
func late(beats []wire.Instant, every time.Duration) (worst time.Duration) {
	for i := 1; i < len(beats); i++ {
		worst = max(worst, time.Duration(beats[i]-beats[i-1])-every)
	}
	return worst
}

func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
