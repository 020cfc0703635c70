package heartbeat

import (
	"fmt"

	"locum/quorumdisk"
	"locum/wire"
)

// setPills has these pills lie in the others' mailboxes, and no more. They are written at once.
func (h *Heart) setPills(w wire.Pills) {
	d := &h.disk
	if !d.used {
		return
	}
	for _, p := range h.peers {
		d.desk.Post(p.is.Node, quorumdisk.Pill{})
	}
	for _, life := range w.Lives {
		if h.byNode[min(int(life.Node), wire.MaxNodes)] != nil {
			d.desk.Post(life.Node, quorumdisk.Pill{Boot: life.Boot, Incarnation: life.Incarnation, Epoch: w.Epoch})
		}
	}
	if len(w.Lives) > 0 {
		d.next = h.now
	}
}

// obeyPill ends this machine's work if another node, of a quorum that this one is not in, has said so on the disk for this life. A machine
// on which nothing runs harms nobody, and can still take over should the other die: booted anew it could not.
func (h *Heart) obeyPill() {
	p, from := h.disk.desk.Bound(h.boot, h.grants.joined)
	writer := h.byNode[min(int(from), wire.MaxNodes)]
	if writer == nil || p == h.disk.obeyed || h.grants.idle && !h.grants.mayRun {
		return
	}
	h.disk.obeyed = p
	h.reset(fmt.Sprintf("%s has written on the quorum disk that this life is to end: view %d, which has a quorum without this node", writer.name, p.Epoch))
}
