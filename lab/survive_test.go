package lab

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

const withFence = "fence delay=1s"

// TestAServiceSurvives is the whole program against what small clusters die of. Each case begins with the service on
// alpha, and every one is also held against the invariants that the client and the observer see.
func TestAServiceSurvives(t *testing.T) {
	for _, c := range []struct {
		name      string
		service   string
		do        func(*pair)
		owner     string
		untouched bool // the service went on where it was, as the same process
		off       string
		quick     bool // it is among the tests that a person runs all day
	}{
		{name: "the crash of its node", quick: true, owner: "beta", do: func(p *pair) { must(p.t, p.alpha.Crash()) }},
		{name: "the crash of the other node", owner: "alpha", untouched: true, do: func(p *pair) {
			must(p.t, p.beta.Crash())
			p.pass(2*beatDead + shootDelay)
		}},
		{name: "a cut between the nodes", quick: true, owner: "alpha", untouched: true, off: "beta", do: func(p *pair) {
			must(p.t, p.CutBetween("alpha", "beta"))
			p.eventually("beta is off", func() bool { return !p.beta.On() })
			p.pass(2 * shootDelay)
		}},
		{name: "its cable pulled out", owner: "beta", off: "alpha", do: func(p *pair) { must(p.t, p.Cut(p.alpha)) }},
		{name: "the other's cable pulled out", owner: "alpha", untouched: true, off: "beta", do: func(p *pair) {
			must(p.t, p.Cut(p.beta))
			p.eventually("beta is off", func() bool { return !p.beta.On() })
			p.pass(2 * shootDelay)
		}},
		{name: "the death of its node's engine", quick: true, owner: "alpha", untouched: true, do: func(p *pair) {
			p.kill(p.engine(p.alpha), syscall.SIGKILL)
			p.whole()
			p.pass(2*beatDead + shootDelay)
		}},
		{name: "a hanging engine", owner: "alpha", untouched: true, do: func(p *pair) {
			engine := p.engine(p.alpha)
			p.kill(engine, syscall.SIGSTOP)
			p.pass(2*beatDead + shootDelay)
			p.kill(engine, syscall.SIGCONT)
			p.whole()
		}},
		{name: "a heart that is killed and comes back within dead", quick: true, owner: "alpha", untouched: true, do: func(p *pair) {
			p.kill(p.heart(p.alpha), syscall.SIGKILL)
			<-p.process(p.alpha).Ended()
			must(p.t, p.serve(p.alpha))
			p.whole()
			p.pass(2*beatDead + shootDelay)
		}},
		{name: "a node that is paused for a moment", owner: "alpha", untouched: true, do: func(p *pair) {
			heart, engine := p.heart(p.alpha), p.engine(p.alpha)
			p.kill(heart, syscall.SIGSTOP)
			p.kill(engine, syscall.SIGSTOP)
			p.pass(beatDead / 4)
			p.kill(heart, syscall.SIGCONT)
			p.kill(engine, syscall.SIGCONT)
			p.pass(2*beatDead + shootDelay)
		}},
		{name: "a reboot of its node faster than dead", owner: "alpha", do: func(p *pair) {
			must(p.t, p.alpha.Reboot())
			must(p.t, p.serve(p.alpha))
			p.whole()
		}},
		{name: "the death and return of its node", owner: "beta", do: func(p *pair) {
			must(p.t, p.alpha.Crash())
			p.owned("beta")
			must(p.t, p.alpha.Boot())
			must(p.t, p.serve(p.alpha))
			p.whole()
		}},
		{name: "a planned move", quick: true, owner: "beta", do: func(p *pair) { p.command(p.alpha, "move", "web", "beta") }},
		{name: "standby of its node", owner: "beta", do: func(p *pair) { p.command(p.beta, "standby", "alpha") }},
		{name: "an orderly end of locum on its node", quick: true, owner: "beta", do: func(p *pair) {
			p.kill(p.heart(p.alpha), syscall.SIGTERM)
			must(p.t, p.process(p.alpha).Wait(p.context()))
		}},
		{name: "the death of its process", owner: "alpha", do: func(p *pair) {
			old := p.web(p.alpha)
			p.kill(old, syscall.SIGKILL)
			p.answeredBy("alpha")
			if p.web(p.alpha) == old {
				p.t.Error("the killed process answers")
			}
		}},
		{name: "a process that keeps dying", service: "restarts=1/10m", owner: "beta", do: func(p *pair) {
			p.kill(p.web(p.alpha), syscall.SIGKILL)
			p.answeredBy("alpha")
			p.kill(p.web(p.alpha), syscall.SIGKILL)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !c.quick {
				long(t)
			}
			p := newPair(t, withFence, c.service, theService)
			before := p.kept(p.alpha)
			c.do(p)
			p.owned(c.owner)
			if c.untouched {
				if after := p.kept(p.alpha); after != before {
					t.Errorf("the service was touched: %+v, was %+v", after, before)
				}
			}
			for _, n := range p.Nodes {
				if off := !n.On(); c.off == n.Name && !off {
					t.Errorf("%s is on", n.Name)
				}
			}
			must(t, p.Power.Err())
		})
	}
}

// command runs a command that changes something, which waits until it is so.
func (p *pair) command(n *Node, words ...string) {
	p.t.Helper()
	if out, code := p.locum(n, words...); code != 0 {
		p.t.Fatalf("locum %s: exit %d: %s", strings.Join(words, " "), code, out)
	}
}

// answeredBy waits for an answer to a question that is asked from now on, after one that was lost.
func (p *pair) answeredBy(node string) {
	p.t.Helper()
	since := Now()
	p.eventually(node+" answers again", func() bool {
		a, ok := p.client.Last()
		return ok && a.Node == node && a.Sent > since+1e8 // 100 ms: longer than what is under way
	})
}

// TestAStopThatFailsIsFenced: a service whose stop fails may run on; its node has to go before it starts elsewhere.
func TestAStopThatFailsIsFenced(t *testing.T) {
	p := makePair(t, withFence, "", "resource web vip 192.0.2.100/24 dev=eth0\nresource web script /run/lab/stubborn\n"+
		"resource web process /run/lab/locum-lab echo 7007\n")
	stubborn := "#!/bin/sh\ncase $1 in\nstart) touch /run/up;;\nstop) exit 1;;\nstatus) test -e /run/up || exit 3;;\nesac\n"
	for _, n := range p.Nodes {
		must(t, n.WriteFile("stubborn", []byte(stubborn), 0o755))
		must(t, p.serve(n))
	}
	p.owned("alpha")
	p.whole()
	first := p.alpha.BootID()
	p.locum(p.alpha, "move", "web", "beta") // it cannot end well on a node that is shot
	p.owned("beta")
	if p.alpha.BootID() == first {
		t.Error("alpha was not fenced")
	}
}

// TestASplitHasOneOwnerHoweverTheSwitchBehaves cuts the nodes from each other. The switch may fail; two owners may not be.
// Against a switch that lies about the state too, while the nodes cannot hear each other at all, nothing holds.
func TestASplitHasOneOwnerHoweverTheSwitchBehaves(t *testing.T) {
	for _, c := range []struct {
		manner Manner
		late   time.Duration
		off    bool
	}{
		{manner: Obedient, off: true}, {manner: Failing}, {manner: Hanging}, {manner: Ignoring},
		{manner: Late, late: 100 * time.Millisecond, off: true}, {manner: Late, late: 700 * time.Millisecond, off: true},
	} {
		t.Run(fmt.Sprintf("a switch that is %s %s", c.manner, c.late), func(t *testing.T) {
			if c.manner != Obedient {
				long(t)
			}
			p := newPair(t, withFence, "", theService)
			for _, n := range p.Nodes {
				p.Power.Behave(n.Name, c.manner, c.late)
			}
			before := p.kept(p.alpha)
			must(t, p.CutBetween("alpha", "beta"))
			if c.off {
				p.eventually("beta is off", func() bool { return !p.beta.On() })
			} else {
				p.eventually("the switch is told to cut beta's power", func() bool { return p.told("beta", "off") })
			}
			p.pass(2*beatDead + 2*shootDelay)
			p.owned("alpha")
			if after := p.kept(p.alpha); after != before {
				t.Errorf("the service was touched: %+v, was %+v", after, before)
			}
		})
	}
}

func (p *pair) told(node, verb string) bool {
	for _, a := range p.Power.Log() {
		if a.Node == node && a.Verb == verb {
			return true
		}
	}
	return false
}

// TestALyingSwitchIsFoundOutByTheNetwork: alpha's locum is stopped while its kernel still answers for the address. Beta is told
// that alpha is off; it asks the network, hears the other owner, and does not start.
func TestALyingSwitchIsFoundOutByTheNetwork(t *testing.T) {
	long(t)
	p := newPair(t, withFence, "", theService)
	p.Power.Behave("alpha", Lying, 0)
	engine := p.engine(p.alpha)
	p.kill(p.heart(p.alpha), syscall.SIGSTOP)
	p.kill(engine, syscall.SIGSTOP)
	p.eventually("the switch is told to cut alpha's power", func() bool { return p.told("alpha", "off") })
	p.eventually("beta says why it does not start", func() bool {
		out, _ := p.locum(p.beta, "events", "--json")
		return strings.Contains(out, "another host") && strings.Contains(out, "answers for its address")
	})
	p.owned("alpha")
}

// TestAnUnsafeSplitHasTwoOwnersAndSaysSo: with "tiebreak unsafe" a stateless service runs on both sides, and on one after.
func TestAnUnsafeSplitHasTwoOwnersAndSaysSo(t *testing.T) {
	p := newPair(t, "unsafe", "stateless=yes", theService)
	p.mayOverlap = true
	must(t, p.CutBetween("alpha", "beta"))
	p.eventually("both hold the address", func() bool {
		list := Overlaps(Tenures(p.Observer.Sights(), vip))
		return len(list) == 1 && list[0].To == 0
	})
	if out, _ := p.locum(p.beta, "events"); !strings.Contains(out, "unsafe") {
		t.Errorf("beta's events say nothing of it:\n%s", out)
	}
	must(t, p.Heal())
	p.eventually("one of them has let go", func() bool {
		list := Overlaps(Tenures(p.Observer.Sights(), vip))
		return len(list) == 1 && list[0].To != 0
	})
	p.whole()
	who, _ := p.Observer.Holder(vip)
	p.owned(who)
}
