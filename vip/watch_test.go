package vip

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"locum/wire"
)

func TestAnAddressTakenAwayIsNoticed(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range eachFamily {
			v := newVIP(t, prefix, "dev=eth0")
			states := watch(t, v)
			wantNext(t, states, wire.StateStopped)
			start(t, v)
			wantNext(t, states, wire.StateRunning)
			keeper := v.keeper
			begun := time.Now()
			ip(t, "addr del "+prefix+" dev eth0")
			wantNext(t, states, wire.StateStopped)
			t.Logf("%s: noticed %s after ip was started", prefix, time.Since(begun))
			next(t, orClosed(keeper.ended), "end of the announcements")
			start(t, v)
			wantNext(t, states, wire.StateRunning)
			must(t, v.Stop(t.Context()))
			wantNext(t, states, wire.StateStopped)
		}
	})
}

// orClosed turns the closing of c into a value.
func orClosed(c <-chan struct{}) <-chan struct{} {
	said := make(chan struct{}, 1)
	go func() { <-c; said <- struct{}{} }()
	return said
}

func TestALinkThatGoesDownAndComesBack(t *testing.T) {
	inside(t, func(t *testing.T) {
		hurry()
		for _, prefix := range eachFamily {
			t.Run(prefix, func(t *testing.T) {
				v := newVIP(t, prefix, "dev=eth0", "refresh=1h")
				states := watch(t, v)
				wantNext(t, states, wire.StateStopped)
				heard := earAt(t, "client", "br0", v.Prefix().Addr())
				start(t, v)
				wantNext(t, states, wire.StateRunning)
				drain(heard)
				ip(t, "-n client link set to-node down")
				wantNext(t, states, wire.StateFailed)
				if err := newVIP(t, prefix, "dev=eth0").Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no carrier") {
					t.Errorf("Start without a carrier: %v", err)
				}
				ip(t, "-n client link set to-node up")
				wantNext(t, states, wire.StateRunning)
				next(t, heard, "announcement after the link came up")
				must(t, v.Stop(t.Context()))
			})
		}
	})
}

func TestAnInterfaceThatVanishesAndComesBack(t *testing.T) {
	inside(t, func(t *testing.T) {
		for _, prefix := range eachFamily {
			v := newVIP(t, prefix, "dev=eth7")
			if err := v.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "interface eth7 does not exist") {
				t.Fatalf("Start without an interface: %v", err)
			}
			heard := earAt(t, "client", "br0", v.Prefix().Addr())
			states := watch(t, v)
			wantNext(t, states, wire.StateStopped)
			for range 2 {
				ip(t, "link add to-node7 netns client type veth peer name eth7")
				wantNext(t, states, wire.StateStopped) // back, without the address
				ip(t, "link set eth7 up")
				ip(t, "-n client link set to-node7 master br0 up")
				eventually(t, "the link is up", func() bool {
					l, err := v.opened.linkNamed("eth7")
					return err == nil && l.up()
				})
				start(t, v)
				wantNext(t, states, wire.StateRunning)
				node := macOf(t, "", "eth7")
				for !bytes.Equal(next(t, heard, "announcement"), node) {
				}
				ip(t, "link del eth7")
				for next(t, states, "end") != wire.StateStopped { // it is down before it is gone
				}
				must(t, v.Stop(t.Context()))
			}
		}
	})
}

func TestAFailedDuplicateCheckIsSeenAndPutRight(t *testing.T) {
	inside(t, func(t *testing.T) {
		v := newVIP(t, eachFamily[1], "dev=eth0")
		ip(t, "-n other addr add 2001:db8::100/64 dev eth0 nodad")
		states := watch(t, v)
		wantNext(t, states, wire.StateStopped)
		ip(t, "addr add 2001:db8::100/64 dev eth0")
		wantNext(t, states, wire.StateFailed)
		eventually(t, "the duplicate check fails", func() bool {
			return strings.Contains(ip(t, "addr show dev eth0"), "dadfailed")
		})
		wantState(t, v, wire.StateFailed)
		ip(t, "-n other addr del 2001:db8::100/64 dev eth0")
		start(t, v)
		wantState(t, v, wire.StateRunning)
		must(t, clientReaches(t, v.Prefix().Addr()))
	})
}
