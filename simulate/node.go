package simulate

import (
	"crypto/sha256"
	"fmt"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/heartbeat"
	"locum/wire"
)

// node is one machine: its power, its kernel, its two processes, what runs on it, and its disk.
type node struct {
	w      *World
	cfg    config.Node
	config *config.Config // the file in force here

	powered bool
	boot    wire.ID
	boots   int
	clock   clock
	armed   bool          // its watchdog counts
	bites   time.Duration // so long after the last pet
	held    bool          // another process holds its watchdog
	// unguarded: what runs was started by a file without a watchdog, and that of the present one is not armed yet.
	unguarded bool
	petted    wire.Instant // when it was last petted, in the world's time
	reached   wire.Instant // when a frame last came, in the world's time
	lease     wire.Lease   // as its heart last said
	truth     truth
	hop       time.Duration   // how long a record takes from one of its processes to the other
	hopped    [2]wire.Instant // when the newest record to the heart, and to the engine, comes: none overtakes another

	heart       *heart
	lives       int // of hearts, also those that were begun with an old incarnation
	paused      bool
	incarnation wire.Incarnation
	run         *heartbeat.RunState // what the heart keeps in /run
	stalled     []func()            // what reaches a paused machine, until it goes on
	engine      *cluster.Engine
	engineFile  *config.Config // which it was made with
	engineStart uint16
	stopped     bool                // the engine is stopped (SIGSTOP)
	late        map[wire.Node]*late // what others say to it and is late
	backlog     []func()
	wake        wire.Instant

	durable  cluster.Durable
	backup   *backup // of the state directory
	readOnly bool
	hangs    bool          // its disk answers no write
	waiting  func()        // the write that waits for it
	stores   time.Duration // a write to its state directory takes so long
	disks    []reach
	joining  uint64 // the try of its engine to have a disk join, 0 none
	states   map[cluster.ResourceID]wire.State
	watched  map[cluster.ResourceID]bool
	listens  map[cluster.ResourceID]bool // to who answers for its address
	manners  map[cluster.ResourceID]manner
	samples  samples
	ops      []*op             // under way
	keyFiles map[string]string // what lies in the files of keys, where that is not what the others have; "" nothing
}

// backup is a copy of a state directory.
type backup struct {
	durable     cluster.Durable
	incarnation wire.Incarnation
}

func newNode(w *World, c config.Node) *node {
	return &node{w: w, cfg: c, config: w.Config, states: map[cluster.ResourceID]wire.State{}, watched: map[cluster.ResourceID]bool{}, listens: map[cluster.ResourceID]bool{}, disks: make([]reach, len(w.disks)),
		manners: map[cluster.ResourceID]manner{}, hop: hop, late: map[wire.Node]*late{}, keyFiles: map[string]string{}, stores: storeTakes,
		samples: samples{said: map[string]cluster.Reading{}}}
}

// now is what the node's clock shows.
func (n *node) now() wire.Instant { return n.clock.shows(n.w.now) }

func (n *node) id(what string, count int) wire.ID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", n.cfg.Name, what, count))
	return wire.ID(sum[:16])
}

// powerOn boots the machine; its locum starts at once.
func (n *node) powerOn() {
	if n.powered {
		return
	}
	n.powered = true
	n.w.switches[n.cfg.Number].Off = false
	n.boots++
	n.boot = n.id("boot", n.boots)
	n.clock.booted = n.w.now
	n.run, n.stalled, n.armed, n.paused, n.stopped = nil, nil, false, false, false
	n.w.checks.booted(n)
	n.startHeart()
}

// powerOff ends everything on the machine at once.
func (n *node) powerOff() {
	for id := range n.states {
		n.w.checks.ends(n, id.Service)
	}
	n.powered = false
	n.killHeart()
	for i := range n.disks {
		n.disks[i].wait = nil
	}
	n.ops = nil
	n.w.checks.changed = true
	clear(n.states)
	clear(n.watched)
}

func (n *node) startHeart() {
	if n.heart != nil || !n.powered {
		return
	}
	n.incarnation++
	n.lives++
	n.heart = newHeart(n)
	n.engineStart = 0
	n.startEngine()
	if left, counts := n.watchdogLeft(); counts {
		n.heart.step(left)
	}
	n.heart.loop()
}

// killHeart ends the heart; the engine sees the end of its socket and ends too.
func (n *node) killHeart() {
	if n.heart != nil {
		n.heart.dead = true
	}
	n.heart = nil
	n.killEngine()
}

func (n *node) startEngine() {
	n.engineStart++
	n.engine, n.engineFile = cluster.New(n.config, n.cfg.Number), n.config
	n.endLeftovers()
	n.wake, n.backlog = 0, nil
	n.heart.step(heartbeat.EngineStarted{Number: n.engineStart})
}

func (n *node) killEngine() {
	n.engine = nil
	clear(n.watched)
	clear(n.listens)
}

// step hands the engine one event and carries out what it wants.
func (n *node) step(ev cluster.Event) {
	if n.engine == nil {
		return
	}
	if n.stopped {
		n.backlog = append(n.backlog, func() { n.step(ev) })
		return
	}
	for _, a := range n.engine.Step(n.now(), ev) {
		n.act(a)
	}
}

// later hands an event to this engine after some time, unless another has taken its place.
func (n *node) later(d time.Duration, ev cluster.Event) {
	e := n.engine
	n.w.in(d, func() {
		if n.engine == e {
			n.step(ev)
		}
	})
}

func (n *node) act(a cluster.Action) {
	if s, ok := a.(cluster.Send); ok && n.w.Said != nil {
		n.w.Said(n.cfg.Number, s.To, s.Body)
	}
	if r, ok, err := cluster.RecordOf(a); err != nil {
		n.w.broken("message: one that cannot be sent: %v", err)
		return
	} else if ok {
		n.w.checks.saw(n, a)
		n.tellHeart(r)
		return
	}
	switch a := a.(type) {
	case cluster.RunOp:
		n.runOp(a)
	case cluster.CancelOp:
		n.cancelOp(a.ID)
	case cluster.Watch:
		n.watched[a.Resource] = a.On
	case cluster.Listen:
		n.listens[a.Resource] = a.On
	case cluster.Shoot:
		n.shoot(a)
	case cluster.ReadPower:
		n.readPower(a)
	case cluster.JoinDisk:
		n.joinDisk(a)
	case cluster.ReadKeys:
		n.readKeys(a)
	case cluster.CancelJoin:
		n.joining = 0
	case cluster.Store:
		n.store(a)
	case cluster.Wake:
		n.setWake(a.At)
	case cluster.Adopt:
		n.adopt(a.Text)
	case cluster.Answer:
		n.w.answers = append(n.w.answers, a.Result)
		n.w.checks.answered(a)
		n.w.log(n, "answer %d: %s", a.Result.Code, a.Result.Text)
	case cluster.Tell:
		n.w.log(n, "%s: %s", a.Event.Kind, a.Event.Text)
	}
}

// The directions of hops.
const (
	toHeart = iota
	toEngine
)

// hops does something when a record has got from one process to the other.
func (n *node) hops(direction int, do func()) {
	n.hopped[direction] = max(n.hopped[direction], n.w.now+wire.Instant(n.hop))
	n.w.queue.put(n.hopped[direction], do)
}

// tellHeart carries a record to the heart that runs now. The socket of an engine that is gone is gone with it.
func (n *node) tellHeart(r wire.ToHeart) {
	h, e := n.heart, n.engine
	n.hops(toHeart, func() {
		if n.heart == h && h != nil && n.engine == e {
			h.step(heartbeat.FromEngine{ToHeart: r})
		}
	})
}

// engineGets is what the engine's process does with a record from its heart.
func (n *node) engineGets(r wire.ToEngine) {
	if n.stopped {
		n.backlog = append(n.backlog, func() { n.engineGets(r) })
		return
	}
	switch {
	case r.Arrived != nil && n.isLate(r):
		return
	case r.Welcome != nil:
		n.step(cluster.Started{Welcome: *r.Welcome, Durable: n.durable})
		return
	case r.Ping != nil:
		n.tellHeart(wire.ToHeart{Pong: r.Ping})
		return
	}
	ev, ok, err := cluster.EventOf(r)
	if err != nil {
		n.w.broken("message: one that cannot be read: %v", err)
	}
	if ok {
		n.step(ev)
	}
	if r.Arrived != nil {
		n.tellHeart(wire.ToHeart{Took: &wire.Took{From: r.Arrived.From, Number: r.Arrived.Number}})
	}
}

func (n *node) setWake(at wire.Instant) {
	n.wake = at
	if at == 0 {
		return
	}
	e := n.engine
	n.w.queue.put(max(n.clock.when(at), n.w.now), func() {
		if n.engine == e && n.wake == at {
			n.wake = 0
			n.step(cluster.Tick{})
		}
	})
}

func (n *node) store(a cluster.Store) {
	if n.readOnly {
		n.later(time.Millisecond, cluster.Stored{ID: a.ID, Detail: "read-only file system"})
		return
	}
	e := n.engine
	write := func() {
		if n.engine == e && n.powered {
			n.durable = a.Durable
			n.step(cluster.Stored{ID: a.ID, OK: true})
		}
	}
	if n.hangs {
		n.waiting = write
		return
	}
	n.w.in(n.stores, write)
}

// wakeState has the disk do what waited for it.
func (n *node) wakeState() {
	if n.hangs = false; n.waiting != nil {
		n.w.in(n.stores, n.waiting)
		n.waiting = nil
	}
}

// adopt has a new file take effect: both processes begin anew with it, and no service is touched.
func (n *node) adopt(text string) {
	cfg, problems := config.Parse("adopted", text)
	if cfg == nil {
		n.w.broken("config: a file with errors takes effect: %v", problems)
		return
	}
	n.unguarded = !n.armed && n.config.Watchdog.Device == ""
	n.config, n.w.Config = cfg, cfg
	n.w.in(time.Millisecond, n.bounceHeart)
}

// backUp keeps a copy of the state directory; restore brings it back.
func (n *node) backUp() { n.backup = &backup{n.durable, n.incarnation} }

func (n *node) restore() {
	if n.backup != nil {
		n.durable, n.incarnation = n.backup.durable, n.backup.incarnation
	}
}

// crashEngine ends the engine; the heart starts it anew. On a paused machine nobody can.
func (n *node) crashEngine() {
	if n.paused {
		n.stalled = append(n.stalled, n.crashEngine)
		return
	}
	if n.engine == nil || n.heart == nil {
		return
	}
	n.killEngine()
	n.stopped = false
	n.heart.step(heartbeat.EngineGone{})
	h := n.heart
	n.w.in(50*time.Millisecond, func() {
		if n.heart == h && h != nil && n.powered && n.engine == nil {
			n.startEngine()
		}
	})
}

// bounceHeart ends the heart and has systemd start it again.
func (n *node) bounceHeart() {
	if !n.powered || n.heart == nil {
		return
	}
	n.killHeart()
	n.w.in(100*time.Millisecond, func() {
		if n.powered && n.heart == nil {
			n.startHeart()
		}
	})
}

// leave has locum end in order, as by SIGTERM.
func (n *node) leave() {
	if n.heart != nil {
		n.heart.step(heartbeat.LeaveAsked{})
	}
}

// contEngine has a stopped engine go on: it takes up what has queued.
func (n *node) contEngine() {
	n.stopped = false
	backlog := n.backlog
	n.backlog = nil
	for _, do := range backlog {
		do()
	}
}

// resume has a paused machine go on: heart first.
func (n *node) resume() {
	if !n.powered || n.heart == nil {
		n.paused, n.stopped = false, false
		return
	}
	n.paused = false
	stalled := n.stalled
	n.stalled = nil
	n.heart.loop()
	for _, do := range stalled {
		do()
	}
	n.contEngine()
}
