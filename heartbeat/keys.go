package heartbeat

import (
	"fmt"
	"strings"

	"locum/wire"
)

// While the cluster's key is replaced a heart is given two: it seals with the first and opens with both, and the sectors of the
// quorum disks are sealed anew with the first. It gets other keys only as another life, so no frame is sealed under two.

// resealing reports whether this heart has to do with two keys on disks.
func (h *Heart) resealing() bool { return h.disk.used && len(h.keys) > 1 }

// setReseal takes the engine's word whether this node seals anew what no node of the file writes.
func (h *Heart) setReseal(r wire.Reseal) {
	if !h.disk.used {
		return
	}
	h.disk.heeded = r.Number
	if h.resealing() {
		h.disk.desk.Rest(r.Rest)
	}
	h.diskChanged(false)
}

// unsealed says which disks are not known to be sealed with the first key, for people.
func (h *Heart) unsealed() string {
	var list []string
	for i, c := range h.cfg.Disks {
		switch stale := h.disk.desk.Stale(i); {
		case stale > 0:
			list = append(list, fmt.Sprintf("disk %s has %d sectors that are sealed with the other key", c.Path, stale))
		case stale < 0:
			list = append(list, fmt.Sprintf("disk %s was not looked at wholly yet", c.Path))
		}
	}
	return strings.Join(list, "; ")
}

// foreign is what comes in the name of a peer and is sealed with a key that is none of ours.
type foreign struct {
	count int          // since it was last heard
	first wire.Instant // of these
	last  wire.Instant
	said  bool
}

// enoughForeign is how many such frames have to come before it is said: one can be a mistake on the line.
const enoughForeign = 3

// foreignArrived notes a frame of another key. Who sent it is not proven, so that nothing follows from it but words.
func (h *Heart) foreignArrived(frame []byte) {
	p := h.byNode[min(int(wire.Claimed(frame)), wire.MaxNodes)]
	if p == nil || p.alive() {
		return
	}
	f := &p.foreign
	if f.count == 0 {
		f.first = h.now
	}
	f.count, f.last = f.count+1, h.now
	if f.said || f.count < enoughForeign || h.silence(f.first) < h.dead {
		return
	}
	f.said = true
	h.do(Alarm{Node: p.is.Node, Text: fmt.Sprintf("what comes in the name of %s is sealed with a key that is not ours, or is of another cluster. If the "+
		"key was replaced while one of the two was away: copy to that one, from the other, locum.conf and the files that its key line names, then start locum anew "+
		"there: systemctl restart locum", p.name)})
}

// heardAgain ends that, where the peer proves to have our key.
func (p *peer) heardAgain() { p.foreign = foreign{} }
