package quorumdisk

import (
	"fmt"

	"locum/wire"
)

// watch is how a node looks at its own slot before its first write, whether another machine writes there.
type watch struct {
	slot  Slot         // as it was last seen
	since wire.Instant // the read returned that showed it so first, 0 none
	moved bool         // it rose while this node looked
	tried bool         // this node has written since
	dark  wire.Instant // the read returned in which it was unreadable first, 0 if it was not in the newest
	torn  bool         // a write of this life has failed, and nothing was seen since
}

// goesOn takes what one read, issued and returned, shows of the own slot. An error says that nothing may be written yet: ErrNotYet while it is
// not known, another once it was seen to move. What this boot has written, and what ended in order, needs no watching.
func (w *watch) goesOn(returned, issued wire.Instant, shown, own Slot, set DeskSettings) error {
	w.dark = 0
	if shown.Incarnation == 0 || shown.Boot == own.Boot && shown.Machine == own.Machine {
		return nil
	}
	if shown != w.slot || w.since == 0 {
		w.moved, w.tried = w.since != 0, false
		w.slot, w.since = shown, returned
	}
	switch still := issued - w.since; {
	case w.moved && still < wire.Instant(set.Dead):
		return twinError(set.Self, shown)
	case shown.State.Has(LeftClean), still >= wire.Instant(set.Dead):
		return nil
	}
	return ErrNotYet
}

// hidden takes a read in which the own slot is unreadable. That says nothing of who writes there: the read may have come in the midst of a write of another machine, or
// that one has another key. It has to stay so for as long as a slot has to stand still, but for one that this life's own write may have torn.
func (w *watch) hidden(returned, issued wire.Instant, dead wire.Instant) error {
	switch {
	case w.torn && w.since == 0 && w.dark == 0:
		return nil
	case w.dark == 0 || w.tried: // also where it does not show what was just written
		w.dark, w.tried = returned, false
	case issued-w.dark >= dead:
		return nil
	}
	return ErrNotYet
}

// confirmed reports whether this node may go on writing. Over what another boot has written it writes once, and looks a round later whether that
// stayed: of two machines that began at the same moment neither saw the other's slot move.
func (w *watch) confirmed() bool {
	before := w.tried
	w.tried = true
	return before || w.since == 0 && w.dark == 0
}

// interrupted is what a failure leaves of the watch: what was seen before it, if nothing else was written, stood still all the while, so that a path that fails
// now and then does not keep a node from the disk for ever. A write may be on the disk or not, and has to be seen to stay.
func (w watch) interrupted(known, writing bool) watch {
	if known {
		return watch{torn: writing}
	}
	w.tried = false
	return w
}

func twinError(self wire.Node, s Slot) error {
	return fmt.Errorf("this node never wrote what its slot shows (life %d, machine %s): another machine runs as node %d, two machines were started with one number; stop locum on one of them. "+
		"One that was cloned needs a state directory of its own, and --node or another host name", s.Incarnation, s.Machine, self)
}
