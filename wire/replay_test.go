package wire

import (
	"math/rand/v2"
	"testing"
)

func TestABeatCountsOnceAndOnlyUpwards(t *testing.T) {
	a, b := pair(t)
	first, second, third := a.beat(), a.beat(), a.beat()
	steps := []struct {
		name  string
		path  int
		frame []byte
		want  Drop
	}{
		{"a new beat", 0, second, DropNone},
		{"the same by another path", 1, second, DropDuplicate},
		{"the same by the same path", 1, second, DropReplayed},
		{"an older one, by a path slower yet", 2, first, DropDuplicate},
		{"an older one, by a path that brought a newer", 0, first, DropReplayed},
		{"the next", 2, third, DropNone},
		{"the next by the first path", 0, third, DropDuplicate},
		{"a path that does not exist", MaxPaths, a.beat(), DropMalformed},
		{"a path below none", -1, a.beat(), DropMalformed},
	}
	for _, s := range steps {
		if got := b.open.Open(s.path, s.frame, &b.frame); got != s.want {
			t.Errorf("%s: %q, want %q", s.name, got, s.want)
		}
	}
}

func TestASegmentCountsOnceAndMayBeOvertaken(t *testing.T) {
	a, b := pair(t)
	var frames [][]byte
	for range ReplayWindow + 2 {
		f, err := a.seal.Segment(nil, someSegment())
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	last := len(frames) - 1
	b.wantDrop(frames[5], DropNone)
	b.wantDrop(frames[last], DropNone)
	b.wantDrop(frames[7], DropNone)
	b.wantDrop(frames[7], DropReplayed)
	b.wantDrop(frames[5], DropReplayed)
	b.wantDrop(frames[last-ReplayWindow], DropReplayed) // too old to know
	b.wantDrop(frames[last-ReplayWindow+1], DropNone)
}

func TestAHelloOfAnAdmittedLifeCountsOnce(t *testing.T) {
	a, b := pair(t)
	hello := a.hello(1, 2)
	b.wantDrop(hello, DropNone)
	b.wantDrop(hello, DropReplayed)
}

// A set without bounds judges the window.
func TestTheWindowAgreesWithASet(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var w window
		seen, top := map[uint64]bool{}, uint64(0)
		for range 3000 {
			c := top + r.Uint64N(40) - min(top, r.Uint64N(1500))
			if r.IntN(500) == 0 {
				c += r.Uint64N(5000)
			}
			top = max(top, c)
			want := !seen[c] && top-c < ReplayWindow
			if got := w.take(c); got != want {
				t.Fatalf("seed %d: take(%d) with newest %d gives %v", seed, c, top, got)
			}
			seen[c] = true
		}
	}
}
