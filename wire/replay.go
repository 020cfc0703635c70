package wire

// window remembers which counters of one life were heard, down to ReplayWindow below the newest.
type window struct {
	newest uint64
	seen   [ReplayWindow / 64]uint64 // counter c is bit c%ReplayWindow
}

// take reports whether a counter is heard for the first time, and remembers it. What is too old to know is not.
func (w *window) take(counter uint64) bool {
	switch {
	case counter > w.newest:
		w.advance(counter)
	case w.newest-counter >= ReplayWindow:
		return false
	}
	word, bit := counter%ReplayWindow/64, uint64(1)<<(counter%64)
	if w.seen[word]&bit != 0 {
		return false
	}
	w.seen[word] |= bit
	return true
}

// advance forgets the counters that the window leaves behind.
func (w *window) advance(to uint64) {
	if to-w.newest >= ReplayWindow {
		clear(w.seen[:])
	} else {
		for c := w.newest + 1; c <= to; c++ {
			w.seen[c%ReplayWindow/64] &^= 1 << (c % 64)
		}
	}
	w.newest = to
}

// fill makes every counter up to to count as heard.
func (w *window) fill(to uint64) {
	w.newest = max(w.newest, to)
	for i := range w.seen {
		w.seen[i] = ^uint64(0)
	}
}

// beats remembers the newest counter of beats, overall and on each path.
type beats struct {
	newest uint64
	on     [MaxPaths]uint64
}

// take judges the counter of a beat that came on a path: only upwards. A beat that is not new, but is newer than all that
// this path has brought, shows at least that the path carries.
func (s *beats) take(path int, counter uint64) Drop {
	if counter <= s.on[path] {
		return DropReplayed
	}
	s.on[path] = counter
	if counter <= s.newest {
		return DropDuplicate
	}
	s.newest = counter
	return DropNone
}

// fill makes every counter up to to count as heard, on every path.
func (s *beats) fill(to uint64) {
	s.newest = max(s.newest, to)
	for i := range s.on {
		s.on[i] = max(s.on[i], to)
	}
}
