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
	overSince wire.Instant // when its lease was first said to be over, in the world's time, in this boot
	overBoot  int          // and which boot that is
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
