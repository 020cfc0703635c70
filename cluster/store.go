package cluster

import (
	"slices"
	"time"

	"locum/wire"
)

// The ceiling is made durable ahead of time, so that no promise on the way to a takeover waits for a disk.
const (
	ceilingAhead = 1024 * epochStride // how far above the highest promise the ceiling is set
	ceilingLow   = 512 * epochStride  // when less than this is left, it is raised
)

// storeWithin is how long a write for which no promise waits may take until the state directory counts as one that cannot be used: disks that work, and those that
// try again by themselves, have answered by then. The write may still succeed; nothing else is written before it has ended.
const storeWithin = 20 * time.Second

// storeAgain is the pause before a state directory that cannot be written is tried again.
const storeAgain = 5 * time.Second

// storing is the state directory as the engine sees it.
type storing struct {
	id       uint64 // under way, 0 none
	sent     Durable
	writable bool
	due      wire.Instant    // after a failure: when it is tried again
	late     wire.Instant    // when the write that is under way counts as hanging, 0 if none is, or it does already
	hangs    bool            // it does
	accept   *Replicate      // intents that are to be durable before they are accepted
	from     wire.Node       // who is told
	keys     []wire.KeyPrint // of a new file, as they were read here
}

// save makes durable what changed: one write at a time, each of everything.
func (e *Engine) save() {
	st := &e.storing
	if st.due != 0 && e.now >= st.due {
		st.due = 0
	}
	d := e.desired()
	if st.id == 0 && st.accept != nil && !e.durable.Intents.Version.Less(st.accept.Intents.Version) {
		e.accepted(true, "")
	}
	if st.late != 0 && e.now >= st.late {
		st.late, st.hangs = 0, true
		e.cannotStore("a write has not ended in time; it is waited for")
	}
	if st.hangs {
		e.accepted(false, "the state directory hangs")
	}
	if st.id != 0 || st.due != 0 || st.writable && d.same(e.durable) { // not writable: tried again, to learn when it is
		return
	}
	st.id, st.sent = e.nextID(), d
	st.late = e.after(storeWithin)
	e.do(Store{ID: st.id, Durable: d})
}

// hurryStore: a promise waits for the write that is under way. Before its proposer has waited for long enough, and left this node out of the view, it goes without a vote.
func (e *Engine) hurryStore() {
	if st := &e.storing; st.late != 0 {
		st.late = min(st.late, e.after(e.leastAnswerTime()/2))
	}
}

// desired is what should be durable now.
func (e *Engine) desired() Durable {
	d := Durable{Known: true, Ceiling: e.durable.Ceiling, Intents: e.intents, Prepared: e.prepared, Lives: slices.Clone(e.known), Doubted: e.doubted,
		Boot: e.durable.Boot, Incarnation: e.durable.Incarnation}
	if top := max(e.promised, e.election.highest); top+ceilingLow > d.Ceiling {
		d.Ceiling = top + ceilingAhead
	}
	if a := e.storing.accept; a != nil && d.Intents.Version.Less(a.Intents.Version) {
		d.Intents = a.Intents
		if a.Text != "" {
			d.Prepared = a.Text
		}
	}
	if d.Past = e.pastLimits(); d.Past != nil {
		d.PastBoot = e.welcome.Boot
	}
	if e.admitted {
		d.Boot, d.Incarnation = e.welcome.Boot, e.welcome.Incarnation
	}
	return d
}

func (d Durable) same(o Durable) bool {
	return d.Known == o.Known && d.Prepared == o.Prepared && d.Ceiling == o.Ceiling && d.Boot == o.Boot && d.Incarnation == o.Incarnation &&
		d.Intents.same(o.Intents) && slices.Equal(d.Lives, o.Lives) && slices.Equal(d.Past, o.Past) && d.PastBoot == o.PastBoot && d.Doubted == o.Doubted
}

func (in Intents) same(o Intents) bool {
	return in.Version == o.Version && in.Standby == o.Standby && in.Maintenance == o.Maintenance && in.Apart == o.Apart &&
		slices.Equal(in.Services, o.Services)
}

// stored takes the state directory's word. A node that cannot write keeps its services and casts no vote.
func (e *Engine) stored(ev Stored) {
	st := &e.storing
	if st.id != ev.ID || ev.ID == 0 {
		return
	}
	st.id, st.late, st.hangs = 0, 0, false
	if !ev.OK {
		st.due = e.after(storeAgain)
		e.cannotStore(ev.Detail)
		return
	}
	if !st.writable {
		e.tell(History{Kind: "alarm", Level: "info", Node: e.name(e.self), Text: "the state directory can be used again"})
	}
	st.writable = true
	e.durable = st.sent
	e.accepted(true, "")
}

// cannotStore notes that the state directory cannot be used now. What was to be accepted is not.
func (e *Engine) cannotStore(why string) {
	st := &e.storing
	if st.writable {
		e.tell(History{Kind: "alarm", Level: "alarm", Node: e.name(e.self),
			Text: "the state directory cannot be used, so this node keeps its services and casts no vote: " + why})
	}
	st.writable = false
	e.accepted(false, why)
}
