package heartbeat

import (
	"fmt"
	"time"

	"locum/wire"
)

// pingEvery is how often the engine is asked whether it still steps, and at least how long its answer may take.
const pingEvery = wire.Instant(time.Second)

// engine is what the heart knows of its engine.
type engine struct {
	there    bool   // its process runs
	up       bool   // it answers
	number   uint16 // of the newest one
	ping     uint64
	pinged   wire.Instant // when the newest ping left
	answered bool
	down     wire.Instant // since when it is not up, 0 if it is
	killed   bool         // since it was last up
	given    bool         // a reset for it was asked since it was last up
}

// engineStarted begins with a new engine: it learns all that the heart knows.
func (h *Heart) engineStarted(number uint16) {
	e := &h.engine
	e.there, e.number = true, number
	h.renameSessions()
	w := wire.Welcome{Version: wire.RecordsVersion, Self: h.self, Incarnation: h.incarnation, Boot: h.boot, Machine: h.machine,
		EngineStart: number, Lease: h.lease.Lease, Granted: h.lease.granted, Below: h.grants.below, Left: h.grants.left, Keys: h.keys}
	if h.grants.view.Epoch != 0 && !h.grants.left {
		w.Resume = h.grants.view
	}
	h.toEngine(wire.ToEngine{Welcome: &w})
	for _, p := range h.peers {
		h.tellPeer(p)
	}
	h.pathsChanged = true
	h.tellWatchdog()
	h.setWant(wire.Want{}) // what its predecessor wanted
	h.setPills(wire.Pills{})
	h.setReseal(wire.Reseal{})
	if h.disk.used {
		h.tellDisk()
	}
	if h.leaving {
		h.toEngine(wire.ToEngine{Leave: &wire.Leave{}})
	}
	h.pingEngine()
	h.beats.urgent = true
}

func (h *Heart) engineGone() {
	h.engine.there = false
	h.engineDown()
}

func (h *Heart) engineDown() {
	e := &h.engine
	if e.down == 0 {
		e.down = h.now
	}
	if e.up {
		e.up = false
		h.beats.urgent = true
	}
}

func (h *Heart) pingEngine() {
	e := &h.engine
	e.ping++
	e.pinged, e.answered = h.now, false
	h.toEngine(wire.ToEngine{Ping: &wire.Ping{Number: e.ping}})
}

// engineAnswered takes the newest ping back, the only sign that the engine has stepped on all before it.
func (h *Heart) engineAnswered(p wire.Ping) {
	e := &h.engine
	if p.Number != e.ping || e.answered {
		return
	}
	e.answered = true
	e.down, e.killed, e.given = 0, false, false
	if !e.up {
		e.up = true
		h.beats.urgent = true
	}
}

// judgeEngine asks the engine whether it steps, and what to do when it does not.
func (h *Heart) judgeEngine() {
	e := &h.engine
	if due, _ := h.beatIsDue(); due && e.there && e.answered && h.now-e.pinged >= pingEvery {
		h.pingEngine() // together with a beat, so that the idle heart wakes only once
	}
	if e.there && !e.answered && h.silence(e.pinged) >= max(pingEvery, h.dead) {
		h.engineDown()
	}
	if e.down == 0 {
		return
	}
	grace := wire.Instant(h.cfg.Engine.Grace)
	if e.there && !e.killed && h.silence(e.down) >= grace {
		e.killed = true
		h.do(KillEngine{Why: fmt.Sprintf("the engine does not answer for %s", span{e.down, h.now})})
	}
	if !e.given && h.grants.mayRun && h.silence(e.down) >= 2*grace && h.anotherEngineUp() {
		e.given = true
		h.reset(fmt.Sprintf("the engine is down for %s while something may run here, and another node can take over", span{e.down, h.now}))
	}
}

// anotherEngineUp reports whether another member of the view has an engine: a message that ends every engine must not
// reset every node (SAFETY 19).
func (h *Heart) anotherEngineUp() bool {
	for _, p := range h.peers {
		if p.alive() && p.is.EngineUp && h.grants.view.Members.Has(p.is.Node) {
			return true
		}
	}
	return false
}

// engineSaid takes one record from the engine.
func (h *Heart) engineSaid(r wire.ToHeart) {
	switch {
	case !h.engine.there:
		// What an engine that is gone has left behind counts no more.
	case r.Send != nil:
		h.sendMessage(*r.Send)
	case r.Took != nil:
		h.took(*r.Took)
	case r.View != nil:
		h.setView(*r.View)
	case r.Cease != nil:
		h.cease(*r.Cease)
	case r.Permit != nil:
		h.permit(*r.Permit)
	case r.Idle != nil:
		h.setIdle(*r.Idle)
	case r.Pong != nil:
		h.engineAnswered(*r.Pong)
	case r.Want != nil:
		h.setWant(*r.Want)
	case r.Words != nil:
		h.setWords(*r.Words)
	case r.Pills != nil:
		h.setPills(*r.Pills)
	case r.Reseal != nil:
		h.setReseal(*r.Reseal)
	case r.Left != nil:
		h.engineLeft(*r.Left)
	}
}

func (h *Heart) leaveAsked() {
	if h.leaving {
		return
	}
	h.leaving = true
	h.beats.urgent = true
	h.toEngine(wire.ToEngine{Leave: &wire.Leave{}})
}

// engineLeft ends this life. The last beat says so, that nobody has to wait for the silence.
func (h *Heart) engineLeft(l wire.Leave) {
	h.leaving, h.exiting = true, true
	if l.Clean {
		h.grants.idle, h.grants.mayRun, h.grants.left = true, false, true
	}
	h.persist(true)
	h.sendBeat()
	if l.Clean && h.disk.used {
		h.leaveMark()
		return
	}
	h.do(Exit{Clean: l.Clean})
}
