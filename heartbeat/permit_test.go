package heartbeat

import (
	"slices"
	"testing"

	"locum/wire"
)

func TestCeasedIsAnsweredAfterItWasWrittenAndNoBeatGrantsAfterIt(t *testing.T) {
	w, a, _ := pairWithView(t)
	a.says(wire.ToHeart{Cease: &wire.Ceased{Below: 5}})
	i := slices.IndexFunc(a.last, func(o Output) bool { p, ok := o.(Persist); return ok && p.Wait && p.State.Below == 5 })
	j := slices.IndexFunc(a.last, func(o Output) bool { r, ok := o.(ToEngine); return ok && r.Ceased != nil && r.Ceased.Below == 5 })
	if i < 0 || j < i {
		t.Fatalf("written at %d, answered at %d of %v", i, j, a.last)
	}
	ceased := a.h.sealer.Counter()
	w.run(second)
	for counter, b := range a.beats {
		if counter > ceased && b.beat.Epoch != 0 {
			t.Errorf("a beat grants under %d", b.beat.Epoch)
		}
	}
	// A heart that dies after the answer must not grant under the old view again (SAFETY 2).
	a.kill()
	a.start()
	w.run(second)
	for _, b := range a.beats {
		if b.beat.Epoch != 0 {
			t.Errorf("after its restart a beat grants under %d", b.beat.Epoch)
		}
	}
}

// permitAll asks for a permit under the node's view, as before a start.
func (n *node) permitAll() bool {
	n.says(wire.ToHeart{Permit: &wire.Permit{ID: 7, Epoch: n.h.grants.view.Epoch}})
	for _, r := range slices.Backward(n.records) {
		if r.Permit != nil {
			return r.Permit.OK
		}
	}
	return false
}

func TestPermits(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(w *world, n *node)
		ask  wire.Epoch
		want bool
	}{
		{"are given under the view in force while the lease is held", func(*world, *node) {}, 1, true},
		{"are refused under an older view", func(_ *world, n *node) { v := view(2, 2, 1, 2); n.says(wire.ToHeart{View: &v}) }, 1, false},
		{"are refused under a view not yet known", func(*world, *node) {}, 2, false},
		{"are refused under no view", func(*world, *node) {}, 0, false},
		{"are refused once a newer view is promised", func(_ *world, n *node) { n.says(wire.ToHeart{Cease: &wire.Ceased{Below: 2}}) }, 1, false},
		{"are refused when half of the lease is over", func(w *world, _ *node) { w.cutAll(); w.run(5 * second) }, 1, false},
		{"are refused in a view without quorum although the old lease is held", func(_ *world, n *node) {
			v := view(2, 1, 1)
			v.Quorate = false
			n.says(wire.ToHeart{View: &v})
		}, 2, false},
		{"are given in an exempt view", func(_ *world, n *node) {
			v := view(2, 1, 1)
			v.Quorate, v.Exempt = false, true
			n.says(wire.ToHeart{View: &v})
		}, 2, true},
		{"are refused after a sleep beyond the lease", func(w *world, n *node) {
			n.sleep(9*second, false)
			w.run(9*second + ms/2)
		}, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, _ := pairWithView(t)
			a.says(wire.ToHeart{Idle: &wire.Idle{Idle: true}})
			c.play(w, a)
			a.says(wire.ToHeart{Permit: &wire.Permit{ID: 3, Epoch: c.ask}})
			i := slices.IndexFunc(a.last, func(o Output) bool { r, ok := o.(ToEngine); return ok && r.Permit != nil })
			if r := a.last[i].(ToEngine).Permit; r.OK != c.want || r.ID != 3 || r.Epoch != c.ask {
				t.Fatalf("answer %+v", r)
			}
			j := slices.IndexFunc(a.last, func(o Output) bool { p, ok := o.(Persist); return ok && p.Wait && p.State.MayRun && !p.State.Idle })
			if c.want && (j < 0 || j > i) {
				t.Errorf("the permit was answered before it was written that something may run: %v", a.last)
			}
			if c.want == a.h.grants.idle {
				t.Errorf("counts as idle: %v", a.h.grants.idle)
			}
		})
	}
}

func TestAtTheLeaseEndANodeThatMayRunSomethingIsReset(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(n *node)
		want int
	}{
		{"because a start was permitted", func(n *node) { n.permitAll() }, 1},
		{"but not if it never ran anything", func(*node) {}, 0},
		{"but not if its engine has said since that nothing runs", func(n *node) {
			n.permitAll()
			n.says(wire.ToHeart{Idle: &wire.Idle{Idle: true}})
		}, 0},
		{"also if that engine has gone since", func(n *node) { n.permitAll(); n.step(EngineGone{}) }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, _ := pairWithView(t)
			c.play(a)
			w.cutAll()
			w.run(a.h.lease.Until - w.now - 1)
			if len(a.resets()) != 0 {
				t.Fatal("reset before the end")
			}
			w.run(second)
			if got := a.resets(); len(got) != c.want {
				t.Errorf("resets %q, want %d", got, c.want)
			}
		})
	}
}

func TestNothingIsPermittedOnceTheOthersWereToldThatThisNodeHasLeft(t *testing.T) {
	_, a, _ := pairWithView(t)
	a.says(wire.ToHeart{Idle: &wire.Idle{Idle: true, Left: true}})
	if a.permitAll() {
		t.Errorf("permitted; what is kept: %+v", *a.run)
	}
}
