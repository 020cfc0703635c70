package lab

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestForgedBeatsChangeNothing sends what is no beat to both nodes, from the network that they beat on.
func TestForgedBeatsChangeNothing(t *testing.T) {
	p := newPair(t, withFence, "", theService)
	before := p.kept(p.alpha)
	must(t, p.World.client.do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		frame := make([]byte, 1400)
		for i := range 500 {
			rand.Read(frame)
			frame[0] = byte(i % 4) // also the version that is right
			for _, n := range p.Nodes {
				if err := unix.Sendto(fd, frame[:1+i*len(frame)/500], 0, socketAddress(netip.AddrPortFrom(n.Addr, BeatPort))); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	for _, n := range p.Nodes {
		p.eventually(n.Name+" has counted them", func() bool {
			out, code := p.locum(n, "paths", "--json")
			return code == 0 && strings.Contains(out, `"drops": {`)
		})
	}
	p.pass(2 * beatDead)
	p.whole()
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}

// TestAnInterfaceThatVanishesAndReturns: the network card of the node that serves is taken out and put back within dead.
func TestAnInterfaceThatVanishesAndReturns(t *testing.T) {
	long(t)
	p := newPair(t, withFence, "", theService)
	must(t, p.Wires.unplug("alpha"))
	must(t, p.Wires.plug("alpha", p.alpha.Number, p.alpha.now.space, netip.PrefixFrom(p.alpha.Addr, 24), netip.PrefixFrom(p.alpha.Addr6, 64)))
	since := Now()
	p.eventually("the service is answered", func() bool { a, ok := p.client.Last(); return ok && a.Sent > since+1e8 })
	p.whole()
}

// TestAnInterfaceThatStaysAwayIsADeadNode: without its network card the node that serves is taken over, and comes back whole.
func TestAnInterfaceThatStaysAwayIsADeadNode(t *testing.T) {
	long(t)
	p := newPair(t, withFence, "", theService)
	first := p.alpha.BootID()
	must(t, p.Wires.unplug("alpha"))
	p.owned("beta")
	p.eventually("alpha was fenced and is back", func() bool { return p.alpha.On() && p.alpha.BootID() != first || p.told("alpha", "off") })
	if !p.alpha.On() {
		must(t, p.alpha.Boot())
		must(t, p.serve(p.alpha))
	}
	p.whole()
	p.owned("beta")
}

// TestTwoNodesWithOneNumber: a second alpha on another machine, which has not alpha's address, raises an alarm about its
// path; the first does not notice.
func TestTwoNodesWithOneNumber(t *testing.T) {
	long(t)
	p := newPair(t, withFence, "", theService)
	before := p.kept(p.alpha)
	p.kill(p.heart(p.beta), syscall.SIGTERM)
	must(t, p.process(p.beta).Wait(p.context()))
	second, err := p.beta.Start(nil, "locum", "run", "--config", NodeDir+"/locum.conf", "--node", "alpha", "--state-dir", NodeDir+"/state2")
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the second alpha said:\n%s", second.Output())
		}
	})
	p.eventually("it says what is wrong", func() bool { return strings.Contains(second.Output(), "alarm: path lan cannot send") })
	p.pass(2 * beatDead)
	p.owned("alpha")
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}
