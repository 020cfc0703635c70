package heartbeat

import "locum/wire"

// sentKept is how many of this node's own beats are remembered with the instant at which they were sent. An echo of an
// older one renews nothing, which at worst shortens a lease.
const sentKept = 1024

// extraShare: an extra beat leaves no sooner than this share of the pace after the beat before it.
const extraShare = 4

// beats is the pace of this node's own.
type beats struct {
	next   wire.Instant // when the next one is due
	last   wire.Instant // when the newest was sent
	urgent bool         // others wait for what changed
	again  bool         // a drain is missing before anybody can be judged
	number uint8
	greet  int       // the peer in whose turn it is to be greeted first
	beat   wire.Beat // scratch
	sent   [sentKept]sentBeat
	newest int
}

type sentBeat struct {
	counter uint64
	at      wire.Instant
}

// sentAt is when the beat with a counter was sent, 0 if that is not known.
func (b *beats) sentAt(counter uint64) wire.Instant {
	for i := range sentKept {
		s := &b.sent[(b.newest-i+sentKept)%sentKept]
		if s.counter <= counter {
			if s.counter == counter {
				return s.at
			}
			return 0
		}
	}
	return 0
}

// beatIsDue reports whether it is time for a beat, and whether that leaves together with one of the pacemaker's that has
// just come.
func (h *Heart) beatIsDue() (due, together bool) {
	together = h.pacemaker() > h.beats.last && h.now >= h.beats.next-2*h.every/nudgeShare
	return together || h.now >= h.beats.next, together
}

func (h *Heart) beatIfDue() {
	due, together := h.beatIsDue()
	if !due {
		return
	}
	nudge := h.every / nudgeShare
	switch heard := h.pacemaker(); {
	case together:
		h.beats.next = h.now + h.every + nudge // the pacemaker's next one comes before
	case heard != 0 && h.now-heard < h.every:
		h.beats.next = h.now + h.every - min(h.now-heard, nudge)
	case h.beats.next+h.every > h.now:
		h.beats.next += h.every
	default:
		h.beats.next = h.now + h.every
	}
	h.sendBeat()
	h.greetAll()
}

// nudgeShare: a node that is not in step with its pacemaker sends each beat earlier by this share of the pace until it is.
const nudgeShare = 16

// pacemaker is when the newest beat of the lowest living node below this one came, 0 if there is none. Nodes that beat in
// step wake each other half as often.
func (h *Heart) pacemaker() wire.Instant {
	for _, p := range h.peers {
		if p.is.Node < h.self && p.alive() {
			return h.detector.LastHeard(p.is.Node)
		}
	}
	return 0
}

func (h *Heart) beatIfUrgent() {
	if h.beats.urgent && h.now >= h.urgentAt() {
		h.sendBeat()
	}
}

// urgentAt is when an urgent beat may leave, 0 if none is.
func (h *Heart) urgentAt() wire.Instant {
	if !h.beats.urgent {
		return 0
	}
	return max(h.beats.last+h.every/extraShare, 1)
}

// sendBeat seals one beat, the same bytes for every node and path.
func (h *Heart) sendBeat() {
	h.beats.urgent = false
	h.beats.last = h.now
	h.fillBeat(&h.beats.beat)
	start := len(h.arena)
	frame, err := h.sealer.Beat(h.arena, &h.beats.beat)
	if err != nil {
		h.cannotSeal(err)
		return
	}
	h.arena = frame
	h.beats.newest = (h.beats.newest + 1) % sentKept
	h.beats.sent[h.beats.newest] = sentBeat{h.sealer.Counter(), h.now}
	h.spread(frame[start:])
}

func (h *Heart) fillBeat(b *wire.Beat) {
	h.beats.number++
	g := &h.grants
	b.Boot, b.Number = h.boot, h.beats.number
	b.EngineUp, b.EngineStart = h.engine.up, h.engine.number
	b.Leaving, b.Idle = h.leaving, g.idle
	b.Epoch = h.granted()
	b.Quorate = g.view.Quorate && b.Epoch != 0
	b.ObeysLease = !g.view.Exempt
	b.Armed, b.WatchdogMS = h.watchdog.Armed, milliseconds(h.watchdog.Timeout)
	b.LeaseMS = milliseconds(h.cfg.Lease)
	b.Hears = 0
	for _, p := range h.peers {
		if p.alive() {
			b.Hears = b.Hears.With(p.is.Node)
			b.Echoes[p.is.Node-1] = wire.Echo{Counter: p.counter, Paths: p.carried()}
		}
	}
}

// transmit sends a frame to a peer over every path that both are on, also over one that could not send before: only by
// trying is it found out that it can again.
func (h *Heart) transmit(p *peer, frame []byte) {
	for i := range h.paths {
		if h.paths[i].nodes.Has(p.is.Node) {
			h.do(Transmit{Path: i, To: p.is.Node, Frame: frame})
		}
	}
}

// cannotSeal happens only when all counters of a life are spent: a new life has new ones.
func (h *Heart) cannotSeal(err error) {
	h.persist(true)
	h.do(Restart{Why: err.Error()})
}
