package lab

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// systemRoot is the directory that lab/container/build.sh made.
func systemRoot(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	if _, err := exec.LookPath("systemd-nspawn"); err != nil {
		t.Skip("needs systemd-nspawn: ", err)
	}
	cache := os.Getenv("LOCUM_LAB_CACHE")
	if cache == "" {
		cache = "/var/cache/locum-lab"
	}
	root := filepath.Join(cache, "debian-root")
	if _, err := os.Stat(root + ".stamp"); err != nil {
		t.Skip("needs a container's root: run lab/container/build.sh: ", err)
	}
	return root
}

// webUnit answers the client; readyUnit says itself when it is ready.
const (
	webUnit   = "[Service]\nExecStart=" + NodeDir + "/locum-lab echo 7007\n"
	readyUnit = "[Service]\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'sleep 0.1; systemd-notify --ready; exec sleep infinity'\n"
)

const theUnits = "resource web vip 192.0.2.100/24 dev=eth0\nresource web unit ready.service\nresource web unit web.service stop=3s\n"

// systemPair is a pair on two machines with a systemd, each installed as a user would.
type systemPair struct{ *pair }

// makeSystems boots the machines, with locum's files and nothing enabled.
func makeSystems(t testing.TB, service string) *systemPair {
	t.Helper()
	root := systemRoot(t)
	path, err := locumBinary()
	must(t, err)
	w, err := New(Options{Nodes: 2, Programs: map[string]string{"locum": path}, Root: root})
	must(t, err)
	p := &systemPair{&pair{World: w, t: t, alpha: w.Nodes[0], beta: w.Nodes[1], locums: map[string]*Process{}}}
	t.Cleanup(p.end)
	t.Cleanup(p.tell) // before the end
	unit, err := os.ReadFile("../packaging/locum.service")
	must(t, err)
	key := newKey(t)
	booted := make(chan error, 2)
	for _, n := range w.Nodes {
		must(t, n.WriteFile("locum.conf", []byte(lines(w, withFence, service, theUnits)), 0o644))
		must(t, n.WriteFile("locum.key", []byte(key), 0o600))
		must(t, n.WriteFile("locum.service", unit, 0o644))
		must(t, n.WriteFile("web.service", []byte(webUnit), 0o644))
		must(t, n.WriteFile("ready.service", []byte(readyUnit), 0o644))
		go func() { booted <- n.Boot() }()
	}
	for range w.Nodes {
		must(t, <-booted)
	}
	for _, n := range w.Nodes {
		p.shell(n, "cp locum /usr/local/sbin/ && cp locum.conf /etc/ && cp *.service /etc/systemd/system/ && systemctl daemon-reload")
	}
	p.client, err = w.Probe(netip.AddrPortFrom(vip, servicePort), 5*time.Millisecond)
	must(t, err)
	return p
}

// newSystems also enables locum and waits until alpha serves.
func newSystems(t testing.TB, service string) *systemPair {
	t.Helper()
	p := makeSystems(t, service)
	for _, n := range p.Nodes {
		p.shell(n, "systemctl enable --now locum 2>&1")
	}
	p.owned("alpha")
	p.whole()
	return p
}

// tell shows what the machines logged if the test failed.
func (p *systemPair) tell() {
	for _, n := range p.Nodes {
		if p.t.Failed() && n.On() {
			out, err := n.Exec(p.context(), "journalctl", "--no-pager", "-o", "short-precise", "-u", "locum", "-u", "web", "-u", "ready")
			p.t.Logf("%s logged (%v):\n%s", n.Name, err, out)
		}
	}
}

// shell runs a line on a node and gives what it printed; it has to succeed.
func (p *systemPair) shell(n *Node, line string) string {
	p.t.Helper()
	out, err := n.Exec(p.context(), "sh", "-c", line)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// property is one of a unit's.
func (p *systemPair) property(n *Node, unit, name string) string {
	p.t.Helper()
	return p.shell(n, fmt.Sprintf("systemctl show --value -p %s %s", name, unit))
}

// runs is what shows that a unit was not touched: its main process and the instant it became active.
func (p *systemPair) runs(n *Node) string {
	p.t.Helper()
	return p.property(n, "web ready", "MainPID,ActiveEnterTimestampMonotonic")
}

func (p *systemPair) killUnit(n *Node, s syscall.Signal) {
	p.t.Helper()
	p.shell(n, fmt.Sprintf("kill -%d %s", int(s), p.property(n, "locum", "MainPID")))
}

// restarted waits until systemd has started locum anew after something ended it.
func (p *systemPair) restarted(n *Node, end func()) {
	p.t.Helper()
	old := p.property(n, "locum", "MainPID")
	end()
	p.eventually("systemd starts it anew", func() bool {
		now := strings.Fields(p.property(n, "locum", "MainPID,ActiveState"))
		return len(now) == 2 && now[0] != "0" && now[0] != old && now[1] == "active"
	})
}

// TestOnMachinesWithASystemdAServiceSurvives is what happens to units on machines that were set up as the handbook says.
func TestOnMachinesWithASystemdAServiceSurvives(t *testing.T) {
	long(t)
	for _, c := range []struct {
		name, service, owner string
		untouched            bool
		do                   func(*systemPair)
	}{
		{name: "the crash of its node", owner: "beta", do: func(p *systemPair) { must(p.t, p.alpha.Crash()) }},
		{name: "a boot of its node after a crash", owner: "beta", do: func(p *systemPair) {
			must(p.t, p.alpha.Crash())
			p.owned("beta")
			must(p.t, p.alpha.Boot()) // locum is enabled
			p.whole()
		}},
		{name: "the death of locum's engine", owner: "alpha", untouched: true, do: func(p *systemPair) {
			p.kill(p.engine(p.alpha), syscall.SIGKILL)
			p.whole()
			p.pass(2*beatDead + shootDelay)
		}},
		{name: "a hanging engine", owner: "alpha", untouched: true, do: func(p *systemPair) {
			engine := p.engine(p.alpha)
			p.kill(engine, syscall.SIGSTOP)
			p.pass(2*beatDead + shootDelay)
			p.kill(engine, syscall.SIGCONT)
			p.whole()
		}},
		{name: "the death of locum's heart, which systemd restarts", owner: "alpha", untouched: true, do: func(p *systemPair) {
			p.restarted(p.alpha, func() { p.killUnit(p.alpha, syscall.SIGKILL) })
			p.pass(2*beatDead + shootDelay)
			p.whole()
		}},
		{name: "the death of the heart while its engine hangs", owner: "alpha", untouched: true, do: func(p *systemPair) {
			engine := p.engine(p.alpha)
			p.kill(engine, syscall.SIGSTOP)
			p.restarted(p.alpha, func() { p.killUnit(p.alpha, syscall.SIGKILL) })
			p.eventually("the hanging engine is gone", func() bool { return syscall.Kill(engine, 0) != nil })
			p.pass(2 * beatDead)
			p.whole()
		}},
		{name: "a move of a unit whose stop hangs until systemd kills it", owner: "beta", do: func(p *systemPair) {
			p.hangStop(p.alpha, time.Second)
			p.command(p.alpha, "move", "web", "beta")
			if p.told("alpha", "off") {
				p.t.Error("alpha was fenced though nothing of the unit was left")
			}
		}},
		{name: "a move while systemd executes itself again", owner: "beta", do: func(p *systemPair) {
			p.hangStop(p.alpha, 2*time.Second)
			p.command(p.alpha, "move", "--no-wait", "web", "beta")
			p.eventually("the unit is being stopped", func() bool { return p.property(p.alpha, "web", "ActiveState") == "deactivating" })
			p.shell(p.alpha, "systemctl daemon-reexec")
			p.owned("beta")
			if p.told("alpha", "off") {
				p.t.Error("alpha was fenced though its unit stopped")
			}
		}},
		{name: "a move while the system bus hangs", owner: "beta", do: func(p *systemPair) {
			p.shell(p.alpha, "systemctl kill -s STOP dbus")
			p.command(p.alpha, "move", "web", "beta")
			if p.told("alpha", "off") {
				p.t.Error("alpha was fenced though its unit stopped")
			}
		}},
		{name: "a heart that dies more often than systemd restarts a unit by default", owner: "alpha", untouched: true, do: func(p *systemPair) {
			for range 7 {
				p.restarted(p.alpha, func() { p.killUnit(p.alpha, syscall.SIGKILL) })
			}
			p.whole()
		}},
		{name: "systemctl poweroff of its node", owner: "beta", do: func(p *systemPair) {
			p.shell(p.alpha, "systemctl poweroff")
			p.eventually("alpha is off", func() bool { return !p.alpha.On() })
			p.owned("beta")
			if p.told("alpha", "off") {
				p.t.Error("a node that left in order was fenced")
			}
		}},
		{name: "systemctl reload locum", owner: "alpha", untouched: true, do: func(p *systemPair) {
			p.shell(p.alpha, "systemctl reload locum")
			p.pass(2*beatDead + shootDelay)
			p.whole()
		}},
		{name: "a planned move", owner: "beta", do: func(p *systemPair) { p.command(p.alpha, "move", "web", "beta") }},
		{name: "standby of its node", owner: "beta", do: func(p *systemPair) { p.command(p.beta, "standby", "alpha") }},
		{name: "systemctl stop locum", owner: "beta", do: func(p *systemPair) {
			p.shell(p.alpha, "systemctl stop locum")
			if got := p.property(p.alpha, "web ready", "ActiveState"); strings.Contains(strings.ReplaceAll(got, "inactive", ""), "active") {
				p.t.Errorf("after the stop a unit is %q on alpha", got)
			}
			if got := p.property(p.alpha, "locum", "Result,ExecMainStatus"); got != "success\n0" {
				p.t.Errorf("the stop was %q", got)
			}
		}},
		{name: "systemctl restart locum", owner: "beta", do: func(p *systemPair) {
			p.shell(p.alpha, "systemctl restart locum")
			p.whole()
		}},
		{name: "the death of its unit", owner: "alpha", do: func(p *systemPair) {
			before := p.runs(p.alpha)
			p.shell(p.alpha, "systemctl kill -s KILL web")
			p.answeredBy("alpha")
			if p.runs(p.alpha) == before {
				p.t.Error("the killed unit answers")
			}
		}},
		{name: "a unit that keeps dying", service: "restarts=1/10m", owner: "beta", do: func(p *systemPair) {
			p.shell(p.alpha, "systemctl kill -s KILL web")
			p.answeredBy("alpha")
			p.shell(p.alpha, "systemctl kill -s KILL web")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newSystems(t, c.service)
			before, boot := p.runs(p.alpha), p.alpha.BootID()
			c.do(p)
			p.owned(c.owner)
			if c.untouched {
				if after := p.runs(p.alpha); after != before || p.alpha.BootID() != boot {
					t.Errorf("the units were touched: %q, was %q", after, before)
				}
			}
			must(t, p.Power.Err())
		})
	}
}

// TestSystemctlStatusTellsHowTheNodeIs reads what a user reads, and what locum and a service's unit really run with.
func TestSystemctlStatusTellsHowTheNodeIs(t *testing.T) {
	long(t)
	p := newSystems(t, "")
	var text string
	p.eventually("the status text says that the cluster is whole", func() bool {
		text = p.shell(p.alpha, "systemctl status --no-pager locum")
		return strings.Contains(text, "web running on alpha") && !strings.Contains(text, "not quorate")
	})
	for _, want := range []string{"active (running)", "enabled", "Status: \""} {
		if !strings.Contains(text, want) {
			t.Errorf("systemctl status does not say %q:\n%s", want, text)
		}
	}
	pid := p.property(p.alpha, "locum", "MainPID")
	if got := p.shell(p.alpha, "cut -d' ' -f41 /proc/"+pid+"/stat"); got != "2" { // proc_pid_stat(5): SCHED_RR
		t.Errorf("the heart's policy is %s", got)
	}
	if log := p.shell(p.alpha, "journalctl -u locum"); strings.Contains(log, "refused locked memory") {
		t.Errorf("the heart is not locked in memory:\n%s", log)
	}
	for _, unit := range []string{"web", "ready"} {
		if group := p.property(p.alpha, unit, "ControlGroup"); strings.Contains(group, "locum") || group == "" {
			t.Errorf("%s runs in the group %q", unit, group)
		}
	}
}

// TestAUnitThatCannotBeStoppedIsFenced: its stop takes longer than the service's line allows.
func TestAUnitThatCannotBeStoppedIsFenced(t *testing.T) {
	long(t)
	p := newSystems(t, "")
	p.hangStop(p.alpha, 10*time.Minute)
	p.locum(p.alpha, "move", "web", "beta") // it cannot end well on a node that is shot
	p.owned("beta")
	if !p.told("alpha", "off") {
		t.Error("alpha was not fenced")
	}
}

// hangStop has the stop of web hang until systemd gives it up.
func (p *systemPair) hangStop(n *Node, until time.Duration) {
	p.t.Helper()
	const dir = "/run/systemd/system/web.service.d"
	p.shell(n, fmt.Sprintf("mkdir -p %s && printf '[Service]\\nExecStop=/bin/sleep 600\\nTimeoutStopSec=%d\\n' >%s/hang.conf && systemctl daemon-reload",
		dir, int(until.Seconds()), dir))
}

// TestAUnitThatTheSystemStartsByItselfIsRefused: after a boot it would run on both nodes.
func TestAUnitThatTheSystemStartsByItselfIsRefused(t *testing.T) {
	long(t)
	p := makeSystems(t, "")
	p.shell(p.alpha, "printf '[Install]\\nWantedBy=multi-user.target\\n' >>/etc/systemd/system/ready.service && systemctl daemon-reload && systemctl enable ready 2>&1")
	for _, n := range p.Nodes {
		p.shell(n, "systemctl enable --now locum 2>&1")
	}
	p.owned("beta")
	if log := p.shell(p.alpha, "journalctl -u locum"); !strings.Contains(log, "systemctl disable ready.service") {
		t.Errorf("alpha does not say what to do:\n%s", log)
	}
}
