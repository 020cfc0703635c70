package lab

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"locum/wire"
)

// TestMain also plays the parts of the worlds that the tests make.
func TestMain(m *testing.M) {
	Main()
	if os.Getenv(makerKey) == "1" {
		makeAndWait()
	}
	code := m.Run()
	for _, f := range cleanups {
		f()
	}
	os.Exit(code)
}

// patience is how long a test waits for what must happen, much longer than it takes.
const patience = 10 * time.Second

// vip is the service address of the tests.
var vip = netip.MustParseAddr("192.0.2.100")

// long leaves a test out of those that a person runs all day (make quick); make test runs it.
func long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a while: make test, or go test without -short, runs it")
	}
}

// newWorld makes a world for a test, with its nodes on.
func newWorld(t *testing.T, o Options) *World {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, w.Close()) })
	for _, n := range w.Nodes {
		must(t, n.Boot())
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually looks until it is so. What it looks at tells nobody when it changes.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// answered waits for an answer of the named node that was asked for from now on.
func answered(t testing.TB, p *Prober, node string) Answer {
	t.Helper()
	since := Now()
	var last Answer
	eventually(t, "an answer of "+node, func() bool {
		a, ok := p.Last()
		last = a
		return ok && a.Node == node && a.Sent >= since
	})
	return last
}

func run(t testing.TB, n *Node, args ...string) string {
	t.Helper()
	out, err := n.Exec(within(t), args...)
	must(t, err)
	return strings.TrimSpace(string(out))
}

func TestAWorldBootsWithinASecond(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	start := Now()
	w := newWorld(t, Options{Nodes: 2})
	if took := Between(start, Now()); took > time.Second {
		t.Errorf("two nodes were on after %s", took)
	} else {
		t.Logf("two nodes were on after %s", took)
	}
	start = Now()
	must(t, w.Nodes[0].Reboot())
	t.Logf("a reboot took %s", Between(start, Now()))
}

func TestANodeIsAMachineOfItsOwn(t *testing.T) {
	w := newWorld(t, Options{Nodes: 2})
	alpha, beta := w.Node("alpha"), w.Node("beta")
	host, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	must(t, err)
	if got := run(t, alpha, "hostname"); got != "alpha" {
		t.Errorf("its host name is %q", got)
	}
	first := run(t, alpha, "cat", "/proc/sys/kernel/random/boot_id")
	if first != alpha.BootID() || first == beta.BootID() || first == strings.TrimSpace(string(host)) {
		t.Errorf("its boot id is %s; the world says %s, beta has %s, the host %s", first, alpha.BootID(), beta.BootID(), host)
	}
	if got := run(t, alpha, "sh", "-c", "echo $$; echo x > /run/volatile; echo y > lasting; cat /proc/1/comm"); !strings.HasSuffix(got, programName) {
		t.Errorf("its first process is %q", got)
	}
	must(t, alpha.Reboot())
	if now := run(t, alpha, "cat", "/proc/sys/kernel/random/boot_id"); now == first {
		t.Error("the boot id is the same after a reboot")
	}
	if got := run(t, alpha, "sh", "-c", "cat lasting; ls /run"); got != "y\nlab" {
		t.Errorf("after a reboot it has %q, want the lasting file and an empty /run", got)
	}
	if _, err := os.Stat("/run/lab"); err == nil {
		t.Error("the host has a /run/lab")
	}
}

func TestACrashEndsEverythingAtOnce(t *testing.T) {
	w := newWorld(t, Options{Nodes: 2})
	alpha := w.Node("alpha")
	p, err := w.Probe(netip.AddrPortFrom(alpha.Addr, EchoPort), time.Millisecond)
	must(t, err)
	answered(t, p, "alpha")
	// A program that nothing but its end would stop, with a child that has left it.
	sleeper, err := alpha.Start(nil, "sh", "-c", "trap '' TERM HUP INT; setsid sleep 1000 & echo up; wait")
	must(t, err)
	eventually(t, "its program says that it is up", func() bool { return sleeper.Output() == "up\n" })

	before := Now()
	must(t, alpha.Crash())
	after := Now()
	t.Logf("the crash took %s", Between(before, after))
	if err := sleeper.Wait(within(t)); err == nil {
		t.Error("its program ended well")
	}
	if _, err := alpha.Exec(within(t), "true"); err == nil {
		t.Error("a node that is off runs programs")
	}
	must(t, alpha.Boot())
	answered(t, p, "alpha")
	probes, err := p.Stop()
	must(t, err)
	gap := probes.LongestGap()
	if gap.Before.Got > after || gap.After.Got < after {
		t.Errorf("answers until %s after the crash, again %s after it", Between(after, gap.Before.Got), Between(after, gap.After.Got))
	}
}

func TestANodeWhoseFirstProcessIsKilledIsOff(t *testing.T) {
	w := newWorld(t, Options{Nodes: 2})
	alpha := w.Node("alpha")
	take(t, alpha, vip)
	since := Now()
	first, err := os.FindProcess(alpha.Pid())
	must(t, err)
	must(t, first.Kill())
	sees(t, w, since, "alpha", Gone)
	if who, _ := w.Observer.Holder(vip); who != "" {
		t.Errorf("%s still holds the address", who)
	}
	eventually(t, "it is off", func() bool { return !alpha.On() })
	must(t, alpha.Boot())
}

func TestAnAddressIsSeenToMove(t *testing.T) {
	for _, c := range []struct {
		name string
		addr netip.Addr
	}{
		{"of IPv4", vip}, {"of IPv6", netip.MustParseAddr("2001:db8::100")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, Options{Nodes: 2})
			alpha, beta := w.Node("alpha"), w.Node("beta")
			p, err := w.Probe(netip.AddrPortFrom(c.addr, EchoPort), time.Millisecond)
			must(t, err)
			take(t, alpha, c.addr)
			answered(t, p, "alpha")
			if who, since := w.Observer.Holder(c.addr); who != "alpha" || since == 0 {
				t.Errorf("%s holds it since %d", who, since)
			}
			drop(t, alpha, c.addr)
			take(t, beta, c.addr)
			answered(t, p, "beta")
			probes, err := p.Stop()
			must(t, err)
			must(t, w.Observer.OneOwner(c.addr))
			gap, ok := probes.Handover("alpha", "beta")
			tenures := Tenures(w.Observer.Sights(), c.addr)
			if !ok || len(tenures) != 2 || len(probes.Both(tenures)) != 0 {
				t.Fatalf("hand-over %v, tenures %v, both answered %v", ok, tenures, probes.Both(tenures))
			}
			if gap.Before.Sent > tenures[0].To || gap.After.Got < tenures[1].From {
				t.Errorf("answers of alpha until %d, of beta from %d; held %v", gap.Before.Sent, gap.After.Got, tenures)
			}
			t.Logf("held by nobody for %s, no answer for %s", Between(tenures[0].To, tenures[1].From), gap.Length())
		})
	}
}

func TestTwoOwnersAreSeen(t *testing.T) {
	w := newWorld(t, Options{Nodes: 2})
	take(t, w.Node("alpha"), vip)
	take(t, w.Node("beta"), vip)
	if err := w.Observer.OneOwner(vip); err == nil {
		t.Error("both hold it, and the observer says that all is well")
	}
	drop(t, w.Node("alpha"), vip)
	sees(t, w, 0, "alpha", Lost)
	list := Overlaps(Tenures(w.Observer.Sights(), vip))
	if len(list) != 1 || list[0].To == 0 || Between(list[0].From, list[0].To) <= 0 {
		t.Errorf("overlaps %v", list)
	}
}

func TestACrashEndsATenure(t *testing.T) {
	w := newWorld(t, Options{Nodes: 2})
	take(t, w.Node("alpha"), vip)
	must(t, w.Node("alpha").Crash())
	take(t, w.Node("beta"), vip)
	must(t, w.Observer.OneOwner(vip))
}

// take gives an address to a node and has it announced there, as a program would; drop takes it away.
func take(t *testing.T, n *Node, a netip.Addr) {
	t.Helper()
	since := Now()
	run(t, n, "ip", "addr", "add", netip.PrefixFrom(a, map[bool]int{true: 24, false: 64}[a.Is4()]).String(), "dev", "eth0", "nodad")
	sees(t, n.world, since, n.Name, Gained)
	must(t, n.now.space.do(func() error { return announce(a) }))
}

func drop(t *testing.T, n *Node, a netip.Addr) {
	t.Helper()
	since := Now()
	run(t, n, "ip", "addr", "del", netip.PrefixFrom(a, map[bool]int{true: 24, false: 64}[a.Is4()]).String(), "dev", "eth0")
	sees(t, n.world, since, n.Name, Lost)
}

func sees(t *testing.T, w *World, since wire.Instant, node string, c Change) Sight {
	t.Helper()
	s, err := w.Observer.Await(within(t), since, func(s Sight) bool { return s.Node == node && s.Change == c })
	must(t, err)
	return s
}
