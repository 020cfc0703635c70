package lab

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"locum/wire"
)

var (
	many         = flag.Int("many", 16, "how many nodes TestManyNodes has; 64 take about 2 GB")
	manySwitched = flag.Bool("many-switched", false, "each of them has a power switch, of which each of the others asks")
)

// Times of a large cluster, as in the simulator (DrawLarge).
const (
	crowdEvery = 500 * time.Millisecond
	crowdDead  = 3 * time.Second
	crowdWait  = 60 * time.Second // for what must happen
)

// crowdVIPs are the addresses of a large cluster's services.
var crowdVIPs = []netip.Addr{netip.MustParseAddr("192.0.2.101"), netip.MustParseAddr("192.0.2.102"),
	netip.MustParseAddr("192.0.2.103"), netip.MustParseAddr("192.0.2.104")}

// crowd is a large cluster.
type crowd struct {
	*World
	t  testing.TB
	mu sync.Mutex
	// locums and views are what runs on each node, and the members of the newest view that it said it has.
	locums map[string]*Process
	views  map[string]sighting
	vips   []netip.Addr  // the addresses of its services
	dead   time.Duration // of its file
}

// sighting is a view as a node's log has it, and when it was read there.
type sighting struct {
	members []string
	quorate bool
	at      wire.Instant
}

// newCrowd makes the machines of a large cluster and runs locum on all of them.
func newCrowd(t testing.TB, nodes int, dead time.Duration, vips []netip.Addr, file func(*World) string) *crowd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	binary, err := locumBinary()
	if err != nil {
		t.Fatal("build locum: ", err)
	}
	w, err := New(Options{Nodes: nodes, Programs: map[string]string{"locum": binary}, Neighbours: true})
	must(t, err)
	c := &crowd{World: w, t: t, locums: map[string]*Process{}, views: map[string]sighting{}, vips: vips, dead: dead}
	t.Cleanup(c.end)
	text, key := file(w), newKey(t)
	for _, n := range w.Nodes {
		must(t, n.WriteFile("locum.conf", []byte(text), 0o644))
		must(t, n.WriteFile("locum.key", []byte(key), 0o600))
	}
	must(t, c.boot(w.Nodes))
	return c
}

// crowdFile is a cluster whose first node has a second vote, so that half of them is never all there is, and services that may run on
// three nodes each. Only those have a power switch, unless -many-switched is given.
func crowdFile(w *World, path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster crowd\nkey %s/locum.key\nbeat every=%s dead=%s\n%s\n", NodeDir, crowdEvery, crowdDead, path)
	for _, n := range w.Nodes {
		votes := ""
		if n.Number == 1 {
			votes = " votes=2"
		}
		fmt.Fprintf(&b, "node %d %s%s\n", n.Number, n.Name, votes)
	}
	switched := map[string]bool{}
	for i, a := range crowdVIPs {
		var names []string
		for _, n := range w.Nodes[i*len(w.Nodes)/len(crowdVIPs):][:3] {
			names = append(names, n.Name)
			switched[n.Name] = true
		}
		fmt.Fprintf(&b, "service s%d nodes=%s\nresource s%d vip %s/24 dev=eth0\n", i, strings.Join(names, ","), i, a)
	}
	for _, n := range w.Nodes {
		if switched[n.Name] || *manySwitched {
			fmt.Fprintf(&b, "fence %s plug type=http timeout=2s holdup=0s url-off=%s url-on=%s url-status=%s\n", n.Name,
				w.Power.URL(n.Name, "off"), w.Power.URL(n.Name, "on"), w.Power.URL(n.Name, "status"))
		}
	}
	return b.String()
}

// boot switches nodes on and runs locum on them.
func (c *crowd) boot(nodes []*Node) error {
	for _, n := range nodes {
		if err := n.Boot(); err != nil {
			return err
		}
		if err := c.serve(n); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) serve(n *Node) error {
	var rest string
	p, err := n.Start(func(said []byte) {
		now := Now()
		lines := strings.Split(rest+string(said), "\n")
		rest = lines[len(lines)-1]
		for _, line := range lines[:len(lines)-1] {
			c.said(n, line, now)
		}
	}, "locum", "run", "--config", NodeDir+"/locum.conf", "--node", n.Name, "--state-dir", NodeDir+"/state")
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.locums[n.Name] = p
	return nil
}

// said reads a line such as "info: view 65: alpha, beta, led by alpha; 2 of 2 votes: more than half".
func (c *crowd) said(n *Node, line string, now wire.Instant) {
	_, view, ok := strings.Cut(line, ": view ")
	_, list, named := strings.Cut(view, ": ")
	list, why, led := strings.Cut(list, ", led by ")
	if !ok || !named || !led {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.views[n.Name] = sighting{strings.Split(list, ", "), strings.Contains(why, "more than half"), now}
}

// agreed waits until each of the nodes has a view of exactly them, and gives when the last one had it.
func (c *crowd) agreed(nodes []*Node) (last wire.Instant) {
	c.t.Helper()
	var lacks string
	c.eventually(func() string { return fmt.Sprintf("a view of %d nodes at each of them; %s", len(nodes), lacks) }, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		last = 0
		for _, n := range nodes {
			v := c.views[n.Name]
			if len(v.members) != len(nodes) || !v.quorate || slices.ContainsFunc(nodes, func(m *Node) bool { return !slices.Contains(v.members, m.Name) }) {
				lacks = fmt.Sprintf("%s has one of %d", n.Name, len(v.members))
				return false
			}
			last = max(last, v.at)
		}
		return true
	})
	return last
}

// serves waits until each service's address is held by one of the nodes.
func (c *crowd) serves(nodes []*Node) {
	c.t.Helper()
	for _, a := range c.vips {
		who := ""
		c.eventually(func() string { return fmt.Sprintf("%s is held by a node that lives; it is with %q", a, who) }, func() bool {
			who, _ = c.Observer.Holder(a)
			return slices.ContainsFunc(nodes, func(n *Node) bool { return n.Name == who })
		})
	}
}

func (c *crowd) eventually(what func() string, so func() bool) {
	c.t.Helper()
	for end := time.Now().Add(crowdWait); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("not within %s: %s", crowdWait, what())
		}
	}
}

// dieAndReturn kills nodes at one moment, waits for the view of the others, and has them come back. It gives how long after
// dead the last survivor had the view of the survivors, and how long after the last boot all had one of all.
func (c *crowd) dieAndReturn(victims []*Node) (view, back time.Duration) {
	c.t.Helper()
	var left []*Node
	for _, n := range c.Nodes {
		if !slices.Contains(victims, n) {
			left = append(left, n)
		}
	}
	var wait sync.WaitGroup
	for _, n := range victims {
		wait.Go(func() { must(c.t, n.Crash()) })
	}
	wait.Wait()
	killed, lastBeat := Now(), wire.Instant(0)
	for _, n := range victims {
		lastBeat = max(lastBeat, c.Observer.LastBeat(n.Name, killed))
	}
	view = Between(lastBeat, c.agreed(left)) - c.dead
	c.serves(left)
	must(c.t, c.boot(victims))
	booted := Now()
	back = Between(booted, c.agreed(c.Nodes))
	c.serves(c.Nodes)
	return view, back
}

// end checks what must never be, and shows what the nodes said if the test failed.
func (c *crowd) end() {
	c.t.Helper()
	for _, a := range c.vips {
		if err := c.Observer.OneOwner(a); err != nil {
			c.t.Error(err)
		}
	}
	c.mu.Lock()
	for _, n := range c.Nodes {
		if p := c.locums[n.Name]; p != nil {
			said := p.Output()
			if strings.Contains(said, "panic:") {
				c.t.Errorf("locum on %s went wrong", n.Name)
			}
			if c.t.Failed() && (n.Number <= 4 || *many > 16) {
				c.t.Logf("%s said:\n%s", n.Name, said)
			}
		}
	}
	c.mu.Unlock()
	must(c.t, c.World.Close())
}

// crowdPaths are the ways on which a large cluster is tried.
var crowdPaths = []struct {
	name string
	line func(*World) string
}{
	{"ethernet", func(w *World) string { return crowdPath(w, "ethernet wire", func(*Node) string { return "eth0" }) }},
	{"udp broadcast", func(w *World) string {
		return crowdPath(w, "udp lan", func(n *Node) string { return n.Addr.String() }) + " broadcast=192.0.2.255"
	}},
}

func crowdPath(w *World, head string, of func(*Node) string) string {
	line := "path " + head
	for _, n := range w.Nodes {
		line += " " + n.Name + "=" + of(n)
	}
	return line
}

// TestManyNodes has a large cluster form a view, lose any one node, then a third of them at once, and get them back.
func TestManyNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("a large cluster takes a minute and a processor")
	}
	for _, path := range crowdPaths {
		t.Run(path.name, func(t *testing.T) {
			c := newCrowd(t, *many, crowdDead, crowdVIPs, func(w *World) string { return crowdFile(w, path.line(w)) })
			booted := Now()
			t.Logf("%d nodes: all in one view %s after the last was started", *many, Between(booted, c.agreed(c.Nodes)).Round(time.Millisecond))
			c.serves(c.Nodes)
			for _, n := range []*Node{c.Nodes[0], c.Nodes[*many/2], c.Nodes[*many-1]} {
				view, back := c.dieAndReturn([]*Node{n})
				t.Logf("%s dies: the others' view %s after dead; back %s after it was started", n.Name, view.Round(time.Millisecond), back.Round(time.Millisecond))
			}
			var third []*Node // one of the three of each service, or none
			for _, n := range c.Nodes {
				if n.Number%3 == 2 && len(third) < max(20**many/64, 5) {
					third = append(third, n)
				}
			}
			view, back := c.dieAndReturn(third)
			t.Logf("%d die at once: the others' view %s after dead; back %s after the last was started", len(third), view.Round(time.Millisecond), back.Round(time.Millisecond))
		})
	}
}
