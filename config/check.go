package config

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"locum/wire"
)

// finish looks at the file as a whole: what is missing, what does not fit together, and the defaults that depend on it.
func (p *parser) finish() {
	c := p.cfg
	for _, need := range []struct {
		missing bool
		text    string
	}{
		{c.Cluster == "" && !p.stands("cluster"), "no cluster line; write: cluster NAME"},
		{c.KeyFile == "" && !p.stands("key"), "no key line; run locum keygen /etc/locum.key and write: key /etc/locum.key"},
		{len(c.Nodes) == 0 && !p.stands("node"), "no node line; write one for each machine: node 1 NAME"},
		{len(p.services) == 0 && !p.stands("service"), "no service line; write: service NAME nodes=A,B"},
		{len(c.Nodes) > 1 && len(c.Paths) == 0 && !p.stands("path"), "no path line; write: path udp lan A=ADDRESS B=ADDRESS"},
		{len(p.Errors) == 0 && len(c.Nodes) > 0 && c.TotalVotes() == 0, "no node has a vote: nothing ever has a quorum; leave votes=0 out of a node line"},
		{len(c.Paths) > wire.MaxPaths, fmt.Sprintf("%d paths; at most %d can be used", len(c.Paths), wire.MaxPaths)},
	} {
		if need.missing {
			p.add(0, "%s", need.text)
		}
	}
	p.expand()
	p.resolve()
	p.checkAddresses()
	p.checkNames()
	p.defaults()
	p.checkTies()
	p.checkDisks()
	p.checkFencePlaces()
	p.checkFencePorts()
	p.checkLease()
	p.checkLines()
	for _, f := range c.Fences {
		p.checkWords(f)
	}
	if len(p.Errors) == 0 { // else what is missing may be what a wrong line was to say
		p.warnings()
	}
}

// checkNames finds a unit that two resources would start and stop, and two processes that locum could not tell apart.
func (p *parser) checkNames() {
	used := map[string]int{}
	for _, s := range p.cfg.Services {
		for _, r := range s.Resources {
			if len(r.Args) == 0 {
				continue
			}
			name, mend := "", ""
			switch r.Type {
			case "unit":
				name, mend = "unit "+r.Args[0], "a unit belongs to one service"
			case "process":
				name = r.Keys["name"]
				if name == "" {
					name = path.Base(r.Args[0])
				}
				name, mend = fmt.Sprintf("process %q", processName(s.Name, name)), "locum tells processes apart by SERVICE-NAME; give each a name: name=…"
			default:
				continue
			}
			if first := used[name]; first == r.Line {
				p.sameForAll(s, r, name)
			} else if first != 0 {
				p.add(r.Line, "%s stands on line %d already; %s", name, first, mend)
			}
			used[name] = r.Line
		}
	}
}

// processName is by what locum knows a process, in a unit's and a file's name: package agents makes the same of it.
func processName(service, name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, service+"-"+name)
	return name[:min(len(name), 120)]
}

// checkAddresses finds a service address that stands twice, or is a node's own.
func (p *parser) checkAddresses() {
	used := map[netip.Addr]int{}
	for _, s := range p.cfg.Services {
		for _, r := range s.Resources {
			if r.Type != "vip" || len(r.Args) == 0 {
				continue
			}
			x, err := netip.ParsePrefix(r.Args[0])
			if err != nil {
				continue
			}
			if first := used[x.Addr()]; first == r.Line {
				p.sameForAll(s, r, "address "+x.Addr().String())
			} else if first != 0 {
				p.add(r.Line, "address %s is used twice; it is on line %d already", x.Addr(), first)
			}
			used[x.Addr()] = r.Line
			for _, path := range p.cfg.Paths {
				for _, n := range p.cfg.Nodes {
					if path.Addresses[n.Number] == x.Addr() {
						p.add(r.Line, "address %s is %s's own, on path %s; a service address belongs to no node", x.Addr(), n.Name, path.Name)
					}
				}
			}
		}
	}
}

// sameForAll refuses, once, what the instances of a parallel service would have in common.
func (p *parser) sameForAll(s Service, r Resource, what string) {
	if s.Instance == 2 {
		p.add(r.Line, "%s is the same for each instance of %s; write %%i where its number belongs (unit nginx@%%i.service, vip 192.0.2.10%%i/24), or a pool (vip 192.0.2.101-192.0.2.104/24)", what, s.Group)
	}
}

// viewRounds bounds what agreeing on a view and one claim add to a death, for the default and the check of the lease.
const viewRounds = 500 * time.Millisecond

func (p *parser) defaults() {
	c := p.cfg
	if !p.quorumSet {
		c.Quorum.Dynamic = len(c.Nodes) == 2 && (len(c.Fences) > 0 || len(c.Disks) > 0)
	}
	for i := range c.Tiebreaks {
		if t := &c.Tiebreaks[i]; t.Type == "fence" && !p.delaySet {
			t.Delay = c.worstFence() + time.Second
		}
	}
	for i := range c.Fences {
		if f := &c.Fences[i]; !f.holdupSet {
			f.Holdup = c.holdupOf(*f)
		}
	}
	if c.Lease == 0 {
		c.Lease = max(8*time.Second, 4*c.Beat.Dead+4*viewRounds, c.leaseForTie(), c.leaseForDisk())
	}
}

// leaseForTie is the shortest lease whose first half lasts until a side with exactly half of the votes has fenced the other;
// 0 where that is no question. With a watchdog in the file a node obeys its lease also while it fences.
func (c *Config) leaseForTie() time.Duration {
	if c.Watchdog.Device == "" || !c.has("fence") || c.TotalVotes()%2 != 0 {
		return 0
	}
	return 2 * (c.Beat.Dead + viewRounds + c.Settling() + c.tieDelay() + c.worstFence())
}

// worstFence is the longest that any node's devices may take to switch it off and confirm that.
func (c *Config) worstFence() time.Duration {
	var worst time.Duration
	for _, n := range c.Nodes {
		worst = max(worst, c.FenceTime(n.Number))
	}
	return worst
}

// FenceTime is the longest that a node's devices may take: for each level the slowest device's off and confirmation.
func (c *Config) FenceTime(n wire.Node) time.Duration {
	var total time.Duration
	for _, level := range c.FencesOf(n) {
		var slowest time.Duration
		for _, f := range level {
			slowest = max(slowest, 2*f.Timeout)
		}
		total += slowest
	}
	return total
}

func (p *parser) checkTies() {
	c := p.cfg
	even := c.TotalVotes()%2 == 0
	if len(c.Nodes) == 2 && even && len(c.Tiebreaks) == 0 && !p.stands("tiebreak") {
		p.add(0, "two nodes and nothing to break a tie: when they cannot hear each other, neither may go on. Write "+
			"\"tiebreak disk\" with a quorum disk (safe), \"tiebreak fence\" with a fence line for each node (safe), or \"tiebreak unsafe\" for services that say stateless=yes")
	}
	strangers := slices.ContainsFunc(c.Fences, func(f Fence) bool { return f.Node == 0 })
	for _, t := range c.Tiebreaks {
		switch t.Type {
		case "unsafe":
			p.warnUnsafe(t)
			continue
		case "disk":
			continue
		}
		for _, n := range c.Nodes {
			if len(c.FencesOf(n.Number)) == 0 && !p.says("fence", n.Name) && !strangers {
				p.add(t.Line, "tiebreak fence, but %s has no fence line; write: fence %s NAME type=…", n.Name, n.Name)
			}
		}
		if worst := c.worstFence(); t.Delay <= worst {
			p.add(t.Line, "delay=%s: the side that shoots second must wait longer than the first may take, %s (off and confirmation, all levels); write delay=%s, or shorten timeout= of the fence lines",
				t.Delay, worst, worst+time.Second)
		}
	}
}

func (p *parser) warnUnsafe(t Tiebreak) {
	for _, s := range p.cfg.Services {
		if !s.Stateless {
			p.warn(t.Line, "tiebreak unsafe: service %s does not say stateless=yes, so it stops when exactly half of the votes are left", s.Name)
		}
	}
}

// checkLease: the first half of the lease has to cover a peer's death and the way to a new view, else every death of a
// peer would stop the survivor.
func (p *parser) checkLease() {
	c := p.cfg
	if least := 2 * (c.Beat.Dead + viewRounds); c.Lease < least {
		p.add(p.leaseLine, "lease %s: half of it must be longer than dead=%s and the rounds of a new view (%s), or every death of a peer stops the survivor; write lease %s",
			c.Lease, c.Beat.Dead, viewRounds, least)
	}
}

func (p *parser) warnings() {
	c := p.cfg
	if len(c.Nodes) < 2 {
		p.warn(0, "one node only: services are restarted, and have nowhere else to go")
		return
	}
	if len(c.Paths) == 1 && c.Beat.Dead < time.Second {
		p.warn(c.Beat.Line, "dead=%s with a single path: one busy switch looks like a death; add a path, or write dead=1s", c.Beat.Dead)
	}
	if len(c.Paths) == 1 {
		p.warn(c.Paths[0].Line, "a single path: one cable is a single point of failure; add a path over another interface")
	}
	for _, n := range c.Nodes {
		manual := slices.ContainsFunc(c.Fences, func(f Fence) bool { return f.Node == n.Number && f.Type != "manual" })
		if n.Guest && !manual {
			p.warn(n.Line, "%s is a guest without a fence that goes through its host: a paused guest cannot stop itself", n.Name)
		}
	}
	p.warnFences()
	p.warnWatchdog()
}

// warnWatchdog says where self-fencing is worth little.
func (p *parser) warnWatchdog() {
	c := p.cfg
	if least := c.leaseForTie(); c.Lease < least {
		p.warn(p.leaseLine, "lease %s: with a watchdog a node obeys its lease also while it fences, and the side that shoots second stops its services before it may have succeeded; write lease %s, or no lease line", c.Lease, least)
	}
	switch c.Watchdog.Device {
	case "":
		p.warn(0, "no watchdog line: self-fencing is best effort")
		return
	case wire.WatchdogReboot:
		p.warn(c.Watchdog.Line, "watchdog reboot: only a kernel that still works reboots, so that nobody takes over by it; where the machine has one, write watchdog /dev/watchdog")
		return
	}
	for _, n := range c.Nodes {
		if n.Guest && n.LeaseProof {
			p.warn(n.Line, "lease-proof=yes: a host that pauses %s pauses its watchdog too, and it goes on where it was when others have taken over", n.Name)
		}
	}
}
