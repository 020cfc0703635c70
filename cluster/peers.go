package cluster

import (
	"fmt"

	"locum/wire"
)

// peerChanged takes the heart's word about another node.
func (e *Engine) peerChanged(w wire.Peer) {
	if w.Node == e.self || int(w.Node) >= len(e.peers) || !configured(e.cfg).Has(w.Node) {
		return
	}
	p := e.peer(w.Node)
	old := p.Peer
	p.Peer = w
	if old.State != w.State {
		p.since = e.now
		e.tellPeer(old.State, w)
	}
	if old.Incarnation != w.Incarnation {
		p.leaves, p.gone = false, false
	}
	if old.State != w.State || old.Hears.Has(e.self) != w.Hears.Has(e.self) {
		p.mute = mute{} // the way to it has changed
	}
	e.noteLost(p, old)
	e.noteEngine(p)
	e.noteLife(w)
	if e.alive(w.Node) && (old.State == wire.PeerDead || old.State == wire.PeerNever || old.Incarnation != w.Incarnation) {
		e.heardAgain(w.Node)
	}
	e.noteEpoch(w.Epoch)
}

func (e *Engine) tellPeer(was wire.PeerState, w wire.Peer) {
	level := "info"
	switch {
	case w.State == wire.PeerDead:
		level = "alarm"
	case w.State == wire.PeerLate:
		level = "warn"
	case was == wire.PeerLate && w.State == wire.PeerUp:
		level = "warn"
	}
	e.tell(History{Kind: "peer", Level: level, Node: e.name(w.Node),
		Text: fmt.Sprintf("%s: %s, was %s", e.name(w.Node), w.State, was)})
}

// noteLost keeps since when this node and another have lost each other: since it was silent for dead, or since its beats say
// that it does not hear this node. Both sides come to nearly the same instant, whichever direction failed first. An engine
// that is started anew in a tie goes on with what its predecessor knew; one that its predecessor left nothing cannot know.
func (e *Engine) noteLost(p *peer, old wire.Peer) {
	switch {
	case p.State == wire.PeerNever || e.alive(p.Node) && p.Hears.Has(e.self):
		p.lost, p.lostBefore = 0, 0
	case p.lost != 0 || p.lostBefore != 0:
	case old.State == wire.PeerNever && e.tie.Since != 0:
		p.lost = e.tie.Since
	case old.State == wire.PeerNever && p.State == wire.PeerDead:
		p.lostBefore = min(p.LastHeard+wire.Instant(e.cfg.Beat.Dead), max(e.now, 1))
	case old.State == wire.PeerNever:
		p.lostBefore = max(e.now, 1)
	case p.State == wire.PeerDead:
		p.lost = p.LastHeard + wire.Instant(e.cfg.Beat.Dead)
	case old.Hears.Has(e.self):
		p.lost = e.now
	}
}

// noteEngine keeps since when a living heart has no engine.
func (e *Engine) noteEngine(p *peer) {
	switch down := e.alive(p.Node) && !p.EngineUp; {
	case !down:
		p.engineDown = 0
	case p.engineDown == 0:
		p.engineDown = e.now
	}
}

// noteLife keeps the machine and the boot of each node, and takes a new boot of the same machine as proof that whatever
// the old one ran is gone. The heart admits a life only upwards and after a fresh challenge, and only once the former one
// was silent for dead.
func (e *Engine) noteLife(w wire.Peer) {
	if w.Incarnation == 0 || !e.alive(w.Node) {
		return
	}
	life := e.lifeOf(w.Node)
	for i, k := range e.known {
		if k.Node != w.Node {
			continue
		}
		if life.Incarnation <= k.Incarnation {
			return
		}
		if life.Boot != k.Boot && life.Machine == k.Machine {
			e.proven(Clean{Node: w.Node, Life: k, Proof: ProofNewBoot, Epoch: e.view.Epoch})
		}
		e.known[i] = life
		return
	}
	e.known = append(e.known, life)
}

// heardAgain drops proofs that a node contradicts by being alive in the very life they say is over.
func (e *Engine) heardAgain(n wire.Node) {
	c, ok := e.cleanOf(n)
	life := e.lifeOf(n)
	switch {
	case !ok || c.Proof == ProofLease:
		return
	case c.Proof == ProofLeft && c.Life.Incarnation != life.Incarnation:
		return
	case !c.Life.Boot.IsZero() && c.Life.Boot != life.Boot:
		return
	}
	e.contradicted(c, "is heard")
}

// contradicted makes a proof void, and has the view judged anew that may rest on it.
func (e *Engine) contradicted(c Clean, how string) {
	e.unproven(c.Node)
	e.peer(c.Node).denied, e.election.voided = c, e.view.Epoch
	e.tell(History{Kind: "alarm", Level: "alarm", Node: e.name(c.Node), Proof: c.Proof.String(),
		Text: fmt.Sprintf("%s %s in the life that was said to be over (%s): the proof is void", e.name(c.Node), how, c.Proof)})
}
