package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// World is one cluster and all that lies around it.
type World struct {
	Config *config.Config
	Log    func(at wire.Instant, node, text string)    // every line of every node's history, and what the script does
	Said   func(from, to wire.Node, m cluster.Message) // every message between engines, as it is sent
	Broken []string                                    // what must never happen, and did

	now   wire.Instant
	queue queue
	rng   *rand.Rand
	nodes []*node // by number; 0 is unused
	net   weather
	disks []disk
	inits int // disks that were ever initialised
	cut   map[link]bool
	holes map[[2]wire.Node]int // the largest frame that is carried from one to the other, where not all are
	// groupless are the nodes that what is sent to all does not reach, as when a switch has forgotten who belongs to a group.
	groupless wire.Nodes
	tape      []flight // what an eavesdropper has kept
	switches  []Outlet // by number
	answers   []cluster.Result
	touched   map[string]int // starts and stops of each service since "mark"
	asked     uint64
	checks    checks
	outages   outages
	watch     func(*World) // called after each thing that has happened, if set
	// hold, if set, may keep a frame that is about to reach its end, and have it land later.
	hold func(f flight, land func()) (kept bool)
}

// Outlet is how a node's power switch behaves.
type Outlet struct {
	Mode  string        // see outletModes
	Off   bool          // as it really is
	Delay time.Duration // of its answers
	Acts  time.Duration // from the word to the deed
}

// outletModes are the manners of a power switch.
var outletModes = map[string]string{
	"ok":      "switches off and says so",
	"fail":    "answers no",
	"hang":    "never answers",
	"ignore":  "accepts and does nothing; asked again it says on",
	"slow":    "switches off after 5 s, then says so",
	"late":    "switches off at once and says so 30 s later",
	"timeout": "switches off at once and never says so",
	"lies":    "says off, and switches something else",
}

// New makes a world of the file's nodes, all powered off. What is left to chance follows from the seed.
func New(cfg *config.Config, seed uint64) *World {
	w := &World{Config: cfg, cut: map[link]bool{}, holes: map[[2]wire.Node]int{}, touched: map[string]int{}, net: fairWeather, now: wire.Instant(time.Hour),
		rng: rand.New(rand.NewPCG(seed, 1))}
	w.disks = w.newDisks(len(cfg.Disks), cfg.Nodes[len(cfg.Nodes)-1].Number)
	w.nodes = make([]*node, wire.MaxNodes+1)
	w.switches = make([]Outlet, wire.MaxNodes+1)
	for _, c := range cfg.Nodes {
		w.nodes[c.Number] = newNode(w, c)
		w.switches[c.Number] = Outlet{Mode: "ok", Delay: time.Millisecond}
	}
	w.checks = newChecks()
	w.outages = outages{began: w.now, open: map[string]int{}}
	return w
}

// Now is the world's time.
func (w *World) Now() wire.Instant { return w.now }

// maxSteps bounds one run of the world: a hundred times what the beats of all nodes on two paths need.
func (w *World) maxSteps(d time.Duration) int {
	n := len(w.Config.Nodes)
	return (100_000 + 2_000*n*n) * (1 + int(d/time.Second))
}

// Run lets the world go on for some time.
func (w *World) Run(d time.Duration) {
	end := w.now + wire.Instant(d)
	steps, most := 0, w.maxSteps(d)
	for len(w.queue.items) > 0 && w.queue.items[0].at <= end {
		it := w.queue.take()
		if steps++; steps > most {
			w.broken("circle: more than %d steps in %s", most, d)
			return
		}
		w.now = it.at
		it.do()
		w.check()
		if w.watch != nil {
			w.watch(w)
		}
	}
	w.now = end
}

func (w *World) in(d time.Duration, do func()) { w.queue.put(w.now+wire.Instant(d), do) }

func (w *World) log(n *node, format string, args ...any) {
	if w.Log != nil {
		name := ""
		if n != nil {
			name = n.cfg.Name
		}
		w.Log(w.now, name, fmt.Sprintf(format, args...))
	}
}

func (w *World) each(do func(*node)) {
	for _, n := range w.nodes {
		if n != nil {
			do(n)
		}
	}
}

func (w *World) node(name string) (*node, error) {
	for _, n := range w.nodes {
		if n != nil && n.cfg.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("no node %q", name)
}

// broken notes that something happened which must never happen. Its first word is the checker's name.
func (w *World) broken(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, b := range w.Broken {
		if b == text {
			return
		}
	}
	w.Broken = append(w.Broken, text)
	w.log(nil, "BROKEN: %s", text)
}

// Owners lists the nodes on which anything of a service runs.
func (w *World) Owners(service string) []string {
	var list []string
	w.each(func(n *node) {
		if n.runsAny(service) {
			list = append(list, n.cfg.Name)
		}
	})
	return list
}
