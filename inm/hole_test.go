package inm

import (
	"testing"
	"time"

	"locum/wire"
)

// holed is a cable that carries small frames only.
func holed() *cable {
	c := lan()
	c.hole = 600
	return c
}

// whole runs until the first end's messages are all acknowledged, and gives how long that took.
func (w *world) whole(most time.Duration) time.Duration {
	w.t.Helper()
	began := w.now
	for w.ends[0].s.Waiting()+w.ends[1].s.Waiting() > 0 {
		if time.Duration(w.now-began) > most {
			w.t.Fatalf("a message does not arrive within %s", most)
		}
		w.run(w.now + ms)
	}
	return time.Duration(w.now - began)
}

func (w *world) mustSend(from, number, size int) {
	w.t.Helper()
	if err := w.send(from, letter(number, size)); err != nil {
		w.t.Fatal(err)
	}
}

func TestAMessageGoesInSmallPiecesWhereLargeFramesAreSwallowed(t *testing.T) {
	w := newWorld(t, 1, holed())
	w.mustSend(0, 1, 20_000)
	w.mustSend(1, 2, 20_000)
	took := w.whole(5 * time.Second)
	t.Logf("both ways, from the first frame of the session on: %s", took)
	for i, e := range w.ends {
		if lost, small := e.s.Hole(0); !small || lost < wire.LargeLost {
			t.Errorf("end %d: %d lost in a row, small %t", i, lost, small)
		}
	}
	w.mustSend(0, 3, 20_000)
	if again := w.whole(time.Second); again > 20*time.Millisecond {
		t.Errorf("the next message takes %s though the hole is known", again)
	}
	w.wantAll()
}

func TestALargeFrameIsTriedAgainAndSeldom(t *testing.T) {
	c := holed()
	w := newWorld(t, 1, c)
	w.mustSend(0, 1, 5000)
	w.whole(5 * time.Second)
	lost, _ := w.ends[0].s.Hole(0)
	slow := 0
	for n := range 3000 { // a message each 100 ms, for five minutes
		w.mustSend(0, 2+n, 1300)
		if took := w.whole(5 * time.Second); took > 20*time.Millisecond {
			slow++
		}
		w.run(w.now + 100*ms)
	}
	tries, small := w.ends[0].s.Hole(0)
	if tries -= lost; !small || tries < 2 || tries > 4 || slow > tries {
		t.Errorf("%d tries in five minutes, and %d messages waited; small %t", tries, slow, small)
	}
	c.hole = 0
	for n := range 9000 { // the pause has become long by now
		w.mustSend(0, 4000+n, 1300)
		w.whole(5 * time.Second)
		w.run(w.now + 100*ms)
		if _, small := w.ends[0].s.Hole(0); !small {
			w.wantAll()
			return
		}
	}
	t.Error("it is not found out that large frames pass again")
}

func TestAHoleInOneOfTwoPathsHoldsNothingUpForLong(t *testing.T) {
	w := newWorld(t, 1, holed(), lan())
	for n := range 200 {
		w.mustSend(0, n, 1300)
		if took := w.whole(time.Second); took > 250*time.Millisecond {
			t.Fatalf("message %d took %s", n, took)
		}
		w.run(w.now + 20*ms)
	}
	w.wantAll()
}

func TestLossWithoutAHoleEndsNoLargeFramesForLong(t *testing.T) {
	c := lan()
	c.loss = 0.2
	w := newWorld(t, 3, c)
	for n := range 300 {
		w.mustSend(0, n, 8000)
		w.whole(20 * time.Second)
	}
	w.wantAll()
}
