package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/console"
	"locum/wire"
)

// EtherTypes of the two paths that lie on the second segment.
const (
	ofUDP      = unix.ETH_P_IP
	ofEthernet = 0x88b5
)

// newDouble is newPair with its paths on a segment of their own, udp and ethernet; clients and the power switch are on the
// first, so that only paths are lost.
func newDouble(t *testing.T) (*pair, *Switch) {
	t.Helper()
	return newPaths(t, "")
}

// newTriple is newDouble with a serial cable.
func newTriple(t *testing.T) (*pair, *Switch, *Cable) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	c, err := NewCable(115200)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	p, s := newPaths(t, fmt.Sprintf("path serial null alpha=%s beta=%s baud=115200\n", c.Devices[0], c.Devices[1]), "null")
	return p, s, c
}

// newPaths makes a cluster with udp, ethernet and what other paths the lines name.
func newPaths(t *testing.T, more string, names ...string) (*pair, *Switch) {
	t.Helper()
	p := makePair(t, withFence, "", theService)
	s, err := NewSwitch(1)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	for i, n := range p.Nodes {
		must(t, s.Plug(n, "eth1", netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(241 + i)}), 28)))
		file := strings.ReplaceAll(lines(p.World, withFence, "", theService), "path udp lan alpha=192.0.2.1 beta=192.0.2.2",
			"path udp lan alpha=192.0.2.241 beta=192.0.2.242\npath ethernet cross alpha=eth1 beta=eth1\n"+strings.TrimSuffix(more, "\n"))
		must(t, n.WriteFile("locum.conf", []byte(file), 0o644))
		must(t, p.serve(n))
	}
	p.owned("alpha")
	p.whole()
	all := map[string]bool{"lan": true, "cross": true}
	for _, name := range names {
		all[name] = true
	}
	p.bothWays(all)
	return p, s
}

// paths is what a node says of its paths, by name.
func (p *pair) paths(n *Node) map[string]wire.PathState {
	p.t.Helper()
	out, code := p.locum(n, "paths", "--json")
	var r console.Reply
	if code != 0 || json.Unmarshal([]byte(out), &r) != nil {
		p.t.Fatalf("locum paths: exit %d: %s", code, out)
	}
	byName := map[string]wire.PathState{}
	for _, state := range r.Paths {
		byName[state.Path] = state
	}
	return byName
}

// bothWays waits until each node sees of each path whether it carries both ways.
func (p *pair) bothWays(want map[string]bool) {
	p.t.Helper()
	for _, n := range p.Nodes {
		p.eventually(n.Name+" sees its paths as they are", func() bool {
			for name, state := range p.paths(n) {
				if want[name] != (state.Up && state.PeerHears) {
					return false
				}
			}
			return true
		})
	}
}

func (p *pair) said(n *Node, text string) bool {
	out, _ := p.locum(n, "events")
	return strings.Contains(out, text)
}

// view is the one that a node is of.
func (p *pair) view(n *Node) wire.Epoch {
	p.t.Helper()
	st := p.status(n)
	if st == nil {
		p.t.Fatalf("%s is of no quorate view", n.Name)
	}
	return st.Epoch
}

// unmoved does something, and holds that no service was touched, no view changed and nobody fenced.
func (p *pair) unmoved(do func()) {
	p.t.Helper()
	before, view := p.kept(p.alpha), p.view(p.alpha)
	do()
	p.whole()
	if after := p.kept(p.alpha); after != before {
		p.t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	if now := p.view(p.alpha); now != view {
		p.t.Errorf("view %d became %d", view, now)
	}
	if p.told("alpha", "off") || p.told("beta", "off") {
		p.t.Error("somebody was fenced")
	}
}

// TestNothingMovesWhileOnePathIsLeft cuts each path both ways, and each in one direction only; all of it is said, and ends.
func TestNothingMovesWhileOnePathIsLeft(t *testing.T) {
	long(t)
	p, s := newDouble(t)
	both := map[string]bool{"lan": true, "cross": true}
	for _, c := range []struct {
		name, lost, left string
		kind             uint16
		silent           []*Node
	}{
		{"udp", "lan", "cross", ofUDP, p.Nodes},
		{"ethernet", "cross", "lan", ofEthernet, p.Nodes},
		{"udp from alpha only", "lan", "cross", ofUDP, p.Nodes[:1]},
		{"udp from beta only", "lan", "cross", ofUDP, p.Nodes[1:]},
		{"ethernet from alpha only", "cross", "lan", ofEthernet, p.Nodes[:1]},
		{"ethernet from beta only", "cross", "lan", ofEthernet, p.Nodes[1:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.unmoved(func() {
				for _, n := range c.silent {
					must(t, s.Cut(n, c.kind, true))
				}
				p.bothWays(map[string]bool{c.left: true})
				p.eventually("the last path is said loudly", func() bool {
					return p.said(p.alpha, "only one path to beta is left: "+c.left) || p.said(p.beta, "only one path to alpha is left: "+c.left)
				})
				p.pass(2*beatDead + shootDelay)
				for _, n := range c.silent {
					must(t, s.Cut(n, c.kind, false))
				}
				p.bothWays(both)
			})
		})
	}
	if !p.said(p.alpha, "more than one path to beta carries again") {
		t.Error("the end of it is not said")
	}
}

// cutPath loses a path of newTriple, or brings it back.
func (p *pair) cutPath(s *Switch, c *Cable, name string, lost bool) {
	p.t.Helper()
	for i, n := range p.Nodes {
		switch name {
		case "lan":
			must(p.t, s.Cut(n, ofUDP, lost))
		case "cross":
			must(p.t, s.Cut(n, ofEthernet, lost))
		default:
			c.Cut(i, lost)
		}
	}
}

// TestEveryCombinationOfLostPathsMovesNothingUntilAllAreLost: udp, ethernet and serial, lost at one moment.
func TestEveryCombinationOfLostPathsMovesNothingUntilAllAreLost(t *testing.T) {
	long(t)
	p, s, c := newTriple(t)
	names := []string{"lan", "cross", "null"}
	for lost := range 7 {
		var gone, left []string
		carries := map[string]bool{}
		for i, name := range names {
			if lost&(1<<i) != 0 {
				gone = append(gone, name)
			} else {
				left, carries[name] = append(left, name), true
			}
		}
		t.Run(fmt.Sprint("lost ", gone, ", left ", left), func(t *testing.T) {
			p.unmoved(func() {
				for _, name := range gone {
					p.cutPath(s, c, name, true)
				}
				p.bothWays(carries)
				p.pass(2*beatDead + shootDelay)
				for _, name := range gone {
					p.cutPath(s, c, name, false)
				}
				p.bothWays(map[string]bool{"lan": true, "cross": true, "null": true})
			})
		})
	}
	before := p.kept(p.alpha)
	for _, name := range names {
		p.cutPath(s, c, name, true)
	}
	p.eventually("beta is off", func() bool { return !p.beta.On() || p.told("beta", "off") })
	p.owned("alpha")
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}

// TestEachDirectionOnAnotherPathIsEnough: each node hears the other on another path only.
func TestEachDirectionOnAnotherPathIsEnough(t *testing.T) {
	p, s := newDouble(t)
	p.unmoved(func() {
		must(t, s.Cut(p.alpha, ofUDP, true))
		must(t, s.Cut(p.beta, ofEthernet, true))
		p.bothWays(nil)
		p.pass(2*beatDead + shootDelay)
	})
}

func TestTheLossOfAllPathsIsATie(t *testing.T) {
	p, s := newDouble(t)
	before := p.kept(p.alpha)
	for _, n := range p.Nodes {
		must(t, s.Cut(n, ofUDP, true))
		must(t, s.Cut(n, ofEthernet, true))
	}
	p.eventually("beta is off", func() bool { return !p.beta.On() || p.told("beta", "off") })
	p.owned("alpha")
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}

func TestBadWeatherOnEveryPathMovesNothing(t *testing.T) {
	long(t)
	p, s := newDouble(t)
	p.unmoved(func() {
		must(t, s.Set(Weather{Loss: 0.3, Duplicate: 0.3, Reorder: 0.3, Delay: time.Millisecond}))
		p.pass(10 * time.Second)
		must(t, s.Set(Weather{}))
	})
	for name, state := range p.paths(p.alpha) {
		if state.Drops["replayed"]+state.Drops["duplicate"] == 0 || state.LossPct < 5 {
			t.Errorf("path %s met no such weather: %+v", name, state)
		}
	}
}
