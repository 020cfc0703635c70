package heartbeat

import (
	"fmt"

	"locum/wire"
)

// note says for people what is odd about a path to a peer, "" if nothing is.
func (h *Heart) note(p *peer, i int) string {
	if f := p.foreign; f.said && !p.alive() && h.silence(f.last) < h.dead {
		return "sealed with a key that is not ours"
	}
	if lost, small := p.session.Hole(i); small && p.carriers[i].small {
		return fmt.Sprintf("large frames do not pass: %d in a row were lost, so messages go in frames of %d bytes", lost, wire.SmallFrame)
	}
	return ""
}

// lossy is the loss of beats, in percent, from which on lost frames tell nothing of their size.
const lossy = 10

// judgeHole alarms when large frames begin or cease to be lost on a path.
func (h *Heart) judgeHole(p *peer, i int) {
	c := &p.carriers[i]
	_, small := p.session.Hole(i)
	if small == c.small || small && (!c.up || c.loss() >= lossy) {
		return
	}
	c.small = small
	h.pathsChanged = true
	if small {
		h.do(Alarm{Node: p.is.Node, Text: fmt.Sprintf("path %s to %s carries no large frames, though beats pass: messages go in small ones. Compare the MTU of all that lies between, "+
			"and what firewalls drop", h.paths[i].name, p.name)})
	} else {
		h.do(Alarm{Node: p.is.Node, Over: true, Text: fmt.Sprintf("path %s to %s carries large frames again", h.paths[i].name, p.name)})
	}
}
