package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"locum/config"
)

// Draw makes a history of disasters from a seed. Each seed draws its cluster, which kinds of faults exist at all, and then
// which happens when. First anything may happen; then all faults are healed, operators say what only they can know, and
// every service has to run, once, within bounded time; then nobody has a reason to touch anything.
func Draw(seed uint64) Script {
	d := newDraw(seed)
	all := []string{"alpha", "beta", "gamma", "delta", "epsilon"}
	return d.history(seed, all[:[]int{2, 2, 2, 2, 2, 3, 3, 3, 4, 5}[d.rnd.IntN(10)]])
}

// DrawLarge is Draw for 16 to 64 nodes. They beat as seldom as a cluster of that size does: with 100 ms most of the time
// went into beats that changed nothing.
func DrawLarge(seed uint64) Script {
	d := newDraw(seed)
	d.beat = "every=500ms dead=3s"
	var names []string
	for i := range 16 + d.rnd.IntN(49) {
		names = append(names, fmt.Sprintf("n%d", i+1))
	}
	return d.history(seed, names)
}

func (d *draw) history(seed uint64, names []string) Script {
	d.cluster(names)
	onDisk := d.disk && d.percent(60)
	if d.percent(50) || onDisk {
		d.say("watchdog 5s")
	}
	if d.percent(50) {
		acts := d.rnd.IntN(900)
		for _, n := range d.names {
			d.say("switch %s acts %dms", n, acts)
		}
	}
	d.boot()
	switch kind := seed % 10; {
	case kind < 8 && onDisk:
		d.splits()
	case kind == 7:
		d.moments()
	case kind == 8:
		d.restarts()
	case kind == 9:
		d.noise()
	default:
		d.disasters()
	}
	return Script{Config: d.config, Commands: d.commands}
}

// Disasters makes a history of disasters for a given file.
func Disasters(cfg *config.Config, seed uint64) Script {
	d := newDraw(seed)
	d.know(cfg)
	d.boot()
	d.disasters()
	return Script{Config: d.config, Commands: d.commands}
}

type draw struct {
	rnd       *rand.Rand
	names     []string
	services  []string
	resources []string // SERVICE/INDEX
	paths     []string
	fences    bool
	disk      bool
	limits    bool            // nodes may pass their limits
	left      map[string]bool // who was told to leave: where something cannot be stopped he never has
	endless   bool            // an operation was drawn that never ends
	fencing   bool            // operators have nodes fenced, whatever they are at: nothing is needless then
	forgets   string          // the node whose state directory may be lost or brought back; "" none
	beat      string          // every and dead
	config    string
	commands  []string
}

func newDraw(seed uint64) *draw {
	d := &draw{rnd: rand.New(rand.NewPCG(seed, 7)), left: map[string]bool{}, beat: "every=100ms dead=1s"}
	d.say("seed %d", seed)
	return d
}

// know takes from a file what can be told to fail.
func (d *draw) know(cfg *config.Config) {
	d.config, d.fences, d.disk = cfg.Text, len(cfg.Fences) > 0, len(cfg.Disks) > 0
	d.names, d.services, d.resources, d.paths = nil, nil, nil, nil
	for _, n := range cfg.Nodes {
		d.names = append(d.names, n.Name)
	}
	for _, p := range cfg.Paths {
		d.paths = append(d.paths, p.Name)
	}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		d.services = append(d.services, s.Name)
		for r := range s.Resources {
			d.resources = append(d.resources, fmt.Sprintf("%s/%d", s.Name, r))
		}
	}
	d.fencing = d.fences && d.percent(8)
	if len(d.names) > 2 && d.percent(40) {
		d.forgets = d.node()
	}
}

func (d *draw) say(format string, args ...any) {
	d.commands = append(d.commands, fmt.Sprintf(format, args...))
}

func (d *draw) one(of ...string) string { return of[d.rnd.IntN(len(of))] }
func (d *draw) node() string            { return d.one(d.names...) }
func (d *draw) resource() string        { return d.one(d.resources...) }
func (d *draw) percent(p int) bool      { return d.rnd.IntN(100) < p }

// pair is two nodes, not always different ones.
func (d *draw) pair() string { return d.node() + " " + d.node() }

func (d *draw) cluster(names []string) {
	d.names = names
	d.services = []string{"web", "db", "mail"}[:1+d.rnd.IntN(3)]
	d.paths = []string{"lan", "cross"}[:1+d.rnd.IntN(2)]
	d.fences, d.disk = d.percent(75), d.percent(40)
	unsafe := d.percent(15)

	var b strings.Builder
	fmt.Fprintf(&b, "cluster t\nkey /k\nbeat %s\n", d.beat)
	for i, n := range d.names {
		fmt.Fprintf(&b, "node %d %s\n", i+1, n)
	}
	for i, p := range d.paths {
		fmt.Fprintf(&b, "path udp %s", p)
		for k, n := range d.names {
			fmt.Fprintf(&b, " %s=%s%d", n, [...]string{"192.0.2.", "2001:db8::"}[i], k+1)
		}
		b.WriteString("\n")
	}
	if d.disk {
		for i := range d.one("1", "1", "3")[0] - '0' {
			fmt.Fprintf(&b, "disk /dev/quorum%d every=1s dead=5s\n", i+1)
		}
		b.WriteString("tiebreak disk\n")
	}
	if d.fences {
		b.WriteString("tiebreak fence delay=3s\n")
		pdu := "192.0.2.9"
		if len(d.names) > 8 {
			pdu = "192.0.2.99" // the other is a node's
		}
		for _, n := range d.names {
			fmt.Fprintf(&b, "fence %s pdu type=http url-off=http://%s/off url-status=http://%s/s timeout=1s\n", n, pdu, pdu)
		}
	} else if len(d.names)%2 == 0 && !d.disk {
		unsafe = true
	}
	if unsafe {
		b.WriteString("tiebreak unsafe\n")
	}
	for i, s := range d.services {
		nodes := slices.Clone(d.names)
		d.rnd.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		fmt.Fprintf(&b, "service %s nodes=%s failback=%s priority=%d", s, strings.Join(nodes, ","), d.one("yes", "no"), d.rnd.IntN(3))
		if unsafe {
			b.WriteString(" stateless=yes")
		}
		fmt.Fprintf(&b, "\nresource %s vip 192.0.2.10%d/24\nresource %s unit %s.service start=5s stop=5s\n", s, i, s, s)
	}
	cfg, problems := config.Parse("drawn", b.String())
	if cfg == nil {
		panic("the simulator drew a file with errors: " + problems.Error())
	}
	d.know(cfg)
}

// boot starts all nodes, each with a clock of its own.
func (d *draw) boot() {
	for _, n := range d.names {
		if d.percent(50) {
			d.say("drift %s %d", n, d.rnd.IntN(80_000)-40_000)
		}
	}
	d.say("boot %s", strings.Join(d.names, " "))
	d.say("run 5s")
}
