package serialhb

import (
	"fmt"
	"time"

	"locum/wire"
)

// lately is how old a sign may be to say what a line is like now.
const lately = wire.Instant(5 * time.Second)

// hearing is what a port has heard, and when last. What is 0 never came.
type hearing struct {
	since   wire.Instant // when it was opened
	bytes   wire.Instant
	peer    wire.Instant // a sound frame of another node of this cluster
	own     wire.Instant // of this node
	foreign wire.Instant // of another cluster
	bad     wire.Instant
	text    bool // the newest garbage is text
	spoilt  uint64
}

func (h *hearing) garbage(at wire.Instant, b []byte) {
	h.bad = at
	h.spoilt++
	h.text = isText(b)
}

// isText tells a login prompt or a kernel's messages from what a wrong rate makes of frames.
func isText(b []byte) bool {
	plain := 0
	for _, c := range b {
		if c >= ' ' && c < 0x7f || c == '\r' || c == '\n' || c == '\t' || c == 0x1b {
			plain++
		}
	}
	return len(b) >= 4 && plain == len(b)
}

// say tells a person what the line is like, "" if it is well.
func (l *line) say(at wire.Instant) string {
	h := &l.heard
	fresh := func(t wire.Instant) bool { return t != 0 && at-t < lately }
	switch {
	case l.fd < 0 && l.err != nil:
		return l.err.Error()
	case l.fd < 0:
		return l.device + " is being opened"
	case l.stalled(at) && l.rtscts:
		return l.device + " takes nothing: with rtscts=yes the other end has to raise CTS; is the cable in, and has it those wires?"
	case l.stalled(at):
		return l.device + " takes nothing: its driver is stuck"
	case fresh(h.peer):
		return ""
	case fresh(h.foreign):
		return l.device + " hears another cluster: the cable leads to the wrong machine, or the key differs"
	case fresh(h.own):
		return l.device + " hears only itself: a loopback plug, or the other end echoes (a modem, or a terminal that is not raw)"
	case fresh(h.bad) && h.text:
		return l.device + " hears text: a login prompt or a console sits at the other end"
	case fresh(h.bad) || fresh(h.bytes):
		return fmt.Sprintf("%s hears only garbage: the other end has another rate than %d, or the cable is bad", l.device, l.baud)
	}
	return l.device + " hears nothing: unplugged, the wire towards us broken, or the other end is off"
}
