package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"locum/wire"
)

// Forty services on eight nodes: ten of them begin on the first node, the others are spread. A node carries eleven, so that the loss of
// two leaves little room.
const (
	officeNodes    = 8
	officeServices = 40
	officeCarries  = 11
)

func officeVIPs() (list []netip.Addr) {
	for s := range officeServices {
		list = append(list, netip.AddrFrom4([4]byte{192, 0, 2, byte(101 + s)}))
	}
	return list
}

func officeFile(w *World) string {
	var b strings.Builder
	path := "path udp lan"
	fmt.Fprintf(&b, "cluster office\nkey %s/locum.key\nbeat every=%s dead=%s\n", NodeDir, beatEvery, beatDead)
	var names []string
	for _, n := range w.Nodes {
		fmt.Fprintf(&b, "node %d %s capacity=slot:%d\n", n.Number, n.Name, officeCarries)
		fmt.Fprintf(&b, "fence %s plug type=http timeout=1s holdup=0s url-off=%s url-on=%s url-status=%s\n", n.Name,
			w.Power.URL(n.Name, "off"), w.Power.URL(n.Name, "on"), w.Power.URL(n.Name, "status"))
		path += fmt.Sprintf(" %s=%s", n.Name, n.Addr)
		names = append(names, n.Name)
	}
	fmt.Fprintf(&b, "%s\ntiebreak fence\n", path)
	for s, a := range officeVIPs() {
		place := "spread"
		if s < 10 {
			place = "order"
		}
		fmt.Fprintf(&b, "service s%d nodes=%s place=%s weight=slot:1\nresource s%d vip %s/24 dev=eth0\n", s, strings.Join(names, ","), place, s, a)
	}
	return b.String()
}

// holders says how many of the addresses each node holds.
func (c *crowd) holders() map[string]int {
	count := map[string]int{}
	for _, a := range c.vips {
		who, _ := c.Observer.Holder(a)
		count[who]++
	}
	return count
}

// gaps are how long addresses were held by nobody since an instant, the longest of each address; what still lasts is left out.
func (c *crowd) gaps(since wire.Instant) map[netip.Addr]time.Duration {
	longest := map[netip.Addr]time.Duration{}
	sights := c.Observer.Sights()
	for _, a := range c.vips {
		tenures := Tenures(sights, a)
		for i := 1; i < len(tenures); i++ {
			if tenures[i].From >= since {
				longest[a] = max(longest[a], Between(tenures[i-1].To, tenures[i].From))
			}
		}
	}
	return longest
}

// afterProof is from when the power switch first confirmed, since an instant, that a node is off, until the last of the addresses that it had
// lost then was held again.
func (c *crowd) afterProof(node string, since wire.Instant) time.Duration {
	c.t.Helper()
	proof, last := wire.Instant(0), wire.Instant(0)
	for _, a := range c.Power.Log() {
		if proof == 0 && a.At >= since && a.Node == node && a.Verb == "status" && a.Answer == "off" {
			proof = a.Answered
		}
	}
	sights := c.Observer.Sights()
	for _, a := range c.vips {
		tenures := Tenures(sights, a)
		for i := 1; i < len(tenures); i++ {
			if tenures[i-1].Node == node && tenures[i-1].To >= since {
				last = max(last, tenures[i].From)
			}
		}
	}
	if proof == 0 || last == 0 {
		c.t.Fatalf("no proof that %s is off, or no address that it lost was held again", node)
	}
	return Between(proof, last)
}

func longestOf(gaps map[netip.Addr]time.Duration) (most time.Duration) {
	for _, g := range gaps {
		most = max(most, g)
	}
	return most
}

// TestFortyServicesOnEightNodes has a node with ten services die, then two nodes at once, then every node stand by in turn.
func TestFortyServicesOnEightNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("eight nodes, deaths and a rolling standby take half a minute")
	}
	c := newCrowd(t, officeNodes, beatDead, officeVIPs(), officeFile)
	c.agreed(c.Nodes)
	c.serves(c.Nodes)
	if n := c.holders()["alpha"]; n < 10 {
		t.Fatalf("alpha holds %d of the addresses, want at least the ten that name it first: %v", n, c.holders())
	}

	killed := Now()
	view, back := c.dieAndReturn(c.Nodes[:1])
	t.Logf("alpha dies with its ten: the others' view %s after dead, all addresses held again within %s; back %s after its boot",
		view.Round(time.Millisecond), longestOf(c.gaps(killed)).Round(time.Millisecond), back.Round(time.Millisecond))
	t.Logf("from the switch's word that alpha is off until the last of its addresses is held: %s", c.afterProof("alpha", killed).Round(10*time.Microsecond))
	if moved := len(c.gaps(killed)); moved > 12 {
		t.Errorf("%d addresses moved for the death of a node with ten or eleven", moved)
	}

	view, _ = c.dieAndReturn(c.Nodes[3:5])
	t.Logf("two die: the others' view %s after dead; %v", view.Round(time.Millisecond), c.holders())

	c.rollingStandby()
	for name, n := range c.holders() {
		if n > officeCarries {
			t.Errorf("%s holds %d addresses and carries %d", name, n, officeCarries)
		}
	}
}

// rollingStandby takes every node out and in again, one after the other: no address is without a holder for longer than its own move.
func (c *crowd) rollingStandby() {
	c.t.Helper()
	began := Now()
	for _, n := range c.Nodes {
		c.command(n, "standby", n.Name)
		c.eventually(func() string { return fmt.Sprintf("%s holds nothing: %v", n.Name, c.holders()) }, func() bool { return c.holders()[n.Name] == 0 })
		c.serves(c.Nodes)
		c.command(n, "online", n.Name)
	}
	gaps := c.gaps(began)
	most := longestOf(gaps)
	c.t.Logf("rolling standby of %d nodes: %d addresses moved, none was without a holder for longer than %s", len(c.Nodes), len(gaps), most.Round(100*time.Microsecond))
	if most > time.Second {
		c.t.Errorf("an address was without a holder for %s", most)
	}
}

func (c *crowd) command(n *Node, words ...string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), crowdWait)
	defer cancel()
	if out, err := n.Exec(ctx, append([]string{"locum"}, words...)...); err != nil {
		c.t.Fatalf("%v on %s: %v: %s", words, n.Name, err, out)
	}
}
