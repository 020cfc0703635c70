package lab

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/wire"
)

// TestAFencedNodeComesBackByItselfIfTheFileSaysSo: then=on switches a node on again, but only once its supply has let go of it.
func TestAFencedNodeComesBackByItselfIfTheFileSaysSo(t *testing.T) {
	long(t)
	p := makePair(t, withFence, "", theService)
	text := strings.ReplaceAll(lines(p.World, withFence, "", theService), " plug type=http ", " plug type=http then=on ")
	for _, n := range p.Nodes {
		must(t, n.WriteFile("locum.conf", []byte(text), 0o644))
		must(t, p.serve(n))
	}
	p.owned("alpha")
	p.whole()
	boot, before := p.alpha.BootID(), len(p.Power.Log())
	p.kill(p.heart(p.alpha), syscall.SIGKILL)
	p.owned("beta")
	p.eventually("alpha was switched on again and is a member", func() bool {
		st := p.status(p.beta)
		return p.alpha.On() && p.alpha.BootID() != boot && st != nil && st.Nodes[0].State == "member"
	})
	var off, on wire.Instant
	for _, a := range p.Power.Log()[before:] {
		switch {
		case a.Node == "alpha" && a.Verb == "off" && off == 0:
			off = a.At
		case a.Node == "alpha" && a.Verb == "on":
			on = a.At
		}
	}
	if rest := time.Duration(on - off); rest < 5*time.Second {
		t.Errorf("switched on %s after it was switched off: a supply may hold up for as long", rest)
	}
}
