package inm

import (
	"math/rand/v2"
	"testing"
)

// A row of flags judges the spans.
func TestSpansAgreeWithARowOfFlags(t *testing.T) {
	const length = 60
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		var s spans
		var here [length]bool
		for range 40 {
			from := r.IntN(length)
			a := span{uint32(from), uint32(from + r.IntN(min(9, length-from+1)))}
			add := r.IntN(3) > 0
			if add {
				s = s.add(a)
			} else {
				s = s.remove(a)
			}
			for i := a.from; i < a.to; i++ {
				here[i] = add
			}
			check(t, s, here[:])
		}
	}
}

func check(t *testing.T, s spans, here []bool) {
	t.Helper()
	first := uint32(len(here))
	for i := uint32(0); i < uint32(len(here)); i++ {
		if s.covers(span{i, i + 1}) != here[i] {
			t.Fatalf("%v and byte %d", s, i)
		}
		if !here[i] && i < first {
			first = i
		}
	}
	for i := range s {
		if s[i].from >= s[i].to || i > 0 && s[i].from <= s[i-1].to {
			t.Fatalf("%v is not in order", s)
		}
	}
	end := first
	for end < uint32(len(here)) && !here[end] {
		end++
	}
	if g := s.gap(uint32(len(here))); g.from < g.to && g != (span{first, end}) || g.from >= g.to && first < uint32(len(here)) {
		t.Fatalf("the first gap of %v is %v, want %v", s, g, span{first, end})
	}
}
