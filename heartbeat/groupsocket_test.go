package heartbeat

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"locum/config"
)

// shared is a path on which beats go out once; all its nodes are on one interface.
func shared(group string) config.Path {
	l := line("192.0.2.1", "192.0.2.2")
	l.Addresses[3] = netip.MustParseAddr("192.0.2.3")
	l.Shared, l.Group = true, netip.MustParseAddr(group)
	return l
}

var groups = []struct{ name, address string }{{"multicast", "239.192.0.66"}, {"broadcast", "192.0.2.255"}}

// reaches has a frame for all come to each of the others once, and not back.
func reaches(t *testing.T, text string, from *UDP, to ...*UDP) {
	t.Helper()
	if err := from.Send(Everybody, []byte(text)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for _, u := range to {
		await(t, u)
		got := drain(t, u)
		if len(got) != 1 || string(got[0].Frame) != text || !got[0].Stamped {
			t.Fatalf("%s: got %+v", text, got)
		}
	}
	if got := drain(t, from); len(got) != 0 {
		t.Errorf("%s: it came back: %+v", text, got)
	}
}

func TestWhatIsSentToAllReachesEachNodeOnce(t *testing.T) {
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			inNamespace(t, func(t *testing.T) {
				addCable(t, "192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24")
				l := shared(g.address)
				one, two, three := open(t, l, 1), open(t, l, 2), open(t, l, 3)
				for _, u := range []*UDP{one, two, three} {
					defer closePath(t, u)
				}
				reaches(t, "from one", one, two, three)
				reaches(t, "from two", two, one, three)
				warm(t, one, two) // what is for one node goes to it alone, as ever
				if got := drain(t, three); len(got) != 0 {
					t.Errorf("three got what was for two: %+v", got)
				}
				one.Guard([4]byte{'l', 'o', 'c', 'u'})
				for _, on := range []bool{true, false} {
					if err := one.group.sample(on); err != nil {
						t.Fatal(err)
					}
					reaches(t, "12locum, as the tag stands", two, one, three)
					reaches(t, "from one again", one, two, three)
				}
			})
		})
	}
}

func TestASharedPathRecoversByItself(t *testing.T) {
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			inNamespace(t, func(t *testing.T) {
				ip(t, "link", "set", "lo", "up")
				l := shared(g.address)
				one, two := open(t, l, 1), open(t, l, 2) // before there is an interface
				defer closePath(t, one)
				defer closePath(t, two)
				if err := one.Send(Everybody, []byte("lost")); err == nil {
					t.Error("sent although there is no interface")
				}
				for range 25 { // a socket belongs to 20 groups, those on interfaces that are gone among them
					addCable(t, "192.0.2.1/24", "192.0.2.2/24")
					two.group.joined = 0 // as after a second
					if err := two.Send(Everybody, []byte("from two")); err != nil {
						t.Fatal(err)
					}
					if err := one.Send(Everybody, []byte("from one")); err != nil {
						t.Fatal(err)
					}
					await(t, two)
					if got := drain(t, two); len(got) != 1 || string(got[0].Frame) != "from one" {
						t.Fatalf("two got %+v", got)
					}
					ip(t, "link", "del", "cable")
				}
			})
		})
	}
}

// A second path over another interface must not be heard on this one: it would hide that this one is broken.
func TestAGroupIsHeardOnlyOnItsOwnInterface(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		addCable(t, "192.0.2.1/25")
		ip(t, "link", "add", "other", "type", "veth", "peer", "name", "end")
		ip(t, "link", "set", "other", "up")
		ip(t, "link", "set", "end", "up")
		ip(t, "addr", "add", "192.0.2.202/25", "dev", "other")
		l := line("192.0.2.1", "192.0.2.202")
		l.Shared, l.Group = true, netip.MustParseAddr("239.192.0.66")
		one, two := open(t, l, 1), open(t, l, 2)
		defer closePath(t, one)
		defer closePath(t, two)
		if err := one.Send(Everybody, []byte("on the cable")); err != nil {
			t.Fatal(err)
		}
		warm(t, one, two) // by the kernel itself, which is no cable
		if got := drain(t, two); len(got) != 0 {
			t.Errorf("heard on an interface that did not carry it: %+v", got)
		}
	})
}

func TestASharedEthernetPathSendsOnce(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		addCable(t)
		l := cross("cross", "cable", "far")
		l.Shared = true
		alpha, beta := openCross(t, l, 1), openCross(t, l, 2)
		eventually(t, func() string {
			for _, e := range []*Ethernet{alpha, beta} {
				if e.look() != nil || e.bound.flags&unix.IFF_RUNNING == 0 {
					return "no carrier on " + e.device
				}
			}
			return ""
		})
		carries(t, alpha, beta, Everybody, []byte("to all"))
		carries(t, alpha, beta, 2, []byte("to one"))
		beta.Guard([4]byte{'l', 'o', 'c', 'u'})
		for _, on := range []bool{true, false} {
			if err := beta.sample(on); err != nil {
				t.Fatal(err)
			}
			carries(t, alpha, beta, Everybody, []byte("12locum, as the tag stands"))
			carries(t, alpha, beta, 2, []byte("12locum, as the tag stands"))
		}
		if got := drain(t, alpha); len(got) != 0 {
			t.Errorf("what alpha sent came back: %+v", got)
		}
		single := openCross(t, cross("cross", "far", "cable"), 1) // a path that is not shared, at the same interface as beta's
		if err := single.look(); err != nil {
			t.Fatal(err)
		}
		carries(t, alpha, beta, Everybody, bytes.Repeat([]byte("x"), 1400))
		if got := drain(t, single); len(got) != 0 {
			t.Errorf("a path that is not shared hears what is for all: %+v", got)
		}
		if err := single.Send(Everybody, []byte("x")); err == nil || !strings.Contains(err.Error(), "node 0 is not on it") {
			t.Errorf("to all over a path that is not shared: %v", err)
		}
	})
}
