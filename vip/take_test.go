package vip

import (
	"bytes"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/wire"
)

func TestAnAddressThatIsThereIsAdopted(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range eachFamily {
			ip(t, "addr add "+prefix+" dev eth0 nodad")
			v := newVIP(t, prefix, "dev=eth0")
			wantState(t, v, wire.StateRunning)
			touched := make(chan netip.Prefix, 64)
			mine := netip.PrefixFrom(v.Prefix().Addr().Next(), v.Prefix().Bits())
			f, err := openFeed(func(kind uint16, body []byte) bool {
				h, err := parseAddress(body)
				// Of an IPv6 address the kernel tells twice, the second time whenever it comes to it.
				late := kind == unix.RTM_NEWADDR && h.prefix == v.Prefix() && h.prefix.Addr().Is6()
				if (kind == unix.RTM_NEWADDR || kind == unix.RTM_DELADDR) && !late && (err != nil || v.Prefix() == h.prefix || mine == h.prefix) {
					touched <- h.prefix
				}
				return false
			})
			must(t, err)
			start(t, v)
			start(t, v)
			ip(t, "addr add "+mine.String()+" dev eth0")
			if first := next(t, touched, "news of an address"); first != mine {
				t.Errorf("%s was touched before %s", first, mine)
			}
			f.close()
		}
	})
}

func TestAnEngineThatComesBack(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range eachFamily {
			former := newVIP(t, prefix, "dev=eth0")
			start(t, former)
			former.Close()
			next := newVIP(t, prefix, "dev=eth0")
			wantState(t, next, wire.StateRunning)
			ours, err := Ours()
			if err != nil || len(ours) != 1 || ours[0] != next.Prefix() {
				t.Errorf("Ours: %v, %v; want %s", ours, err, prefix)
			}
			must(t, next.Stop(t.Context()))
			if ours, err := Ours(); err != nil || len(ours) != 0 {
				t.Errorf("Ours after Stop: %v, %v", ours, err)
			}
		}
	})
}

func TestACopyOnAnotherInterfaceIsRemoved(t *testing.T) {
	inside(t, func(t *testing.T) {
		ip(t, "link add spare type bridge")
		ip(t, "link set spare up")
		for _, prefix := range eachFamily {
			v := newVIP(t, prefix, "dev=eth0")
			ip(t, "addr add "+prefix+" dev spare")
			wantState(t, v, wire.StateFailed)
			start(t, v)
			wantState(t, v, wire.StateRunning)
			if out := ip(t, "addr show dev spare"); strings.Contains(out, prefix) {
				t.Errorf("still on the other interface:\n%s", out)
			}
			ip(t, "addr add "+v.Prefix().Addr().String()+" dev spare") // left behind with another prefix length
			must(t, v.Stop(t.Context()))
			wantState(t, v, wire.StateStopped)
		}
	})
}

func TestTheInterfaceOfTheSubnetIsFound(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range []string{"192.0.2.100/24", "192.0.2.100/32", "2001:db8::100/64"} {
			v := newVIP(t, prefix)
			start(t, v)
			wantState(t, v, wire.StateRunning)
			if out := ip(t, "addr show dev eth0"); !strings.Contains(out, prefix) {
				t.Errorf("%s is not on eth0:\n%s", prefix, out)
			}
			must(t, v.Stop(t.Context()))
		}
		v := newVIP(t, "198.51.100.1/24")
		if err := v.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no interface has an address in the subnet: say which") {
			t.Errorf("no interface in the subnet: %v", err)
		}
		wantState(t, v, wire.StateStopped)
		ip(t, "link add spare type bridge")
		ip(t, "addr add 192.0.2.9/24 dev spare")
		v = newVIP(t, "192.0.2.100/24")
		if err := v.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "more than one interface") {
			t.Errorf("two interfaces in the subnet: %v", err)
		}
	})
}

// The first address of a subnet takes the others with it when Linux removes it.
func TestStopLeavesOtherAddresses(t *testing.T) {
	const setting = "/proc/sys/net/ipv4/conf/eth0/promote_secondaries"
	for _, tt := range []struct {
		name  string
		world func(t *testing.T)
	}{
		{"where promotion can be set", func(t *testing.T) {}},
		{"where it cannot", func(t *testing.T) {
			must(t, unix.Mount("/proc/sys", "/proc/sys", "", unix.MS_BIND, ""))
			must(t, unix.Mount("", "/proc/sys", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		}},
	} {
		insideCase(t, tt.name, func(t *testing.T) {
			must(t, os.WriteFile(setting, []byte("0"), 0))
			must(t, os.WriteFile("/proc/sys/net/ipv4/conf/all/promote_secondaries", []byte("0"), 0))
			tt.world(t)
			first, second := newVIP(t, "192.0.2.100/28", "dev=eth0"), newVIP(t, "192.0.2.101/28", "dev=eth0")
			start(t, first)
			start(t, second)
			ip(t, "addr add 192.0.2.102/28 dev eth0 label eth0:mine valid_lft 3600 preferred_lft 1800")
			must(t, first.Stop(t.Context()))
			wantState(t, first, wire.StateStopped)
			wantState(t, second, wire.StateRunning)
			out := ip(t, "addr show dev eth0")
			for _, want := range []string{"192.0.2.1/24", "192.0.2.101/28", "192.0.2.102/28", "eth0:mine", "preferred_lft 1", "2001:db8::1/64"} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q on eth0 any more:\n%s", want, out)
				}
			}
			if now, err := os.ReadFile(setting); err != nil || strings.TrimSpace(string(now)) != "0" {
				t.Errorf("%s is %s, %v; want 0 as before", setting, now, err)
			}
			must(t, second.Stop(t.Context()))
			wantState(t, second, wire.StateStopped)
		})
	}
}

func TestTwoAddressesOnOneInterface(t *testing.T) {
	inside(t, func(t *testing.T) {
		var all []*VIP
		for _, prefix := range []string{"192.0.2.100/24", "192.0.2.101/24", "2001:db8::100/64", "2001:db8::101/64"} {
			v := newVIP(t, prefix, "dev=eth0")
			start(t, v)
			all = append(all, v)
		}
		for i, v := range all {
			must(t, clientReaches(t, v.Prefix().Addr()))
			must(t, v.Stop(t.Context()))
			wantState(t, v, wire.StateStopped)
			for _, rest := range all[i+1:] {
				wantState(t, rest, wire.StateRunning)
			}
		}
	})
}

// The node's own connections must not start from an address that leaves it.
func TestTheNodesOwnConnectionsKeepTheirSource(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, tt := range []struct{ prefix, to, want string }{
			{"192.0.2.100/24", "192.0.2.3", "src 192.0.2.1 "},
			{"2001:db8::100/64", "2001:db8::103", "src 2001:db8::1 "}, // ::100 shares more bits with it
		} {
			v := newVIP(t, tt.prefix, "dev=eth0")
			start(t, v)
			if out := ip(t, "route get "+tt.to); !strings.Contains(out, tt.want) {
				t.Errorf("with %s held, %q, want %q", tt.prefix, out, tt.want)
			}
		}
	})
}

func TestStartAfterThePreparedLinkHasBeenDown(t *testing.T) {
	inside(t, func(t *testing.T) {
		v := newVIP(t, eachFamily[0], "dev=eth0")
		must(t, v.Prepare(t.Context()))
		ip(t, "link set eth0 down")
		if err := v.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "ip link set eth0 up") {
			t.Errorf("Start on a link that is down: %v", err)
		}
		wantState(t, v, wire.StateStopped)
		ip(t, "link set eth0 up")
		eventually(t, "the link is up", func() bool {
			l, err := v.opened.linkNamed("eth0")
			return err == nil && l.up()
		})
		start(t, v)
	})
}

func TestANewHardwareAddressIsAnnounced(t *testing.T) {
	inside(t, func(t *testing.T) {
		v := newVIP(t, eachFamily[0], "dev=eth0")
		heard := earAt(t, "client", "br0", v.Prefix().Addr())
		start(t, v)
		next(t, heard, "announcement")
		ip(t, "link set eth0 address "+ourMAC.String())
		for !bytes.Equal(next(t, heard, "announcement"), ourMAC) {
		}
	})
}

func TestIPv6ThatIsOff(t *testing.T) {
	inside(t, func(t *testing.T) {
		must(t, os.WriteFile("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", []byte("1"), 0))
		v := newVIP(t, eachFamily[1], "dev=eth0")
		if err := v.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "sysctl net.ipv6.conf.eth0.disable_ipv6=0") {
			t.Errorf("Start without IPv6: %v", err)
		}
		wantState(t, v, wire.StateStopped)
	})
}

// BenchmarkStart is the time from the call of Start to the announcement sent, with everything prepared.
func BenchmarkStart(b *testing.B)     { benchmarkStart(b, eachFamily[0]) }
func BenchmarkStartIPv6(b *testing.B) { benchmarkStart(b, eachFamily[1]) }

func benchmarkStart(b *testing.B, prefix string) {
	insideBench(b, func(b *testing.B) {
		v := newVIP(b, prefix, "dev=eth0")
		must(b, v.Prepare(b.Context()))
		var worst time.Duration
		b.ResetTimer()
		for range b.N {
			begun := time.Now()
			start(b, v)
			worst = max(worst, time.Since(begun))
			b.StopTimer()
			must(b, v.Stop(b.Context()))
			b.StartTimer()
		}
		b.ReportMetric(float64(worst.Nanoseconds()), "worst-ns")
	})
}
