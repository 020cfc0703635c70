package inm

import (
	"fmt"
	"testing"
	"time"

	"locum/wire"
)

// warm has both paths of a world measured, and back at rest.
func (w *world) warm() {
	w.t.Helper()
	for i := range w.cables {
		for j, c := range w.cables {
			c.info.Up = j == i
		}
		w.setPaths()
		for n := range 40 {
			if err := w.send(0, letter(n, 700)); err != nil {
				w.t.Fatal(err)
			}
			w.run(w.now + 300*ms)
		}
	}
	for _, c := range w.cables {
		c.info.Up = true
	}
	w.setPaths()
	w.run(w.now + 1000*ms)
	w.wantAll()
}

// wholeAfter is how long a message takes until it is whole at the other end, if something is done in between.
func (w *world) wholeAfter(size int, at time.Duration, do func()) time.Duration {
	w.t.Helper()
	before, began := len(w.ends[1].delivered), w.now
	if err := w.send(0, letter(999, size)); err != nil {
		w.t.Fatal(err)
	}
	w.at(began+wire.Instant(at), do)
	for end := began + 20_000*ms; len(w.ends[1].delivered) == before; w.run(w.now + ms/20) {
		if w.now > end {
			w.t.Fatal("it does not arrive")
		}
	}
	return time.Duration(w.now - began)
}

// TestADeathOfTheBestPathInTheMiddleOfAMessageCostsThreeRoundTrips: nobody says that it is dead.
func TestADeathOfTheBestPathInTheMiddleOfAMessageCostsThreeRoundTrips(t *testing.T) {
	for _, trip := range []time.Duration{time.Millisecond, 4 * time.Millisecond, 20 * time.Millisecond} {
		for _, jitter := range []time.Duration{0, trip / 10} {
			for share := range 4 {
				t.Run(fmt.Sprintf("%v, jitter %v, after %d quarters", trip, jitter, share), func(t *testing.T) {
					two := func() []*cable {
						a, b := lan(), lan()
						a.delay, b.delay, a.jitter, b.jitter = trip/2, trip/2, jitter, jitter
						return []*cable{a, b}
					}
					calm, torn := newWorld(t, 1, two()...), newWorld(t, 1, two()...)
					calm.warm()
					torn.warm()
					usual := calm.wholeAfter(100_000, 0, func() {})
					took := torn.wholeAfter(100_000, usual*time.Duration(share)/4, func() { torn.cables[0].cut = [2]bool{true, true} })
					if took > usual+3*trip {
						t.Errorf("%v, without the death %v", took, usual)
					}
					torn.run(torn.now + 100*ms)
					torn.wantAll()
				})
			}
		}
	}
}

// TestAMessageBegunOnANetworkGoesOnOverASerialLine: the pieces that are missing are cut to what the line carries (world.carry
// holds it), what had arrived is not sent again.
func TestAMessageBegunOnANetworkGoesOnOverASerialLine(t *testing.T) {
	w := newWorld(t, 1, lan(), slow())
	w.warm()
	w.cables[0].delay = 2 * time.Millisecond
	const size = 200_000
	w.wholeAfter(size, 15*time.Millisecond, func() {
		w.cables[0].cut = [2]bool{true, true}
		a := w.ends[1].s.arriving.parts
		if len(a) != 1 || len(a[0].here) == 0 || a[0].complete() {
			t.Fatal("the cut is not in the middle; the test tests nothing")
		}
		w.frames = 0
	})
	rest := size / (slow().info.MTU - wire.SegmentOverhead)
	if w.frames > 2*rest {
		t.Errorf("%d frames after the cut; all of the message would be %d pieces", w.frames, rest)
	}
	w.run(w.now + 1000*ms)
	w.wantAll()
}

// TestAMessageCrossesWhereAPathLosesAllInOneDirection: nobody has noticed it yet; the other path carries both ways.
func TestAMessageCrossesWhereAPathLosesAllInOneDirection(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  [2]bool
	}{{"the messages", [2]bool{true, false}}, {"the acknowledgements", [2]bool{false, true}}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1, lan(), lan())
			w.warm()
			w.cables[0].cut = c.cut
			for n := range 20 {
				if err := w.send(0, letter(n, 2000)); err != nil {
					t.Fatal(err)
				}
				w.run(w.now + 10*ms)
			}
			w.run(w.now + 100*ms)
			w.wantAll()
		})
	}
}

// TestADeadPathThatIsTriedNowAndThenHoldsNoMessageUpForLong: each try costs what the first did.
func TestADeadPathThatIsTriedNowAndThenHoldsNoMessageUpForLong(t *testing.T) {
	w := newWorld(t, 1, lan(), lan())
	w.warm()
	w.cables[0].cut = [2]bool{true, true}
	slowest := time.Duration(0)
	for range 1000 {
		slowest = max(slowest, w.wholeAfter(100, 0, func() {}))
		w.run(w.now + 10*ms)
	}
	if slowest > 2*time.Millisecond {
		t.Errorf("%v", slowest)
	}
	w.wantAll()
}

// TestASlowLineIsNotTakenForALittleJitter: a network that hesitates for a moment does not send messages over a serial line.
func TestASlowLineIsNotTakenForALittleJitter(t *testing.T) {
	w := newWorld(t, 1, lan(), slow())
	w.warm()
	w.cables[0].delay = time.Millisecond
	before := w.cables[1].busy
	for range 20 {
		w.wholeAfter(700, 0, func() {})
		w.run(w.now + 50*ms)
	}
	if w.cables[1].busy != before {
		t.Error("the serial line was used")
	}
}
