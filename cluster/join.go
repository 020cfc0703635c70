package cluster

import (
	"time"

	"locum/wire"
)

// joining is a quorum disk that replaces another one of three. It counts only after the newest records of the two others were
// copied to it, which the leader of a quorate view has done, and nobody else: two that did it at once could each make a
// majority of their own.
type joining struct {
	id     uint64       // under way, 0 none
	ended  bool         // called off
	due    wire.Instant // when the next try is allowed
	detail string       // how the last try ended, if not well
}

// joinPause is between two tries to have a disk count.
const joinPause = 30 * time.Second

// joinDisk has a disk join, and calls that off where this node may not do it any more.
func (e *Engine) joinDisk() {
	j := &e.joining
	switch mayJoin := e.mayJoin(); {
	case j.id != 0 && !mayJoin && !j.ended:
		j.ended = true
		e.do(CancelJoin{ID: j.id})
	case j.id == 0 && mayJoin && e.disk.Joins && e.sealsNothing() && e.now >= j.due:
		j.id, j.ended, j.due = e.nextID(), false, 0
		e.do(JoinDisk{ID: j.id})
	}
}

// mayJoin: this node leads more than half of the votes, by themselves and not by the disks' word or an exemption, and its lease holds.
func (e *Engine) mayJoin() bool {
	return e.leads() && e.admitted && e.view.Verdict.Quorate && e.view.Verdict.Claim == 0 && e.lease.State == wire.LeaseHeld && !e.leaving.asked
}

// joinDue is when a disk may be tried again, 0 if none waits for it.
func (e *Engine) joinDue() wire.Instant {
	if j := &e.joining; j.id == 0 && e.disk.Joins && e.mayJoin() {
		return j.due
	}
	return 0
}

// diskJoined takes how it went. What failed is tried again, and told once.
func (e *Engine) diskJoined(ev DiskJoined) {
	j := &e.joining
	if j.id != ev.ID || ev.ID == 0 {
		return
	}
	told := j.detail
	*j = joining{due: e.after(joinPause), detail: ev.Detail}
	switch {
	case ev.OK:
		e.tell(History{Kind: "disk", Level: "info", Text: "the quorum disk that replaces another has what the others know, and counts"})
	case ev.Detail != told:
		e.tell(History{Kind: "disk", Level: "alarm", Text: "the quorum disk that replaces another does not count yet: " + ev.Detail})
	}
}
