package heartbeat

import (
	"slices"
	"time"

	"locum/inm"
	"locum/wire"
)

// messages is what stands between this node's engine and a peer's.
type messages struct {
	session *inm.Session
	pending []uint64 // accepted, and the engine does not know their fate
	usable  uint8    // the paths as the session was told last
}

// end names this node's engine (SAFETY 16).
func (h *Heart) endName() wire.End {
	return wire.End{Incarnation: h.incarnation, EngineStart: h.engine.number}
}

// sendMessage takes a message for a peer; its first transmission leaves in this very step. To a peer that is not heard
// nothing is sent: what became of it would never be known.
func (h *Heart) sendMessage(s wire.Send) {
	p := h.byNode[min(int(s.To), wire.MaxNodes)]
	if p == nil || !p.alive() {
		h.fate(s.ID, s.To, wire.OutcomeUnknown)
		return
	}
	h.tellSessionPaths(p)
	if err := p.session.Send(h.now, s.ID, s.Payload); err != nil {
		h.fate(s.ID, s.To, wire.OutcomeUnknown)
		h.do(Alarm{Node: s.To, Text: "a message to " + p.name + " was not sent: " + err.Error()})
		return
	}
	p.pending = append(p.pending, s.ID)
	h.flush(p)
}

func (h *Heart) took(t wire.Took) {
	if p := h.byNode[min(int(t.From), wire.MaxNodes)]; p != nil {
		p.session.Took(h.now, t.Number)
		p.session.Due(h.now)
		h.flush(p)
	}
}

func (h *Heart) segmentArrived(p *peer, path int, f *wire.Frame) {
	h.tellSessionPaths(p)
	if drop := p.session.Receive(h.now, path, &f.Segment); drop != wire.DropNone {
		h.count(path, p, drop)
	}
	h.flush(p)
}

// renameSession follows the peer's engine. Where its name changed, what it has not taken is lost to knowledge.
func (h *Heart) renameSession(p *peer) {
	p.session.SetPeer(wire.End{Incarnation: p.is.Incarnation, EngineStart: p.is.EngineStart})
	h.tellSessionPaths(p)
	h.flush(p)
}

// renameSessions follows this node's engine.
func (h *Heart) renameSessions() {
	for _, p := range h.peers {
		p.pending = p.pending[:0] // the engine that waited for them is gone
		p.session.Rename(h.endName())
		h.flush(p)
	}
}

// endMessages gives up all that is under way to a peer that is dead. Should the same life come back it may still get
// them; the engine was told that it cannot know.
func (h *Heart) endMessages(p *peer) {
	h.tellSessionPaths(p)
	for _, id := range p.pending {
		h.fate(id, p.is.Node, wire.OutcomeUnknown)
	}
	p.pending = p.pending[:0]
	h.flush(p)
}

// tellSessionPaths tells the session which paths carry: both ways where the peer says so, else at least towards us.
func (h *Heart) tellSessionPaths(p *peer) {
	usable := uint8(0)
	if p.alive() {
		if usable = p.carried() & p.echo.Paths; usable == 0 {
			usable = p.carried()
		}
	}
	for i := range h.paths {
		if h.paths[i].down {
			usable &^= 1 << i
		}
	}
	if usable == p.usable {
		return
	}
	p.usable = usable
	h.setSessionPaths(p)
}

func (h *Heart) setSessionPaths(p *peer) {
	infos := make([]inm.PathInfo, len(h.paths))
	for i := range infos {
		infos[i] = inm.PathInfo{MTU: h.paths[i].mtu, Up: p.usable&(1<<i) != 0, Rate: h.paths[i].rate}
	}
	p.session.SetPaths(h.now, infos)
	h.touched(p)
}

// flush carries out what the session wants.
func (h *Heart) flush(p *peer) {
	h.touched(p)
	for _, o := range p.session.Outputs() {
		switch o := o.(type) {
		case inm.Transmit:
			h.sendSegment(p, o)
		case inm.Deliver:
			h.toEngine(wire.ToEngine{Arrived: &wire.Arrived{From: p.is.Node, Number: o.Number, Payload: o.Payload, Life: wire.Life{
				Node: p.is.Node, Boot: p.life.boot, Machine: p.life.machine,
				Incarnation: o.From.Incarnation, EngineStart: o.From.EngineStart}}})
		case inm.Acked:
			h.ended(p, o.ID, wire.OutcomeDone)
		case inm.Lost:
			h.ended(p, o.ID, wire.OutcomeUnknown)
		}
	}
}

func (h *Heart) sendSegment(p *peer, o inm.Transmit) {
	start := len(h.arena)
	frame, err := h.sealer.Segment(h.arena, &o.Segment)
	if err != nil {
		h.cannotSeal(err)
		return
	}
	h.arena = frame
	h.do(Transmit{Path: o.Path, To: p.is.Node, Frame: frame[start:]})
}

// ended reports the fate of a message that the engine still waits for.
func (h *Heart) ended(p *peer, id uint64, o wire.Outcome) {
	if i := slices.Index(p.pending, id); i >= 0 {
		p.pending = slices.Delete(p.pending, i, i+1)
		h.fate(id, p.is.Node, o)
	}
}

func (h *Heart) fate(id uint64, to wire.Node, o wire.Outcome) {
	h.toEngine(wire.ToEngine{Fate: &wire.Fate{ID: id, To: to, Outcome: o}})
}

// messagesAreDue lets the sessions acknowledge and send again.
func (h *Heart) messagesAreDue() {
	for n := range h.dueNow() {
		p := h.byNode[n]
		if next, any := p.session.Next(); any && next <= h.now {
			p.session.Due(h.now)
			h.flush(p)
		}
	}
}

// messagesDue is when a session wants to be called, 0 if it does not.
func (h *Heart) messagesDue(p *peer) wire.Instant {
	next, any := p.session.Next()
	if !any {
		return 0
	}
	return max(next, 1)
}

// rtt is the round trip of a path as messages find it, 0 if there was none yet.
func (p *peer) rtt(path int) time.Duration { return p.session.RTT(path) }
