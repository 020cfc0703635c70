package heartbeat

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

const (
	second = 1000 * ms
	// thisLease is the lease of all tests.
	thisLease = 8 * second
)

// world joins hearts by a network that delays, loses and cuts, all by one seed.
type world struct {
	t     testing.TB
	rng   *rand.Rand
	now   wire.Instant
	cfg   *config.Config
	key   wire.Key
	queue []event
	count int
	nodes map[wire.Node]*node

	delay func() wire.Instant
	loss  float64
	cut   map[cable]bool
	// noGroup: what is sent to all does not get through, what is sent to the node alone does.
	noGroup map[cable]bool
	// unstamped: frames come without the kernel's stamp, as on a serial line, and date from the drain before.
	unstamped bool
	// tapped sees each frame that is sent, carried each that is handed to a node, and checked runs after each step.
	tapped  func(from *node, o Transmit)
	carried func(from, to *node, f wire.Instant, frame []byte)
	checked func(n *node)
}

// cable is one direction of one path between two nodes.
type cable struct {
	path     int
	from, to wire.Node
}

type event struct {
	at    wire.Instant
	count int
	do    func()
}

// node is one heart and what its daemon does.
type node struct {
	w           *world
	id          wire.Node
	h           *Heart
	boot        wire.ID
	machine     wire.ID
	incarnation wire.Incarnation
	wake        wire.Instant
	waiting     []Frame
	drained     wire.Instant // when its paths were drained last
	asleep      bool
	deaf        bool       // asleep with its kernel: nothing waits afterwards
	keys        []wire.Key // instead of the world's
	mute        bool       // its engine does not answer pings
	run         *RunState

	records  []wire.ToEngine
	outputs  []Output // but for frames and records
	alarms   []string
	beats    map[uint64]sent // by counter
	last     []Output        // of the newest step
	engineNo uint16
}

// sent is a beat as it was before it was sealed.
type sent struct {
	beat wire.Beat
	at   wire.Instant
}

func newWorld(t testing.TB, seed uint64, nodes, paths int, with ...func(*config.Config)) *world {
	t.Helper()
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: 100 * second, nodes: map[wire.Node]*node{}, cut: map[cable]bool{}, noGroup: map[cable]bool{}}
	w.delay = func() wire.Instant { return ms }
	w.cfg = testConfig(nodes, paths)
	for _, change := range with {
		change(w.cfg)
	}
	var err error
	if w.key, err = wire.ParseKey([]byte(strings.Repeat("0123456789abcdef", 4))); err != nil {
		t.Fatal(err)
	}
	for i := range nodes {
		n := &node{w: w, id: wire.Node(i + 1), boot: wire.ID{1, byte(i)}, machine: wire.ID{2, byte(i)}}
		w.nodes[n.id] = n
		n.start()
	}
	return w
}

func testConfig(nodes, paths int) *config.Config {
	c := &config.Config{Cluster: "office", KeyFile: "/etc/locum.key", Lease: time.Duration(thisLease),
		Beat: config.Beat{Every: 100 * time.Millisecond, Dead: time.Second}, Engine: config.Engine{Grace: 5 * time.Second}}
	for i := range nodes {
		c.Nodes = append(c.Nodes, config.Node{Number: wire.Node(i + 1), Name: fmt.Sprintf("n%d", i+1), Votes: 1})
	}
	for p := range paths {
		line := config.Path{Type: "udp", Name: fmt.Sprintf("lan%d", p), Port: 6694, Addresses: map[wire.Node]netip.Addr{}}
		for i := range nodes {
			line.Addresses[wire.Node(i+1)] = netip.AddrFrom4([4]byte{192, 0, 2, byte(10*p + i + 1)})
		}
		c.Paths = append(c.Paths, line)
	}
	return c
}

// start begins a life: one incarnation above the last, resumed from what is left in /run.
func (n *node) start() {
	n.w.t.Helper()
	n.incarnation++
	h, err := New(n.settings())
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.h, n.wake, n.waiting, n.asleep, n.engineNo = h, 0, nil, false, 0
	n.beats = map[uint64]sent{}
	n.startEngine()
	n.loop()
}

func (n *node) settings() Settings {
	s := Settings{Config: n.w.cfg, Self: n.id, Incarnation: n.incarnation, Boot: n.boot, Machine: n.machine, Keys: n.keysOr(n.w.key),
		Watchdog: WatchdogChanged{Armed: true, Timeout: 10 * time.Second}, Resume: n.run}
	s.Salt = wire.Salt{byte(n.id), byte(n.incarnation), n.machine[1], n.boot[0]}
	s.Seed = [32]byte{byte(n.id), byte(n.incarnation), 9}
	return s
}

func (n *node) keysOr(k wire.Key) []wire.Key {
	if n.keys != nil {
		return n.keys
	}
	return []wire.Key{k}
}

func (n *node) kill() { n.h = nil }

func (n *node) startEngine() {
	n.engineNo++
	n.step(EngineStarted{Number: n.engineNo})
}

// in runs something later.
func (w *world) in(d wire.Instant, do func()) {
	w.count++
	e := event{w.now + d, w.count, do}
	i, _ := slices.BinarySearchFunc(w.queue, e, func(a, b event) int {
		if a.at != b.at {
			return int(max(-1, min(1, a.at-b.at)))
		}
		return a.count - b.count
	})
	w.queue = slices.Insert(w.queue, i, e)
}

// run lets time pass.
func (w *world) run(d wire.Instant) {
	end := w.now + d
	for len(w.queue) > 0 && w.queue[0].at <= end {
		e := w.queue[0]
		w.queue = w.queue[1:]
		w.now = e.at
		e.do()
	}
	w.now = end
}

// until lets time pass until something is so, and fails when that takes too long.
func (w *world) until(what string, within wire.Instant, so func() bool) {
	w.t.Helper()
	for end := w.now + within; !so(); {
		if len(w.queue) == 0 || w.queue[0].at > end {
			w.t.Fatalf("not within %v: %s", time.Duration(within), what)
		}
		w.run(w.queue[0].at - w.now)
	}
}

// loop is what the daemon does when something wakes it: drain, then tick.
func (n *node) loop() {
	if n.h == nil || n.asleep {
		return
	}
	before := n.drained
	n.drained = n.w.now
	for _, f := range n.waiting {
		if n.w.unstamped {
			f.At, f.Stamped = before, false
		}
		n.step(f)
		if n.h == nil {
			return
		}
	}
	n.waiting = n.waiting[:0]
	n.step(Tick{Drained: true})
}

// step hands one input to the heart and carries out what it gives.
func (n *node) step(in Input) {
	if n.h == nil {
		return
	}
	n.last = slices.Clone(n.h.Step(n.w.now, in))
	for _, o := range n.last {
		n.carryOut(o)
	}
	if n.w.checked != nil {
		n.w.checked(n)
	}
}

func (n *node) carryOut(o Output) {
	switch o := o.(type) {
	case Transmit:
		n.transmit(o)
		return
	case ToEngine:
		n.records = append(n.records, o.ToEngine)
		if o.Ping != nil && !n.mute {
			n.w.in(ms/10, func() { n.pong(n.h, *o.Ping) })
		}
		return
	case WakeAt:
		n.wakeAt(o.At)
		return
	case Persist:
		s := o.State
		n.run = &s
	case Alarm:
		n.alarms = append(n.alarms, o.Text)
	}
	n.outputs = append(n.outputs, o)
}

// pong answers a ping; a heart that is asleep reads it when it goes on, after its tick.
func (n *node) pong(h *Heart, p wire.Ping) {
	switch {
	case n.h != h:
	case n.asleep:
		n.w.in(ms, func() { n.pong(h, p) })
	default:
		n.says(wire.ToHeart{Pong: &p})
	}
}

func (n *node) wakeAt(at wire.Instant) {
	n.wake = at
	h := n.h
	n.w.in(max(at-n.w.now, 0), func() {
		if n.h == h && n.wake == at {
			n.loop()
		}
	})
}

// says is a record from the engine.
func (n *node) says(r wire.ToHeart) { n.step(FromEngine{r}) }

func (n *node) transmit(o Transmit) {
	w := n.w
	if wire.Kind(o.Frame[1]) == wire.KindBeat {
		n.beats[counterOf(o.Frame)] = sent{n.h.beats.beat, w.now}
	}
	if w.tapped != nil {
		w.tapped(n, o)
	}
	if o.To == Everybody {
		for to := range n.h.nodes.Without(n.id).All {
			if !w.noGroup[cable{o.Path, n.id, to}] {
				n.carry(Transmit{o.Path, to, o.Frame})
			}
		}
		return
	}
	n.carry(o)
}

// carry brings a frame to one node.
func (n *node) carry(o Transmit) {
	w := n.w
	if w.cut[cable{o.Path, n.id, o.To}] || w.rng.Float64() < w.loss {
		return
	}
	frame := bytes.Clone(o.Frame)
	w.in(w.delay(), func() { w.hand(n, w.nodes[o.To], o.Path, frame) })
}

// hand puts a frame into a node's receive queue, and wakes it.
func (w *world) hand(from, to *node, path int, frame []byte) {
	if to.h == nil || to.asleep && to.deaf {
		return
	}
	if w.carried != nil {
		w.carried(from, to, w.now, frame)
	}
	to.waiting = append(to.waiting, Frame{Path: path, Received: Received{Frame: frame, At: w.now, Stamped: true}})
	to.loop()
}

// counterOf reads the counter from a frame's clear header.
func counterOf(frame []byte) uint64 {
	var c uint64
	for _, b := range frame[11:17] {
		c = c<<8 | uint64(b)
	}
	return c
}

// sleep stops a node's heart for some time; its kernel goes on unless deaf is set.
func (n *node) sleep(d wire.Instant, deaf bool) {
	n.asleep, n.deaf = true, deaf
	n.w.in(d, func() {
		n.asleep = false
		n.loop()
	})
}

// peer is what a node's engine was told last of another.
func (n *node) peer(of wire.Node) wire.Peer {
	for _, r := range slices.Backward(n.records) {
		if r.Peer != nil && r.Peer.Node == of {
			return *r.Peer
		}
	}
	return wire.Peer{}
}

// leaseTold is what a node's engine was told last of the lease.
func (n *node) leaseTold() wire.LeaseState {
	for _, r := range slices.Backward(n.records) {
		switch {
		case r.Lease != nil:
			return r.Lease.State
		case r.Welcome != nil:
			return r.Welcome.Lease.State
		}
	}
	return wire.LeaseOver
}

func (n *node) fates() map[uint64]wire.Outcome {
	m := map[uint64]wire.Outcome{}
	for _, r := range n.records {
		if r.Fate != nil {
			m[r.Fate.ID] = r.Fate.Outcome
		}
	}
	return m
}

func (n *node) arrived() []wire.Arrived {
	var list []wire.Arrived
	for _, r := range n.records {
		if r.Arrived != nil {
			list = append(list, *r.Arrived)
		}
	}
	return list
}

func (n *node) resets() (list []string) {
	for _, o := range n.outputs {
		if r, ok := o.(Reset); ok {
			list = append(list, r.Why)
		}
	}
	return list
}

func (n *node) alarmed(part string) bool {
	return slices.ContainsFunc(n.alarms, func(a string) bool { return strings.Contains(a, part) })
}

// meet waits until all nodes hear each other and their engines are up.
func (w *world) meet() {
	w.t.Helper()
	w.until("all nodes hear each other", 3*second, func() bool {
		for _, a := range w.nodes {
			for _, b := range w.nodes {
				if p := a.peer(b.id); a != b && a.h != nil && b.h != nil && (p.State != wire.PeerUp || !p.EngineUp || p.Hears == 0) {
					return false
				}
			}
		}
		return true
	})
}

// view is a quorate view of the given members with one vote each.
func view(epoch wire.Epoch, needed int, members ...wire.Node) wire.ViewForHeart {
	v := wire.ViewForHeart{Epoch: epoch, Members: wire.SetOf(members...), Needed: needed, Quorate: true, Blob: []byte("{}")}
	for _, m := range members {
		v.Votes = append(v.Votes, wire.VoteOf{Node: m, Votes: 1})
	}
	return v
}

// install gives a view to its members, and waits until they hold their leases.
func (w *world) install(v wire.ViewForHeart) {
	w.t.Helper()
	for m := range v.Members.All {
		w.nodes[m].says(wire.ToHeart{View: &v})
	}
	w.until("the members hold their leases", second, func() bool {
		for m := range v.Members.All {
			if w.nodes[m].leaseTold() != wire.LeaseHeld {
				return false
			}
		}
		return true
	})
}
