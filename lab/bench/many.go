package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"locum/lab"
	"locum/wire"
)

// noAim is the limit of a figure that has none.
var noAim = math.Inf(1)

// ways are the paths over which large clusters are measured: a beat for each peer, and one for all.
var ways = []struct {
	name, kind, own, more string
}{
	{"ethernet, to each", "ethernet", "", " multicast=no"},
	{"ethernet, to all", "ethernet", "", " multicast=yes"},
	{"udp, to each", "udp", "address", ""},
	{"udp, to all", "udp", "address", " broadcast=192.0.2.255"},
}

// manyNodes measures what a node of a cluster in which nothing happens sends, receives and spends, as the cluster grows.
func manyNodes(ctx context.Context, s settings) ([]figure, error) {
	var figures []figure
	for _, way := range ways {
		if s.way != "" && !strings.Contains(way.name, s.way) {
			continue
		}
		for _, nodes := range s.nodes {
			u, err := usageOf(ctx, s, nodes, func(n *lab.Node) string {
				if way.own == "" {
					return "eth0"
				}
				return n.Addr.String()
			}, way.kind, way.more)
			if ctx.Err() != nil {
				return figures, ctx.Err()
			}
			if err != nil { // a machine can be too small for 64 nodes that each send to each
				fmt.Fprintf(os.Stderr, "%d nodes, %s: not measured: %v\n", nodes, way.name, err)
				continue
			}
			head := fmt.Sprintf("%d nodes, %s: ", nodes, way.name)
			figures = append(figures, figure{head + "sent", u.sent, "frames/s", noAim}, figure{head + "sent", u.sentKB, "kB/s", noAim},
				figure{head + "received", u.received, "frames/s", noAim}, figure{head + "received", u.receivedKB, "kB/s", noAim},
				figure{head + "heart", u.heart, "% of a core", noAim}, figure{head + "engine", u.engine, "% of a core", noAim},
				figure{head + "heart, resident", u.heartMB, "MB", noAim}, figure{head + "engine, resident", u.engineMB, "MB", noAim})
		}
	}
	return figures, nil
}

// usage is what each node sends and receives at its interface, in a second, and what its processes cost.
type usage struct {
	sent, sentKB, received, receivedKB []float64
	heart, engine, heartMB, engineMB   []float64 // percent of a core
}

func usageOf(ctx context.Context, s settings, nodes int, own func(*lab.Node) string, kind, more string) (u usage, err error) {
	w, err := lab.New(lab.Options{Nodes: nodes, Programs: map[string]string{"locum": s.binary}, Neighbours: true})
	if err != nil {
		return u, err
	}
	defer w.Close()
	if err := beginMany(ctx, w, manyFile(w, kind, own)+more+"\n"); err != nil {
		return u, err
	}
	if err := pass(ctx, 10*time.Second); err != nil { // an address is announced for 5 s
		return u, err
	}
	before, costs, err := look(w)
	if err == nil {
		err = pass(ctx, s.idle)
	}
	if err != nil {
		return u, err
	}
	after, costsAfter, err := look(w)
	if err != nil {
		return u, err
	}
	for n, now := range after {
		was := before[n]
		perSecond := func(i int) float64 { return float64(now[i]-was[i]) / s.idle.Seconds() }
		u.receivedKB, u.received = append(u.receivedKB, perSecond(0)/1000), append(u.received, perSecond(1))
		u.sentKB, u.sent = append(u.sentKB, perSecond(8)/1000), append(u.sent, perSecond(9))
		for p, cost := range costsAfter[n] {
			part := share(cost.time-costs[n][p].time, s.idle)
			if p.heart {
				u.heart, u.heartMB = append(u.heart, part), append(u.heartMB, cost.mb)
			} else {
				u.engine, u.engineMB = append(u.engine, part), append(u.engineMB, cost.mb)
			}
		}
	}
	return u, nil
}

// manyFile is a cluster with beats as a large one has them, and one service on its first two nodes. Its path line, the last,
// is still open.
func manyFile(w *lab.World, kind string, own func(*lab.Node) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster bench\nkey %s/locum.key\nbeat every=500ms dead=3s\ntiebreak unsafe\n%s", lab.NodeDir, theService)
	path := "path " + kind + " lan"
	for _, n := range w.Nodes {
		fmt.Fprintf(&b, "node %d %s\n", n.Number, n.Name)
		path += " " + n.Name + "=" + own(n)
	}
	return b.String() + path
}

// beginMany runs locum on every node and waits until the first, the middle and the last say that all are members.
func beginMany(ctx context.Context, w *lab.World, text string) error {
	random := make([]byte, wire.KeySize)
	rand.Read(random)
	key, err := wire.NewKey(random)
	if err != nil {
		return err
	}
	for _, n := range w.Nodes {
		if err := n.WriteFile("locum.conf", []byte(text), 0o644); err != nil {
			return err
		}
		if err := n.WriteFile("locum.key", []byte(key), 0o600); err != nil {
			return err
		}
		if err := n.Boot(); err != nil {
			return err
		}
		if _, err := n.Start(nil, "locum", "run", "--config", lab.NodeDir+"/locum.conf", "--node", n.Name, "--state-dir", lab.NodeDir+"/state"); err != nil {
			return err
		}
	}
	for _, i := range []int{0, len(w.Nodes) / 2, len(w.Nodes) - 1} {
		for end := time.Now().Add(3 * patience); ; {
			out, err := w.Nodes[i].Exec(ctx, "locum", "status", "--json")
			if err == nil && strings.Count(string(out), `"state": "member"`) == len(w.Nodes) {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("%s does not say within %s that all are members: %v", w.Nodes[i].Name, 3*patience, err)
			}
			if err := pass(ctx, time.Second); err != nil {
				return err
			}
		}
	}
	return nil
}

// counters are those of an interface in the order of /proc/net/dev (proc(5)): bytes received, packets received, six more, then
// bytes sent and packets sent.
type counters []int64

// look reads the counters of each node's interface and the cost of its processes.
func look(w *lab.World) (map[*lab.Node]counters, map[*lab.Node]map[process]cost, error) {
	all := map[*lab.Node]counters{}
	for _, n := range w.Nodes {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(n.Pid()), "net", "dev"))
		if err != nil {
			return nil, nil, err
		}
		_, of, ok := strings.Cut(string(text), "eth0:")
		if !ok {
			return nil, nil, fmt.Errorf("%s has no eth0", n.Name)
		}
		line, _, _ := strings.Cut(of, "\n")
		for _, word := range strings.Fields(line) {
			v, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: eth0 of %s: %w", text, n.Name, err)
			}
			all[n] = append(all[n], v)
		}
	}
	costs, err := spent(w)
	return all, costs, err
}
