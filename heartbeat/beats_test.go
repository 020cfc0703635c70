package heartbeat

import (
	"testing"

	"locum/wire"
)

// sends runs the world and gives the instants at which a node sent its beats meanwhile.
func (w *world) sends(n *node, d wire.Instant) (at []wire.Instant) {
	for end := w.now + d; w.now < end; {
		w.run(ms)
		if last := n.h.beats.last; len(at) == 0 || at[len(at)-1] != last {
			at = append(at, last)
		}
	}
	return at
}

func TestANodeBeatsInStepWithTheLowestThatItHears(t *testing.T) {
	w, a, b := pairWithView(t)
	a.sleep(37*ms, true) // out of step
	w.run(5 * second)
	for range 10 {
		w.run(50 * ms)
		w.until("the other beats", second, func() bool { return b.h.beats.last == w.now })
		if lag := w.now - a.h.beats.last; lag > 5*ms {
			t.Errorf("it does so %v ms after this one", lag/ms)
		}
	}
}

func TestNoBeatIsLateForThePacemakersSake(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(w *world)
	}{
		{"while it is heard", func(*world) {}},
		{"once it is not heard any more", func(w *world) { w.cutAll() }},
		{"once only it does not hear us", func(w *world) { w.cut[cable{0, 2, 1}] = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, b := pairWithView(t)
			w.run(second)
			c.play(w)
			for _, n := range []*node{a, b} {
				sent := w.sends(n, 3*second)
				for i := 1; i < len(sent); i++ {
					if gap := sent[i] - sent[i-1]; gap > 110*ms {
						t.Errorf("node %d: %v ms between two beats", n.h.self, gap/ms)
					}
				}
				if len(sent) < 27 {
					t.Errorf("node %d: %d beats in 3 s", n.h.self, len(sent))
				}
			}
		})
	}
}
