package inm

import "slices"

// span is the bytes from From up to, not including, To.
type span struct{ from, to uint32 }

// spans is a set of bytes: its spans are in order, not empty, and do not touch.
type spans []span

// add is the set and the bytes of a.
func (s spans) add(a span) spans {
	if a.from >= a.to {
		return s
	}
	i := 0
	for i < len(s) && s[i].to < a.from {
		i++
	}
	j := i
	for ; j < len(s) && s[j].from <= a.to; j++ {
		a.from, a.to = min(a.from, s[j].from), max(a.to, s[j].to)
	}
	return slices.Replace(s, i, j, a)
}

// remove is the set without the bytes of r.
func (s spans) remove(r span) spans {
	var rest spans
	for _, a := range s {
		rest = rest.add(span{a.from, min(a.to, r.from)})
		rest = rest.add(span{max(a.from, r.to), a.to})
	}
	return rest
}

// covers reports whether all bytes of a are in the set.
func (s spans) covers(a span) bool {
	if a.from >= a.to {
		return true
	}
	for _, b := range s {
		if b.from <= a.from && a.to <= b.to {
			return true
		}
	}
	return false
}

// gap is the first stretch below length that is not in the set, empty if there is none.
func (s spans) gap(length uint32) span {
	g := span{0, length}
	if len(s) == 0 {
		return g
	}
	if s[0].from > 0 {
		g.to = s[0].from
		return g
	}
	g.from = s[0].to
	if len(s) > 1 {
		g.to = s[1].from
	}
	return g
}
