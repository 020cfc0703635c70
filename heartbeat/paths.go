package heartbeat

import (
	"fmt"
	"math/bits"

	"locum/wire"
)

// path is one line "path" of the file.
type path struct {
	name, kind string
	nodes      wire.Nodes // peers that it leads to
	mtu        int
	rate       int  // bytes a second, 0 if it does not matter
	down       bool // the loop says that it cannot send
	shared     bool // a beat goes out once, to all
	drops      [wire.Drops]uint64
}

// carrier is one path to one peer.
type carrier struct {
	heard   wire.Instant // newest stamp on it
	up      bool         // heard within dead
	echoed  wire.Instant // when the peer last said that it hears us on it
	oneWay  bool         // up, and the peer has not said so for dead
	lost    bool         // alarmed
	since   wire.Instant // since when it is up
	counted bool         // number is of the newest beat
	number  uint8
	got     uint32 // beats, and those that were missing between them; halved now and then
	missed  uint32
	drops   [wire.Drops]uint32
	apart   apart
	small   bool // messages go in small frames, for large ones do not pass
}

const (
	// lossOver is over how many beats the loss is reckoned, at least; at most over twice as many.
	lossOver = 256
	// farAhead: a number further ahead than this is not of a loss but of a silence.
	farAhead = 128
)

func (c *carrier) end() {
	c.up, c.oneWay, c.lost, c.counted, c.heard, c.apart = false, false, false, false, 0, apart{}
}

// count notes one beat and how many are missing before it.
func (c *carrier) count(number uint8) {
	if c.counted {
		if ahead := number - c.number; ahead > 0 && ahead < farAhead {
			c.missed += uint32(ahead) - 1
		}
	}
	c.number, c.counted = number, true
	c.got++
	if c.got+c.missed >= 2*lossOver {
		c.got, c.missed = c.got/2, c.missed/2
	}
}

func (c *carrier) loss() float64 {
	switch {
	case !c.up:
		return 100
	case c.got+c.missed == 0:
		return 0
	}
	return 100 * float64(c.missed) / float64(c.got+c.missed)
}

// carried is the set of paths on which the peer is heard.
func (p *peer) carried() uint8 {
	var s uint8
	for i := range p.carriers {
		if p.carriers[i].up {
			s |= 1 << i
		}
	}
	return s
}

// carriedBeat notes that a path brought a beat, be it the first or the last to do so.
func (h *Heart) carriedBeat(p *peer, i int, at wire.Instant, number uint8) {
	c := &p.carriers[i]
	c.heard = max(c.heard, at)
	c.count(number)
	if !c.up && h.silence(c.heard) < h.dead {
		c.up, c.since = true, h.now
		h.pathsChanged = true
		if c.lost {
			c.lost = false
			h.do(Alarm{Node: p.is.Node, Over: true, Text: fmt.Sprintf("path %s to %s carries again", h.paths[i].name, p.name)})
		}
	}
}

// judgePaths says which paths to living peers are lost, carry in one direction only, or are the last.
func (h *Heart) judgePaths() {
	for _, p := range h.peers {
		if !p.alive() || p.looked != 0 && h.now-p.looked < h.every {
			continue
		}
		p.looked = h.now
		settled := h.silence(p.since) >= h.dead
		for i := range h.paths {
			if h.paths[i].nodes.Has(p.is.Node) {
				h.judgePath(p, i, settled)
				h.judgeHole(p, i)
			}
		}
		h.judgeLast(p, settled)
		h.tellSessionPaths(p)
		h.flush(p)
	}
}

func (h *Heart) judgePath(p *peer, i int, settled bool) {
	c := &p.carriers[i]
	if c.up && h.silence(c.heard) >= h.dead {
		c.up, c.oneWay, c.counted = false, false, false
		h.pathsChanged = true
	}
	if !c.up && !c.lost && settled {
		c.lost = true
		h.do(Alarm{Node: p.is.Node, Text: fmt.Sprintf("path %s to %s is lost; others carry", h.paths[i].name, p.name)})
	}
	if p.echo.Paths&(1<<i) != 0 {
		c.echoed = h.now
	}
	oneWay := c.up && h.silence(max(c.since, c.echoed)) >= h.dead
	if oneWay == c.oneWay {
		return
	}
	c.oneWay = oneWay
	h.pathsChanged = true
	if oneWay {
		h.do(Alarm{Node: p.is.Node, Text: fmt.Sprintf("path %s carries from %s only: it does not hear this node on it", h.paths[i].name, p.name)})
	} else if c.up {
		h.do(Alarm{Node: p.is.Node, Over: true, Text: fmt.Sprintf("path %s to %s carries both ways again", h.paths[i].name, p.name)})
	}
}

// good is the set of paths that carry, as far as is known both ways.
func (p *peer) good() uint8 {
	s := p.carried()
	for i := range p.carriers {
		if p.carriers[i].oneWay {
			s &^= 1 << i
		}
	}
	return s
}

// judgeLast says loudly when one path is left of several.
func (h *Heart) judgeLast(p *peer, settled bool) {
	good := p.good()
	several := 0
	for i := range h.paths {
		if h.paths[i].nodes.Has(p.is.Node) {
			several++
		}
	}
	last := settled && several > 1 && bits.OnesCount8(good) == 1
	if last == p.lastPath {
		return
	}
	p.lastPath = last
	if last {
		h.do(Alarm{Node: p.is.Node, Text: fmt.Sprintf("only one path to %s is left: %s; if it fails too, %s is taken for dead",
			p.name, h.paths[bits.TrailingZeros8(good)].name, p.name)})
	} else if bits.OnesCount8(good) > 1 {
		h.do(Alarm{Node: p.is.Node, Over: true, Text: fmt.Sprintf("more than one path to %s carries again", p.name)})
	}
}

// pathChanged takes the loop's word that a path can send or cannot.
func (h *Heart) pathChanged(i int, err error, up bool) {
	if i < 0 || i >= len(h.paths) || h.paths[i].down == !up {
		return
	}
	h.paths[i].down = !up
	h.pathsChanged = true
	if up {
		h.do(Alarm{Over: true, Text: fmt.Sprintf("path %s can send again", h.paths[i].name)})
	} else {
		h.do(Alarm{Text: fmt.Sprintf("path %s cannot send: %v", h.paths[i].name, err)})
	}
	for _, p := range h.peers {
		h.tellSessionPaths(p)
		h.flush(p)
	}
}

// mtuChanged has messages cut into pieces of another size.
func (h *Heart) mtuChanged(i, mtu int) {
	if i < 0 || i >= len(h.paths) || h.paths[i].mtu == mtu {
		return
	}
	h.paths[i].mtu = mtu
	for _, p := range h.peers {
		h.setSessionPaths(p)
		h.flush(p)
	}
}

// count counts a frame that was dropped: with the peer that it says it is from, else with the path.
func (h *Heart) count(i int, p *peer, d wire.Drop) {
	switch {
	case d == wire.DropNone:
	case p != nil:
		p.carriers[i].drops[d]++
	default:
		h.paths[i].drops[d]++
	}
}

// tellPaths tells the engine when a path came or went, or became one-way.
func (h *Heart) tellPaths() {
	if h.pathsChanged {
		h.pathsChanged = false
		h.toEngine(wire.ToEngine{Paths: h.Paths(h.now)})
	}
}

// Paths is the state of each path to each peer, in order of peers and of the file. What was dropped and cannot be told to
// be from a peer stands with the first peer of its path.
func (h *Heart) Paths(now wire.Instant) []wire.PathState {
	var list []wire.PathState
	shown := [wire.MaxPaths]bool{}
	for _, p := range h.peers {
		for i := range h.paths {
			if !h.paths[i].nodes.Has(p.is.Node) {
				continue
			}
			list = append(list, h.pathState(now, p, i, !shown[i]))
			shown[i] = true
		}
	}
	return list
}

func (h *Heart) pathState(now wire.Instant, p *peer, i int, first bool) wire.PathState {
	c := &p.carriers[i]
	s := wire.PathState{Path: h.paths[i].name, Type: h.paths[i].kind, Peer: p.is.Node, Up: c.up,
		PeerHears: p.alive() && p.echo.Paths&(1<<i) != 0, LossPct: c.loss(), RTTMicros: p.rtt(i).Microseconds()}
	s.Note = h.note(p, i)
	if c.heard != 0 {
		s.SilentMS = int64(max(now, h.now)-c.heard) / 1e6
	}
	for d := range wire.Drop(wire.Drops) {
		n := uint64(c.drops[d])
		if first {
			n += h.paths[i].drops[d]
		}
		if n > 0 {
			if s.Drops == nil {
				s.Drops = map[string]uint64{}
			}
			s.Drops[d.Key()] = n
		}
	}
	return s
}
