package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"locum/cluster"
	"locum/quorumdisk"
	"locum/wire"
)

// joinTakes is how long it takes to copy two disks to the third.
const joinTakes = 300 * time.Millisecond

// commandReplaceDisk: replace-disk 1|2|3: an empty disk takes the place of one of three, which counts for nobody until it has joined.
func (w *World) commandReplaceDisk(args []string) error {
	k, err := strconv.Atoi(args[0])
	if err != nil || k < 1 || k > len(w.disks) || len(w.disks) != quorumdisk.MaxDisks {
		return fmt.Errorf("there is no disk %s of three", args[0])
	}
	if slices.ContainsFunc(w.disks, func(d disk) bool { return d.joins }) {
		return nil // as locum disk init --repair: one after the other
	}
	old := w.disks[k-1]
	w.disks[k-1] = w.newDisks(1, wire.Node(len(old.slots)))[0]
	w.disks[k-1].joins, w.disks[k-1].made, w.disks[k-1].takes = true, old.made+1, old.takes
	return nil
}

// joinDisk plays what a leader's daemon does: it copies the newest records of the two others, where this node reaches all three.
func (n *node) joinDisk(a cluster.JoinDisk) {
	n.joining = a.ID
	e := n.engine
	n.w.in(joinTakes, func() {
		if n.engine != e || n.stopped || !n.powered {
			return
		}
		ended := cluster.DiskJoined{ID: a.ID, Detail: n.whyNotJoin(a)}
		if ended.OK = ended.Detail == ""; ended.OK {
			n.w.copyToJoining()
		}
		n.step(ended)
	})
}

func (n *node) whyNotJoin(a cluster.JoinDisk) string {
	if n.joining != a.ID {
		return "called off"
	}
	for i := range n.disks {
		if n.disks[i].lost || n.disks[i].hung {
			return fmt.Sprintf("disk %d cannot be read", i+1)
		}
	}
	return ""
}

// copyToJoining brings each sector of the joining disk up to the newer of the two others.
func (w *World) copyToJoining() {
	for k := range w.disks {
		if !w.disks[k].joins {
			continue
		}
		a, b := &w.disks[(k+1)%len(w.disks)], &w.disks[(k+2)%len(w.disks)]
		for i := range a.slots {
			w.disks[k].slots[i], w.disks[k].claims[i] = a.slots[i], a.claims[i].With(b.claims[i])
			if b.slots[i].Newer(a.slots[i]) {
				w.disks[k].slots[i] = b.slots[i]
			}
		}
		w.disks[k].joins = false
		w.disks[k].marks = newMarks(len(a.slots), printOf(w.Config))
	}
}
