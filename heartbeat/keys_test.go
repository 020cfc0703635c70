package heartbeat

import (
	"slices"
	"strings"
	"testing"

	"locum/wire"
)

func otherKey(t *testing.T) wire.Key {
	t.Helper()
	k, err := wire.ParseKey([]byte(strings.Repeat("fedcba9876543210", 4)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// with starts a heart anew that goes by other keys.
func (n *node) with(keys ...wire.Key) {
	n.kill()
	n.keys = keys
	n.start()
}

func (n *node) hears(other wire.Node) bool {
	return slices.ContainsFunc(n.h.peers, func(p *peer) bool { return p.is.Node == other && p.alive() })
}

func TestTwoHeartsHearEachOtherThroughAllStepsOfARotation(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	one, two, next := w.nodes[1], w.nodes[2], otherKey(t)
	both := func() bool { return one.hears(2) && two.hears(1) }
	w.until("they hear each other", 5*second, both)
	for step, keys := range [][]wire.Key{{w.key, next}, {next, w.key}, {next}} {
		for _, n := range []*node{one, two} { // for a while each goes by the keys of another step
			n.with(keys...)
			w.run(3 * second)
			if !both() {
				t.Fatalf("step %d, node %d first: they do not hear each other", step+1, n.id)
			}
		}
	}
}

func TestANodeThatMissedTheRotationIsToldSo(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	one, two := w.nodes[1], w.nodes[2]
	two.with(otherKey(t))
	const text = "sealed with a key that is not ours"
	w.run(4 * second)
	for _, n := range []*node{one, two} {
		if !n.alarmed(text) {
			t.Errorf("node %d: %q", n.id, n.alarms)
		}
		if p := n.h.Paths(w.now); len(p) != 1 || p[0].Up || !strings.Contains(p[0].Note, text) || p[0].Drops["wrong_cluster"] == 0 {
			t.Errorf("node %d: %+v", n.id, p)
		}
	}
	two.with(w.key)
	w.until("they hear each other", 5*second, func() bool { return one.hears(2) && two.hears(1) })
	if p := one.h.Paths(w.now); p[0].Note != "" {
		t.Errorf("it goes on being said: %+v", p)
	}
}
