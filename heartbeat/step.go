package heartbeat

import (
	"locum/config"
	"locum/wire"
)

// Heart is one node's deciding state beside the engine's. It is a plain value: no clock, lock or channel in it.
type Heart struct {
	cfg         *config.Config
	self        wire.Node
	incarnation wire.Incarnation
	boot        wire.ID
	machine     wire.ID
	every       wire.Instant
	dead        wire.Instant
	leaseTime   wire.Instant
	watchdog    WatchdogChanged
	dog         dog
	resume      *RunState // until the first step

	keys     []wire.KeyPrint // it seals with the first, and opens with all
	sealer   *wire.Sealer
	opener   *wire.Opener
	shake    *wire.Handshake
	detector *Detector

	now    wire.Instant
	nodes  wire.Nodes  // of the file, this one included
	peers  []*peer     // in order of number
	row    []wire.Node // their numbers
	due    dues
	untold wire.Nodes // whose records have changed since the engine was told
	news   bool       // what has to outlive this heart of what it has heard has changed since it was written
	byNode [wire.MaxNodes + 1]*peer
	paths  []path

	grants  grants
	lease   lease
	disk    disk
	engine  engine
	beats   beats
	leaving bool         // a leave was asked for
	exiting bool         // the engine has left
	exitBy  wire.Instant // when the heart exits, 0 if it has or does not wait
	// pathsChanged: a path came, went or became one-way since the engine was told.
	pathsChanged bool
	twinSaid     wire.Instant

	wake   wire.Instant // asked for, 0 none yet
	delays delays
	frame  wire.Frame // scratch
	arena  []byte     // the frames of this step
	out    []Output
}

// Step takes one input at one instant and gives what has to be done about it. An instant before the one of the last step
// counts as that one. The result and what it points to are valid until the next Step.
func (h *Heart) Step(now wire.Instant, in Input) []Output {
	h.begin(now)
	switch in := in.(type) {
	case Tick:
		h.tick(in.Drained)
	case Frame:
		h.frameArrived(in)
		return h.out // the Tick that ends the drain does the rest
	case FromEngine:
		h.engineSaid(in.ToHeart)
	case EngineStarted:
		h.engineStarted(in.Number)
	case EngineGone:
		h.engineGone()
	case PathUp:
		h.pathChanged(in.Path, nil, true)
	case PathDown:
		h.pathChanged(in.Path, in.Err, false)
	case PathMTU:
		h.mtuChanged(in.Path, in.MTU)
	case DiskEnded:
		h.diskEnded(in.Ended)
	case WatchdogChanged:
		h.watchdogChanged(in)
	case LeaveAsked:
		h.leaveAsked()
	case Reload:
		h.persist(true)
		h.do(Restart{Why: "told to"})
	}
	h.end(in)
	return h.out
}

// begin judges this node's own lease before anything else, above all before a beat leaves: after a sleep the lease is
// over first, and only then come the frames.
func (h *Heart) begin(now wire.Instant) {
	h.now = max(h.now, now)
	h.out, h.arena = h.out[:0], h.arena[:0]
	if h.resume != nil {
		h.resumeFrom(*h.resume)
		h.resume = nil
	}
	h.delays.note(h.now, h.wake)
	if h.detector.Ran(h.now, h.wake) > 0 {
		h.wake = h.now
		clear(h.due[:]) // silence is excused for as long as this heart slept
	}
	h.judgeLease()
}

func (h *Heart) tick(drained bool) {
	h.renewIfEchoed()
	if rested := h.detector.Rested(); drained && rested {
		h.judgePeers()
		h.judgePaths()
		h.beats.again = false
	} else {
		h.beats.again = true // to drain, and judge then
	}
	h.judgeEngine()
	h.petIfDue()
	h.settleIfKnown()
	h.diskIsDue()
	h.messagesAreDue()
	h.beatIfDue()
	for n := range h.dueNow() {
		h.answerIfAsked(h.byNode[n])
	}
}

// end sends what the step made urgent, tells the engine what changed, and asks for the next tick.
func (h *Heart) end(in Input) {
	h.renewIfEchoed()
	h.judgeLease()
	h.beatIfUrgent()
	h.tellPeers()
	h.tellPaths()
	h.persistIfOld()
	h.exitIfMarked()
	at := h.nextWake()
	if _, tick := in.(Tick); tick || at != h.wake {
		h.wake = at
		h.do(WakeAt{At: at})
	}
}

func (h *Heart) do(o Output) { h.out = append(h.out, o) }

func (h *Heart) toEngine(r wire.ToEngine) {
	if h.engine.there {
		h.do(ToEngine{r})
	}
}

// nextWake is the next instant at which something changes by itself.
func (h *Heart) nextWake() wire.Instant {
	if h.beats.again {
		return h.now
	}
	at := h.beats.next
	sooner := func(t wire.Instant) {
		if t != 0 && t < at {
			at = t
		}
	}
	sooner(h.urgentAt())
	sooner(h.leaseChangesAt())
	sooner(h.dogIsDue())
	sooner(h.diskDueAt())
	sooner(h.exitBy)
	sooner(h.peersAreDue())
	return max(at, h.now)
}
