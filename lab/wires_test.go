package lab

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reaches asks the echo of a machine from another machine's namespace. No answer within 150 ms is none: an answer takes
// less than 1 ms, and a late one can only make a test of a cut pass that should fail, never the other way round.
func reaches(t *testing.T, from *netspace, to netip.Addr) bool {
	t.Helper()
	ok := false
	must(t, from.do(func() error {
		family := map[bool]int{true: unix.AF_INET, false: unix.AF_INET6}[to.Is4()]
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		wait := unix.NsecToTimeval(int64(150 * time.Millisecond))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
			return err
		}
		if err := unix.Sendto(fd, []byte("?"), 0, socketAddress(netip.AddrPortFrom(to, EchoPort))); err != nil {
			return nil // no way there is an answer too
		}
		n, _, err := unix.Recvfrom(fd, make([]byte, maxEcho), 0)
		ok = err == nil && n > 1
		return nil
	}))
	return ok
}

// network lists who reaches whom: "alpha>beta". The client answers nobody, so only nodes are asked.
func network(t *testing.T, w *World) (pairs []string) {
	t.Helper()
	from := map[string]*netspace{ClientName: w.client}
	for _, n := range w.Nodes {
		from[n.Name] = n.now.space
	}
	for name, space := range from {
		for _, n := range w.Nodes {
			four, six := reaches(t, space, n.Addr), reaches(t, space, n.Addr6)
			switch pair := name + ">" + n.Name; {
			case name == n.Name:
			case four && six:
				pairs = append(pairs, pair)
			case four != six: // for a moment, while a link comes up
				pairs = append(pairs, pair+" in part")
			}
		}
	}
	slices.Sort(pairs)
	return pairs
}

func TestCutsStopWhatTheySayAndNothingElse(t *testing.T) {
	all := []string{"alpha>beta", "alpha>gamma", "beta>alpha", "beta>gamma", "client>alpha", "client>beta", "client>gamma", "gamma>alpha", "gamma>beta"}
	w := newWorld(t, Options{Nodes: 3})
	for _, c := range []struct {
		name string
		cut  func() error
		less []string // an answer needs both ways
		bpf  bool
	}{
		{name: "nothing is cut", cut: func() error { return nil }},
		{name: "one cable is out", cut: func() error { return w.Cut(w.Nodes[0]) },
			less: []string{"alpha>beta", "alpha>gamma", "beta>alpha", "gamma>alpha", "client>alpha"}},
		{name: "two nodes do not hear each other", cut: func() error { return w.CutBetween("alpha", "beta") },
			less: []string{"alpha>beta", "beta>alpha"}},
		{name: "a node hears the client and no other node", bpf: true, cut: func() error {
			if err := w.CutBetween("alpha", "beta"); err != nil {
				return err
			}
			return w.CutBetween("alpha", "gamma")
		}, less: []string{"alpha>beta", "alpha>gamma", "beta>alpha", "gamma>alpha"}},
		{name: "one way is gone", bpf: true, cut: func() error { return w.OneWay("alpha", "beta") },
			less: []string{"alpha>beta", "beta>alpha"}},
		{name: "a node does not hear the client", bpf: true, cut: func() error { return w.CutBetween(ClientName, "gamma") },
			less: []string{"client>gamma"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.cut()
			if c.bpf && err != nil {
				must(t, w.Heal())
				t.Skip("needs a kernel with CONFIG_NET_CLS_BPF: ", err)
			}
			must(t, err)
			var want []string
			for _, pair := range all {
				if !slices.Contains(c.less, pair) {
					want = append(want, pair)
				}
			}
			if got := network(t, w); !slices.Equal(got, want) {
				t.Errorf("reached\n%q, want\n%q", got, want)
			}
			must(t, w.Heal())
			eventually(t, "all reach all after healing", func() bool { return slices.Equal(network(t, w), all) })
		})
	}
}

func TestACutCableStaysOutOverAReboot(t *testing.T) {
	w := newWorld(t, Options{Nodes: 2})
	alpha := w.Node("alpha")
	must(t, w.Cut(alpha))
	must(t, alpha.Reboot())
	if reaches(t, w.client, alpha.Addr) {
		t.Error("the client reaches it")
	}
	must(t, w.Heal())
	eventually(t, "the client reaches it", func() bool { return reaches(t, w.client, alpha.Addr) })
}

func TestALinkFlapIsSeenInside(t *testing.T) {
	w := newWorld(t, Options{Nodes: 1})
	alpha := w.Nodes[0]
	before := run(t, alpha, "cat", "/sys/class/net/eth0/carrier_down_count")
	must(t, alpha.Flap())
	if after := run(t, alpha, "cat", "/sys/class/net/eth0/carrier_down_count"); after == before {
		t.Errorf("the link went down %s times, as before", after)
	}
	eventually(t, "the client reaches it", func() bool { return reaches(t, w.client, alpha.Addr) })
}

func TestOnlyCompleteCutsAreMadeByIsolation(t *testing.T) {
	both := func(a, b string) []way { return []way{{a, b}, {b, a}} }
	for _, c := range []struct {
		name   string
		ways   []way
		ports  []string
		simple bool
	}{
		{"nothing", nil, nil, true},
		{"one pair", both("a", "b"), []string{"a", "b"}, true},
		{"all pairs of three", slices.Concat(both("a", "b"), both("b", "c"), both("a", "c")), []string{"a", "b", "c"}, true},
		{"two pairs of three", slices.Concat(both("a", "b"), both("b", "c")), []string{"a", "b", "c"}, false},
		{"one way", []way{{"a", "b"}}, []string{"a", "b"}, false},
		{"two pairs of four", slices.Concat(both("a", "b"), both("c", "d")), []string{"a", "b", "c", "d"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			blocked := map[way]bool{}
			for _, x := range c.ways {
				blocked[x] = true
			}
			ports, simple := isolation(blocked)
			if simple != c.simple || !slices.Equal(ports, c.ports) {
				t.Errorf("isolate %q, simple %t; want %q, %t", ports, simple, c.ports, c.simple)
			}
		})
	}
}

func TestBeatsAreStampedAtTheSwitchPort(t *testing.T) {
	w := newWorld(t, Options{Nodes: 2})
	alpha, beta := w.Nodes[0], w.Nodes[1]
	if at := w.Observer.LastBeat("alpha", Now()); at != 0 {
		t.Errorf("a beat at %d before there was any", at)
	}
	for _, to := range []netip.AddrPort{netip.AddrPortFrom(beta.Addr, BeatPort), netip.AddrPortFrom(beta.Addr6, BeatPort)} {
		before := Now()
		send(t, alpha, netip.AddrPortFrom(to.Addr(), BeatPort+1)) // no beat
		send(t, alpha, to)
		eventually(t, "the beat is stamped", func() bool { return w.Observer.LastBeat("alpha", Now()) > 0 })
		var at int64
		eventually(t, "its stamp is of this time", func() bool {
			at = int64(w.Observer.LastBeat("alpha", Now()))
			return at >= int64(before)
		})
		if late := at - int64(before); late > int64(time.Second) {
			t.Errorf("stamped %d ns after it was sent", late)
		}
	}
	w.Observer.mu.Lock()
	defer w.Observer.mu.Unlock()
	if n := len(w.Observer.beats["alpha"]); n != 2 {
		t.Errorf("%d beats, want 2", n)
	}
}

func send(t *testing.T, from *Node, to netip.AddrPort) {
	t.Helper()
	must(t, from.now.space.do(func() error {
		fd, err := unix.Socket(map[bool]int{true: unix.AF_INET, false: unix.AF_INET6}[to.Addr().Is4()], unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, []byte("beat"), 0, socketAddress(to))
	}))
}
