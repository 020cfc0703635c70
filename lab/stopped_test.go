package lab

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// everyMS asks the service each millisecond from here on.
func (p *pair) everyMS() {
	p.t.Helper()
	_, err := p.client.Stop()
	must(p.t, err)
	p.client, err = p.Probe(netip.AddrPortFrom(vip, servicePort), time.Millisecond)
	must(p.t, err)
	p.owned("alpha")
}

// TestAHeartThatIsStopped stops alpha's heart, and nothing else: what it should keep others from goes on. For less than dead
// nothing follows. For longer, beta has alpha's power cut, its proof; what alpha does when it goes on before that, or
// because the switch does nothing, is to run the service as long as nobody else does. The client asks every millisecond.
func TestAHeartThatIsStopped(t *testing.T) {
	long(t)
	alphaIsShot := func(p *pair) {
		p.eventually("the switch is told to cut alpha's power", func() bool { return p.told("alpha", "off") })
	}
	for _, c := range []struct {
		name   string
		manner Manner
		until  func(*pair) // when it goes on
		owner  string
	}{
		{"for less than dead", Obedient, func(p *pair) { p.pass(beatDead / 2) }, "alpha"},
		{"for longer, and it is not shot yet", Obedient, func(p *pair) {
			p.eventually("beta takes alpha for dead", func() bool { return strings.Contains(p.process(p.beta).Output(), "alpha: dead") })
		}, "alpha"},
		{"until it is off", Obedient, func(p *pair) { p.eventually("alpha is off", func() bool { return !p.alpha.On() }) }, "beta"},
		{"until a switch has failed", Failing, alphaIsShot, "alpha"},
		{"until a switch has done nothing", Ignoring, alphaIsShot, "alpha"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, "fence delay=3s", "", theService)
			p.everyMS()
			p.Power.Behave("alpha", c.manner, 0)
			before, heart := p.kept(p.alpha), p.heart(p.alpha)
			at := Now()
			p.kill(heart, syscall.SIGSTOP)
			c.until(p)
			if p.alpha.On() {
				p.kill(heart, syscall.SIGCONT)
			}
			if c.owner == "beta" {
				p.owned("beta")
			}
			p.pass(2*beatDead + shootDelay)
			p.owned(c.owner)
			if c.owner == "alpha" {
				p.whole()
				if after := p.kept(p.alpha); after != before {
					t.Errorf("the service was touched: %+v, was %+v", after, before)
				}
			}
			gap := p.client.SoFar().LongestGap()
			t.Logf("longest time without an answer: %s, from %s after the stop", gap.Length(), Between(at, gap.Before.Got))
		})
	}
}
