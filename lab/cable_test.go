package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"locum/console"
	"locum/wire"
)

// newCabledPair is newPair with a serial cable beside the network.
func newCabledPair(t testing.TB) (*pair, *Cable) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	c, err := NewCable(115200)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	line := fmt.Sprintf("path serial null alpha=%s beta=%s baud=115200\n", c.Devices[0], c.Devices[1])
	return newPair(t, withFence, "", theService+line), c
}

// carries reports whether a path carries both ways, as a node says.
func (p *pair) carries(n *Node, path string) bool {
	p.t.Helper()
	s := p.path(n, path)
	return s.Up && s.PeerHears
}

func (p *pair) path(n *Node, name string) wire.PathState {
	p.t.Helper()
	out, code := p.locum(n, "paths", "--json")
	var r console.Reply
	if code != 0 || json.Unmarshal([]byte(out), &r) != nil {
		return wire.PathState{}
	}
	for _, s := range r.Paths {
		if s.Path == name {
			return s
		}
	}
	p.t.Fatalf("%s says nothing of path %s: %s", n.Name, name, out)
	return wire.PathState{}
}

func TestASerialCableAloneCarriesTheCluster(t *testing.T) {
	p, _ := newCabledPair(t)
	before := p.kept(p.alpha)
	for _, n := range p.Nodes {
		p.eventually("the cable carries at "+n.Name, func() bool { return p.carries(n, "null") })
	}
	must(t, p.CutBetween("alpha", "beta"))
	for _, n := range p.Nodes {
		p.eventually(n.Name+" says that the network is lost", func() bool { return !p.path(n, "lan").Up })
	}
	p.pass(2*beatDead + shootDelay)
	p.whole()
	p.owned("alpha")
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	out, _ := p.locum(p.alpha, "paths")
	t.Log("\n" + out)

	p.command(p.alpha, "move", "web", "beta") // words cross the cable too
	p.owned("beta")
	must(t, p.beta.Crash())
	p.owned("alpha")
	p.eventually("the cable is said to hear nothing", func() bool { return p.path(p.alpha, "null").Note != "" })
	out, _ = p.locum(p.alpha, "paths")
	t.Log("\n" + out)
}

func TestACableThatIsCutInOneDirectionMovesNothing(t *testing.T) {
	long(t)
	p, c := newCabledPair(t)
	before := p.kept(p.alpha)
	for _, n := range p.Nodes {
		p.eventually("the cable carries at "+n.Name, func() bool { return p.carries(n, "null") })
	}
	c.Cut(0, true) // what alpha sends is lost
	p.eventually("beta says that it is not heard", func() bool { return !p.path(p.beta, "null").Up })
	p.eventually("alpha says that it is not heard", func() bool { s := p.path(p.alpha, "null"); return s.Up && !s.PeerHears })
	p.pass(2*beatDead + shootDelay)
	c.Cut(0, false)
	for _, n := range p.Nodes {
		p.eventually("the cable carries again at "+n.Name, func() bool { return p.carries(n, "null") })
	}
	p.whole()
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}
