package heartbeat

import (
	"fmt"

	"locum/inm"
	"locum/wire"
)

// peer is what this heart knows of another node.
type peer struct {
	is   wire.Peer // as it is now
	said wire.Peer // as the engine was told last
	name string

	admitted wire.Instant // since when its frames count, 0 if they do not
	life     life         // the one admitted last
	greeted  wire.Instant // when the newest Hello was sent to it
	asked    bool         // it waits for an answer
	looked   wire.Instant // when its paths were judged last; 0 a frame has come since
	since    wire.Instant // since when it is alive
	stranger wire.Incarnation
	clone    struct {
		life  life
		since wire.Instant // it proved to be there
	}

	counter uint64       // of its newest beat
	came    wire.Instant // when that was here for certain: without a stamp of the kernel, when it was taken
	echo    wire.Echo    // what it heard of this node
	echoed  wire.Instant // when this node sent the newest beat that it echoed inside the same view
	fresh   bool         // it echoed a beat that was sent since this node's doubt

	carriers [wire.MaxPaths]carrier
	foreign  foreign
	lastPath bool // alarmed: it is the only one left

	messages
}

// life is what a Hello said of its sender.
type life struct {
	incarnation   wire.Incarnation
	boot, machine wire.ID
}

func (p *peer) alive() bool { return p.is.State == wire.PeerUp || p.is.State == wire.PeerLate }

func (h *Heart) makePeers() error {
	for _, n := range h.cfg.Nodes {
		h.nodes = h.nodes.With(n.Number)
		if n.Number != h.self {
			p := &peer{name: n.Name, is: wire.Peer{Node: n.Number}, messages: messages{session: inm.New(h.endName())}}
			p.said = p.is
			h.peers, h.row = append(h.peers, p), append(h.row, n.Number)
			h.byNode[n.Number] = p
		}
	}
	if !h.nodes.Has(h.self) {
		return fmt.Errorf("heart: the file has no node %d", h.self)
	}
	for _, c := range h.cfg.Paths {
		on := h.nodes
		if len(c.Ports) > 0 {
			on = 0
			for n := range c.Ports {
				on = on.With(n)
			}
		}
		if len(c.Addresses) > 0 {
			on = 0
			for n := range c.Addresses {
				on = on.With(n)
			}
		}
		if !on.Has(h.self) {
			on = 0
		}
		h.paths = append(h.paths, path{name: c.Name, kind: c.Type, mtu: c.MTU(), rate: c.Baud / 10, nodes: on.Without(h.self), shared: c.Shared})
	}
	return nil
}

// frameArrived takes whatever came on a path.
func (h *Heart) frameArrived(in Frame) {
	if in.Path < 0 || in.Path >= len(h.paths) {
		return
	}
	f := &h.frame
	f.Sender = 0
	drop := h.opener.Open(in.Path, in.Received.Frame, f)
	at := min(in.At, h.now)
	p := h.byNode[min(int(f.Sender), wire.MaxNodes)]
	h.count(in.Path, p, drop)
	if p != nil {
		p.looked = 0
		h.touched(p)
	}
	switch {
	case drop == wire.DropTwin:
		h.alarmTwin()
	case drop == wire.DropCluster:
		h.foreignArrived(in.Received.Frame)
	case p == nil:
	case f.Kind == wire.KindHello && (drop == wire.DropNone || drop == wire.DropOldLife):
		h.helloArrived(p, f)
	case f.Kind == wire.KindBeat && (drop == wire.DropNone || drop == wire.DropDuplicate):
		h.carriedBeat(p, in.Path, at, f.Beat.Number)
		if drop == wire.DropNone {
			came := at
			if !in.Stamped {
				came = h.now
			}
			h.beatArrived(p, at, came, f)
			h.tellPeerIfChanged(p)
		}
	case f.Kind == wire.KindSegment && drop == wire.DropNone:
		h.segmentArrived(p, in.Path, f)
	}
}

// beatArrived takes a beat that is newer than all before it. Only such a one shows that its sender lives: an older one may
// be a recording.
func (h *Heart) beatArrived(p *peer, at, came wire.Instant, f *wire.Frame) {
	b := &f.Beat
	p.counter = f.Counter
	h.detector.Heard(p.is.Node, at)
	state, _ := h.detector.Judge(p.is.Node, h.now)
	if state == wire.PeerDead {
		return // it waited too long in a queue to show anything
	}
	p.came = max(p.came, came)
	if !p.alive() {
		p.since = h.now
		h.beats.urgent = true
		p.heardAgain()
	}
	was := p.is
	h.untold = h.untold.With(was.Node)
	p.is = wire.Peer{
		Node: was.Node, State: state, Incarnation: p.life.incarnation, Boot: p.life.boot, Machine: p.life.machine,
		EngineUp: b.EngineUp, EngineStart: b.EngineStart, Leaving: b.Leaving, Quorate: b.Quorate, Idle: b.Idle, Epoch: b.Epoch,
		Hears: b.Hears & h.nodes, ObeysLease: b.ObeysLease, LeaseMS: b.LeaseMS, Armed: b.Armed, WatchdogMS: b.WatchdogMS,
	}
	if p.is.Epoch != was.Epoch && p.is.Epoch == h.granted() && p.is.Epoch != 0 {
		h.beats.urgent = true // it waits for an echo inside the view that it has just come to
	}
	h.news = h.news || terms(p.is) != terms(was)
	h.renameSession(p)
	p.echo = wire.Echo{}
	if b.Hears.Has(h.self) {
		p.echo = b.Echoes[h.self-1]
		h.echoArrived(p, b.Epoch)
	}
}

// judgePeers says who is late and who is dead.
func (h *Heart) judgePeers() {
	for n := range h.dueNow() {
		p := h.byNode[n]
		if !p.alive() {
			if p.admitted != 0 && h.silence(p.admitted) >= h.dead {
				h.dismiss(p)
			}
			continue
		}
		state, _ := h.detector.Judge(p.is.Node, h.now)
		if state == p.is.State {
			continue
		}
		p.is.State = state
		h.untold = h.untold.With(p.is.Node)
		if state == wire.PeerDead {
			h.died(p)
		}
	}
}

// silence is how long ago an instant was, less the time that this heart slept since.
func (h *Heart) silence(since wire.Instant) wire.Instant {
	return h.now - since - h.detector.Slept(since)
}

// died takes a peer for dead. Its life may come back, by a new answer; a frame of it that was held back may not.
func (h *Heart) died(p *peer) {
	h.dismiss(p)
	p.is.Hears = 0
	for i := range p.carriers {
		p.carriers[i].end()
	}
	p.lastPath = false
	h.pathsChanged = true
	h.endMessages(p)
}

func (h *Heart) dismiss(p *peer) {
	h.opener.Dismiss(p.is.Node)
	p.admitted = 0
	p.echo, p.fresh = wire.Echo{}, false
}

// tellPeers gives the engine each record that changed.
func (h *Heart) tellPeers() {
	for n := range h.untold.All {
		h.tellPeerIfChanged(h.byNode[n])
	}
}

func (h *Heart) tellPeerIfChanged(p *peer) {
	if p.is != p.said {
		h.tellPeer(p)
	}
	h.untold = h.untold.Without(p.is.Node)
}

func (h *Heart) tellPeer(p *peer) {
	p.said = p.is
	record := p.is
	record.LastHeard = h.lastHeard(p)
	h.toEngine(wire.ToEngine{Peer: &record})
}

// lastHeard is when a peer was heard last, and not before it sent what this node has echoed: others count from it how long the lease
// that the echo granted lasts (SAFETY 1). The detector dates what has no stamp from the drain before, since that may have waited.
func (h *Heart) lastHeard(p *peer) wire.Instant { return max(h.detector.LastHeard(p.is.Node), p.came) }
