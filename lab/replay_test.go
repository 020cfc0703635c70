package lab

import (
	"syscall"
	"testing"
)

// What two real nodes were told through a death of an engine in the middle of writing, a move and a crash gives the same decisions when
// it is played again.
func TestTheRecordsOfRealNodesPlayTheSame(t *testing.T) {
	p := newPair(t, withFence, "", theService)
	p.kill(p.engine(p.beta), syscall.SIGKILL)
	p.whole()
	p.command(p.alpha, "move", "web", "beta")
	p.command(p.alpha, "move", "web", "alpha")
	for _, n := range p.Nodes {
		if out, code := p.locum(n, "replay", NodeDir+"/state"); code != 0 {
			t.Errorf("%s: exit %d: %s", n.Name, code, out)
		}
	}
	must(t, p.alpha.Crash())
	p.owned("beta")
	out, code := p.locum(p.beta, "replay", NodeDir+"/state", "--json")
	t.Logf("%d bytes", len(out))
	if code != 0 {
		t.Errorf("exit %d: %s", code, out[max(0, len(out)-2000):])
	}
}
