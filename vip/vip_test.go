package vip

import (
	"bytes"
	"strings"
	"testing"

	"locum/wire"
)

// eachFamily are one address of each, on an interface that has others.
var eachFamily = []string{"192.0.2.100/24", "2001:db8::100/64"}

func TestTheClientFollowsAMove(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range eachFamily {
			t.Run(prefix, func(t *testing.T) {
				v := newVIP(t, prefix, "dev=eth0")
				addr := v.Prefix().Addr()
				other, node := macOf(t, "other").String(), macOf(t, "").String()
				nodad := map[bool]string{true: " nodad"}[addr.Is6()]
				ip(t, "-n other addr add "+prefix+" dev eth0"+nodad)
				must(t, clientReaches(t, addr))
				if got := neighbour(t, addr); !strings.Contains(got, other) {
					t.Fatalf("the client believes %q, want %s", got, other)
				}
				ip(t, "-n other addr del "+prefix+" dev eth0")
				must(t, v.Prepare(t.Context()))
				start(t, v)
				eventually(t, "the client believes the node", func() bool { return strings.Contains(neighbour(t, addr), node) })
				must(t, clientReaches(t, addr))
				wantState(t, v, wire.StateRunning)

				must(t, v.Stop(t.Context()))
				wantState(t, v, wire.StateStopped)
				must(t, v.Stop(t.Context()))
			})
		}
	})
}

func TestStartItselfAnnouncesAlsoUnprepared(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range eachFamily {
			v := newVIP(t, prefix, "dev=eth0")
			heard := earAt(t, "client", "br0", v.Prefix().Addr())
			start(t, v)
			v.Close() // nothing comes from the background any more
			if mac := next(t, heard, "announcement"); !bytes.Equal(mac, macOf(t, "")) {
				t.Errorf("%s announced at %s, want %s", prefix, mac, macOf(t, ""))
			}
		}
	})
}
