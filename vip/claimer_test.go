package vip

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"locum/wire"
)

func TestAForeignClaimIsAnsweredAndReported(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range eachFamily {
			t.Run(prefix, func(t *testing.T) {
				v := newVIP(t, prefix, "dev=eth0")
				addr := v.Prefix().Addr()
				reported := make(chan net.HardwareAddr, 8)
				v.Claimed = func(mac net.HardwareAddr) { reported <- mac }
				heard := earAt(t, "client", "br0", addr)
				start(t, v)
				must(t, clientReaches(t, addr))
				for range len(v.voice.frames) {
					next(t, heard, "first announcement")
				}

				claimUntilReported(t, addr, reported)
				node := macOf(t, "").String()
				eventually(t, "the client believes the node again", func() bool { return strings.Contains(neighbour(t, addr), node) })
			})
		}
	})
}

// claimUntilReported has the other machine claim addr, again and again, because the keeper begins to listen in the
// background.
func claimUntilReported(t *testing.T, addr netip.Addr, reported <-chan net.HardwareAddr) {
	t.Helper()
	eventually(t, "the claim is reported", func() bool {
		claimFrom(t, "other", "eth0", addr)
		select {
		case got := <-reported:
			if want := macOf(t, "other"); !bytes.Equal(got, want) {
				t.Fatalf("reported %s, want %s", got, want)
			}
			return true
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
}

// A packet socket says once that its link has gone down, and hears again later.
func TestAClaimIsHeardAfterTheLinkHasBeenDown(t *testing.T) {
	inside(t, func(t *testing.T) {
		v := newVIP(t, eachFamily[0], "dev=eth0")
		reported := make(chan net.HardwareAddr, 8)
		v.Claimed = func(mac net.HardwareAddr) { reported <- mac }
		start(t, v)
		claimUntilReported(t, v.Prefix().Addr(), reported)
		ip(t, "link set eth0 down")
		wantState(t, v, wire.StateFailed)
		ip(t, "link set eth0 up")
		drain(reported)
		claimUntilReported(t, v.Prefix().Addr(), reported)
	})
}

// Two interfaces of one machine in one wire both answer for its addresses in Linux. That is no other machine.
func TestOnesOwnOtherInterfaceIsNoClaimer(t *testing.T) {
	inside(t, func(t *testing.T) {
		ip(t, "link add to-node2 netns client type veth peer name eth1")
		ip(t, "-n client link set to-node2 master br0 up")
		ip(t, "link set eth1 up")
		v := newVIP(t, eachFamily[0], "dev=eth0")
		addr := v.Prefix().Addr()
		reported := make(chan net.HardwareAddr, 8)
		v.Claimed = func(mac net.HardwareAddr) { reported <- mac }
		start(t, v)
		eth1, err := v.opened.linkNamed("eth1")
		must(t, err)
		w, err := openVoice(eth1, addr)
		must(t, err)
		defer w.close()
		eventually(t, "the other machine's claim is reported", func() bool {
			must(t, w.announce())
			claimFrom(t, "other", "eth0", addr)
			select {
			case mac := <-reported:
				if !bytes.Equal(mac, macOf(t, "other")) {
					t.Fatalf("reported %s, want %s", mac, macOf(t, "other"))
				}
				return true
			case <-time.After(100 * time.Millisecond):
				return false
			}
		})
	})
}

func TestAHealedSplitIsAnnounced(t *testing.T) {
	inside(t, func(t *testing.T) {
		hurry()
		v := newVIP(t, eachFamily[0], "dev=eth0", "refresh=1h")
		v.Healed() // not held: this must neither block nor announce
		v.Healed()
		heard := earAt(t, "client", "br0", v.Prefix().Addr())
		start(t, v)
		if n := drain(heard); n > len(v.voice.frames)*len(burst) {
			t.Errorf("%d frames, more than one burst", n)
		}
		v.Healed()
		next(t, heard, "announcement after the split")
	})
}

func TestAsk(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range eachFamily {
			t.Run(prefix, func(t *testing.T) {
				v := newVIP(t, prefix, "dev=eth0")
				addr := v.Prefix().Addr()

				short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				none, err := v.Ask(short, 80*time.Millisecond)
				must(t, err)
				for a := range none {
					t.Errorf("nobody has the address, and yet there is the answer %v", a)
				}

				ip(t, "-n other addr add "+prefix+" dev eth0"+map[bool]string{true: " nodad"}[addr.Is6()])
				must(t, clientReaches(t, addr))
				before := neighbour(t, addr)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				answers, err := v.Ask(ctx, 80*time.Millisecond)
				must(t, err)
				for range 3 { // asked again and again
					a := next(t, answers, "answer")
					if a.Err != nil || !bytes.Equal(a.MAC, macOf(t, "other")) {
						t.Fatalf("answer %v, want one from %s", a, macOf(t, "other"))
					}
				}
				if after := neighbour(t, addr); mac(after) != mac(before) {
					t.Errorf("asking changed what the client believes from %q to %q", before, after)
				}

				ip(t, "link set eth0 down")
				for next(t, answers, "error").Err == nil {
				}
				if _, err := v.Ask(ctx, time.Second); err == nil || !strings.Contains(err.Error(), "eth0 is down") {
					t.Errorf("asking on a link that is down: %v", err)
				}
				ip(t, "link set eth0 up")
				cancel()
				for range answers {
				}
			})
		}
	})
}

// mac is the hardware address in a line of "ip neigh".
func mac(line string) string {
	_, rest, _ := strings.Cut(line, "lladdr ")
	word, _, _ := strings.Cut(rest, " ")
	return word
}
