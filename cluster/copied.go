package cluster

import "locum/wire"

// A quorum disk that was copied bears the id of the one that it was copied from, and shows what stood there: halves of a mirror that has come apart, a
// snapshot, a file that was moved with its machine. A node at the one and a node at the other have seen each other write, once, and each would win on its own.
// What gives them away is that each hears the other, does not see it write any more, and is not told that it has lost the disk.

// DiskWord says whether its sender has lost the quorum disks. Who has said nothing has not.
type DiskWord struct {
	Lost bool `json:"lost"`
}

// copied is what is known of whether another node uses another copy of the quorum disks.
type copied struct {
	still wire.Instant // since when it is not seen to write, and does not say why; 0 if it is, or does
	lost  wire.Life    // which has said that it has lost them
	told  wire.Life    // which was told that this node has
}

// compareDisks keeps what tells copies of the disks apart.
func (e *Engine) compareDisks() {
	if len(e.cfg.Disks) > 0 {
		e.noteStill()
		e.tellDisk()
	}
}

// tellDisk says to each engine that is heard, and was told otherwise, whether this node has lost the quorum disks.
func (e *Engine) tellDisk() {
	lost := !e.disk.Good && e.disk.Trouble != ""
	for _, c := range e.cfg.Nodes {
		p, life := e.peer(c.Number), e.lifeOf(c.Number)
		if c.Number == e.self || !e.alive(c.Number) || !p.EngineUp || lost == (p.copied.told == life) {
			continue
		}
		p.copied.told = wire.Life{}
		if lost {
			p.copied.told = life
		}
		e.send(c.Number, Message{Disk: &DiskWord{Lost: lost}})
	}
}

// diskSaidBy takes another node's word about its quorum disks.
func (e *Engine) diskSaidBy(life wire.Life, w DiskWord) {
	p := e.peer(life.Node)
	p.copied.lost = wire.Life{}
	if w.Lost {
		p.copied.lost = life
	}
}

// noteStill keeps since when each node is not seen to write, though its engine could say why to this node, which it hears, and says nothing. One that is known
// to be at a copy stays so until it is seen. While this node has lost the disks itself, nothing is seen.
func (e *Engine) noteStill() {
	for _, s := range e.disk.Slots {
		p := e.peer(s.Node)
		still := s.Still || s.Incarnation < p.Incarnation
		silent := p.EngineUp && p.Hears.Has(e.self) && p.copied.lost != e.lifeOf(s.Node)
		switch {
		case !e.disk.Good:
		case !still || !silent && !e.onACopy(s.Node):
			p.copied.still = 0
		case p.copied.still == 0:
			p.copied.still = max(e.now, 1)
		}
	}
}

// onACopy reports whether a node that reaches its quorum disks was heard long after it was last seen to write to these. A life that has just begun, or has
// just lost them, has had the time to write, or to say so.
func (e *Engine) onACopy(n wire.Node) bool {
	p := e.peer(n)
	heard := p.LastHeard
	if e.alive(n) {
		heard = e.now
	}
	return p.copied.still != 0 && p.copied.lost != e.lifeOf(n) && heard >= p.copied.still+wire.Instant(3*e.cfg.Disks[0].Dead)
}
