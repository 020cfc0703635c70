package heartbeat

import (
	"strings"
	"testing"

	"locum/wire"
)

// TestAGuardDropsAFloodButNoFrameOfTheCluster fills a path with foreign frames, then sends one with the tag among more of them.
func TestAGuardDropsAFloodButNoFrameOfTheCluster(t *testing.T) {
	tag := wire.Tag{1, 2, 3, 4}
	own := "\x01\x02" + string(tag[:]) + "a frame of the cluster"
	for _, kind := range []string{"udp", "ethernet"} {
		t.Run(kind, func(t *testing.T) {
			inNamespace(t, func(t *testing.T) {
				var alpha, beta Path
				var guarded *datagrams
				if kind == "udp" {
					addCable(t, "192.0.2.1/32", "192.0.2.2/32")
					l := line("192.0.2.1", "192.0.2.2")
					a, b := open(t, l, 1), open(t, l, 2)
					defer closePath(t, a)
					defer closePath(t, b)
					alpha, beta, guarded = a, b, &b.datagrams
				} else {
					a, b := bothEnds(t)
					alpha, beta, guarded = a, b, &b.datagrams
				}
				guarded.Guard(tag)
				got, genuine := 0, 0
				send := func(text string, times int) {
					for range times {
						if err := alpha.Send(2, []byte(text)); err != nil {
							t.Fatal(err)
						}
					}
				}
				take := func() { // a drain may leave what comes while it is at it
					got, genuine = 0, 0
					for before := -1; before != got; {
						before = got
						if err := beta.Drain(func(r Received) {
							if got++; strings.HasPrefix(string(r.Frame), own) {
								genuine++
							}
						}); err != nil {
							t.Fatal(err)
						}
					}
				}
				for range 30 {
					send("\x01\x02none of the cluster's", 100)
					take()
					if got != 100 && !guarded.guard.on {
						t.Fatalf("%d of 100 foreign frames are read before there is a flood", got)
					}
				}
				if !guarded.guard.on {
					t.Fatal("3000 foreign frames are no flood")
				}
				send("\x01\x02none of the cluster's", 500)
				send("x", 500)
				for range 20 {
					send(own, 1)
				}
				take()
				if genuine != 20 || got > 200 || got == 20 {
					t.Errorf("%d frames are read of 1020, and %d of the cluster's 20", got, genuine)
				}
				guarded.guard.judge(Now() + second)
				guarded.guard.judge(Now() + 3*second)
				if guarded.guard.on {
					t.Error("the guard goes on after the flood")
				}
				send("\x01\x02none of the cluster's", 100)
				if take(); got != 100 {
					t.Errorf("%d of 100 foreign frames are read after the flood", got)
				}
			})
		})
	}
}
