package serialhb

// window is what was heard at a rate from the first of the peer's probes to the newest. The ends do not change their rates at the same moment, and a
// machine that is busy changes late: what falls before the first and after the last is no fault of the rate.
type window struct {
	heard          int
	first, newest  uint32 // their numbers
	before, spoilt uint64 // pieces that were no frame, until the first and until the newest
}

// heardOne takes a probe of the peer, and how many pieces that are no frame the port has had until then.
func (w *window) heardOne(seq uint32, spoilt uint64) {
	if w.heard == 0 {
		w.first, w.before = seq, spoilt
	}
	w.heard++
	w.newest, w.spoilt = seq, spoilt
}

// lossPct is the share of the peer's probes that did not come.
func (w *window) lossPct() float64 {
	if came := int(w.newest - w.first + 1); w.heard > 0 && came > w.heard {
		return 100 * float64(came-w.heard) / float64(came)
	}
	return 0
}

// isWell reports whether the rate works.
func (w *window) isWell() bool {
	return w.heard >= leastHeard && w.lossPct() <= mostLoss && w.spoilt-w.before <= mostGarbage
}
