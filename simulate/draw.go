package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

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
		for _, n := range d.names {
			fmt.Fprintf(&b, "fence %s pdu type=http url-off=http://192.0.2.9/off url-status=http://192.0.2.9/s timeout=1s\n", n)
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

// kinds are the kinds of trouble, by what they are about.
func (d *draw) kinds() [][]func() string {
	return [][]func() string{
		{ // machines and what switches them
			func() string { return "kill " + d.node() },
			func() string { return "boot " + d.node() },
			func() string {
				return "switch " + d.node() + " " + d.one("ok", "ok", "fail", "hang", "ignore", "late", "timeout")
			},
			func() string { return "confirm-if-off " + d.node() + " " + d.node() },
			func() string { return "pause " + d.node() },
			func() string { return "resume " + d.node() },
		},
		{ // what lies between them
			func() string { return "cut " + d.pair() },
			func() string { return "cut " + d.pair() + " " + d.one(d.paths...) },
			func() string { return "cut-one-way " + d.pair() },
			func() string { return "heal" },
			func() string {
				return fmt.Sprintf("net delay=%dms jitter=%dms loss=%d dup=%d spoil=%d replays=%d", 1+d.rnd.IntN(20), d.rnd.IntN(400),
					d.rnd.IntN(400), d.rnd.IntN(200), d.rnd.IntN(100), d.rnd.IntN(100))
			},
		},
		{ // locum's processes
			func() string { return "kill-engine " + d.node() },
			func() string { return "bounce-heart " + d.node() },
			func() string { return "kill-heart " + d.node() },
			func() string { return "start-heart " + d.node() },
			func() string { return "stop-engine " + d.node() },
			func() string { return "cont-engine " + d.node() },
			func() string { return fmt.Sprintf("busy %s %dms", d.node(), 1<<d.rnd.IntN(9)) },
		},
		{ // what they run
			func() string {
				return "manner " + d.node() + " " + d.resource() + " probe " + d.one("ok", "slow", "fail", "hang")
			},
			func() string {
				how := d.one("ok", "ok", "slow", "fail", "hang", "deaf", "sloppy")
				d.endless = d.endless || how == "hang" || how == "deaf"
				return "manner " + d.node() + " " + d.resource() + " " + d.one("start", "stop") + " " + how
			},
			func() string { return d.one("fail ", "fail ", "unsure ") + d.node() + " " + d.resource() },
			func() string { return "contested " + d.node() + " " + d.one(d.services...) + "/0" },
		},
		{ // the quorum disk
			func() string { return d.one("lose-disk ", "hang-disk ", "find-disk ") + d.node() },
			func() string { return d.one("lose-disk ", "find-disk ") + strings.Join(d.names, " ") },
			func() string {
				return d.one("lose-disk ", "hang-disk ", "find-disk ") + d.node() + d.one(" 1", " 2", " 3")
			},
			func() string { return fmt.Sprintf("disk-takes %dms", 1<<d.rnd.IntN(9)) },
			func() string {
				if !strings.Contains(d.config, "/dev/quorum3") {
					return "find-disk " + d.node()
				}
				return "replace-disk " + d.one("1", "2", "3")
			},
		},
		{ // operators, and what keeps their words
			func() string { return "ask " + d.node() + " " + d.order() },
			func() string { return "ask " + d.node() + " " + d.order() },
			func() string { return d.one("read-only ", "writable ") + d.node() },
			func() string {
				n := d.node()
				d.left[n] = true
				return "leave " + n
			},
			func() string { return "apply " + d.node() + " " + d.edit() },
		},
	}
}

// diskTheme is where the kinds of trouble with the disk stand.
const diskTheme = 4

// drawn are the kinds that this history has: few, often, for what matters is how they meet. Half of the histories take them from all,
// the others from what two of the themes have.
func (d *draw) drawn() []func() string {
	themes := d.kinds()
	if !d.disk {
		themes = slices.Delete(themes, diskTheme, diskTheme+1)
	}
	if d.percent(50) {
		d.rnd.Shuffle(len(themes), func(i, j int) { themes[i], themes[j] = themes[j], themes[i] })
		themes = themes[:2]
	}
	all := slices.Concat(themes...)
	d.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:2+d.rnd.IntN(min(8, len(all)-1))]
}

func (d *draw) order() string {
	s := d.one(d.services...)
	if d.fencing && d.percent(20) {
		return "fence " + d.node()
	}
	return d.one("move "+s, "move "+s+" "+d.node(), "stop "+s, "start "+s, "restart "+s, "standby "+d.node(), "online "+d.node(),
		"clear "+s, "clear "+d.node(), "clear", "stop nothing", "online nobody", "maintenance on", "maintenance off", "maintenance on "+s, "maintenance off "+s)
}

// forget has one node come back with an old state directory, or with none. One of two has no third to remember for it: what
// it alone has promised is lost then, so this happens in larger clusters only.
func (d *draw) forget() string {
	if d.percent(40) {
		return "back-up " + d.forgets
	}
	d.say("kill %s", d.forgets)
	d.say("%s %s", d.one("restore", "lose-state"), d.forgets)
	return "boot " + d.forgets
}

// edit changes what a file says about one service that is there from then on.
func (d *draw) edit() string {
	extra := "+service extra nodes=" + strings.Join(d.names, ",")
	if strings.Contains(d.config, "stateless=yes") {
		extra += " stateless=yes"
	}
	return d.one(extra+" ; +resource extra vip 192.0.2.109/24", "+engine grace=4s", "-engine grace=4s")
}

func (d *draw) disasters() {
	drawn := d.drawn()
	if d.forgets != "" {
		drawn = append(drawn, d.forget)
	}
	if d.limits {
		drawn = append(drawn, func() string { return "sample " + d.node() + d.one(" load=9", " load=9", " load=1", " load=unknown") })
	}
	longest := 13 // powers of two, of milliseconds
	if d.percent(30) {
		longest = 8 // one thing on top of the other
	}
	for range 20 + d.rnd.IntN(20) {
		d.say("%s", drawn[d.rnd.IntN(len(drawn))]())
		d.say("run %dms", 1<<d.rnd.IntN(longest))
	}
	d.heal()
	d.serve()
	d.rest()
}

// splits is a history about the quorum disk: the network is cut through again and again, and meanwhile nodes lose the disk, are
// paused, die and come back.
func (d *draw) splits() {
	kinds := d.kinds()
	drawn := kinds[diskTheme]
	drawn = append(drawn, drawn...)
	both := strings.Join(d.names, " ")
	if len(d.names) > 2 {
		drawn = append(drawn, func() string { return "cut " + d.pair() })
	}
	drawn = append(drawn,
		func() string { return "heal" },
		func() string { return "cut " + d.names[0] + " " + d.names[1] },
		func() string { return "cut-one-way " + d.pair() },
		func() string { return "pause " + d.node() },
		func() string { return "resume " + both },
		func() string { return d.one("kill-engine ", "bounce-heart ", "kill ") + d.node() },
		func() string { return "boot " + both })
	if d.fences {
		drawn = append(drawn, func() string { return "switch " + d.node() + " " + d.one("ok", "fail", "hang", "ignore", "timeout") })
	}
	for range 3 + d.rnd.IntN(4) {
		for i, n := range d.names {
			for _, m := range d.names[i+1:] {
				if len(d.names) == 2 || d.percent(60) {
					d.say("cut %s %s", n, m)
				}
			}
		}
		for range 2 + d.rnd.IntN(6) {
			d.say("run %dms", 1<<d.rnd.IntN(15))
			d.say("%s", drawn[d.rnd.IntN(len(drawn))]())
		}
		if d.percent(40) {
			d.say("heal")
			d.say("run %dms", 1<<d.rnd.IntN(13))
		}
		if d.fences && d.percent(15) {
			d.wordInAbsence()
			d.recover()
		}
	}
	d.heal()
	d.serve()
	d.rest()
}

// heal ends all faults.
func (d *draw) heal() {
	d.say(healed)
	d.say("heal")
	d.sampled("load=1")
	if d.disk {
		d.say("find-disk %s", strings.Join(d.names, " "))
		d.say("disk-takes 1ms")
	}
	for _, n := range d.names {
		d.say("switch %s ok", n)
		d.say("busy %s 30us", n)
		for _, r := range d.resources {
			d.say("manner %s %s start ok", n, r)
			d.say("manner %s %s stop ok", n, r)
			d.say("manner %s %s probe ok", n, r)
		}
		d.say("writable %s", n)
		d.say("resume %s", n)
		if d.left[n] { // an operator does not wait for ever
			d.say("bounce-heart %s", n)
		}
	}
	if !d.fences { // what cannot be stopped and cannot be fenced is an operator's
		d.mend()
	}
	d.quickDisks()
	d.bootAll()
	d.say("settle 60s")
	d.bootAll()
	d.say("settle 60s")
}

// mend is an operator who stops by hand what could not be stopped and says so, or pulls the plugs where something hangs.
func (d *draw) mend() {
	if d.endless || d.percent(50) {
		d.say("kill %s", strings.Join(d.names, " "))
		return
	}
	d.bootAll()
	d.say("settle 60s")
	for _, s := range d.services {
		d.say("ask any clear %s", s)
		d.say("run 2s")
	}
}

func (d *draw) bootAll() {
	for _, n := range d.names {
		d.say("boot %s", n)
		d.say("start-heart %s", n)
	}
}

// serve demands that everything runs.
func (d *draw) serve() {
	for _, s := range d.services {
		d.say("insist any clear %s", s)
		d.say("insist any maintenance off %s", s)
	}
	d.say("expect words")
	d.say("insist any maintenance off")
	for _, n := range d.names {
		d.say("insist any online %s", n)
	}
	for _, s := range d.services {
		d.say("insist any start %s", s)
	}
	d.say("run %s", d.latest())
	d.bootAll()
	d.say("settle 60s %s", strings.Join(d.services, " "))
	for _, s := range d.services {
		d.say("expect once %s", s)
	}
}

// latest is when all that is under way has ended: operations have 5 s, and the answer of a late switch takes 30.
func (d *draw) latest() time.Duration {
	if slices.ContainsFunc(d.commands, func(c string) bool { return strings.HasPrefix(c, "switch ") && strings.HasSuffix(c, " late") }) {
		return 30 * time.Second
	}
	return 8 * time.Second
}

// rest demands that nothing happens while nothing is wrong; in one history of four for longer, since most of the time would go
// into it.
func (d *draw) rest() {
	d.say("calm")
	d.say("mark")
	d.say("run %s", d.one("6s", "6s", "6s", "20s"))
	d.untouched()
}

func (d *draw) untouched() {
	for _, s := range d.services {
		d.say("expect untouched %s", s)
		d.say("expect once %s", s)
	}
	d.say("expect words")
}

// restarts is a history in which only locum's own processes die and come back: no service is touched.
func (d *draw) restarts() {
	d.say("run 10s")
	d.say("calm")
	d.say("mark")
	for range 10 {
		n := d.node()
		switch d.rnd.IntN(3) {
		case 0:
			d.say("kill-engine %s", n)
		case 1:
			d.say("bounce-heart %s", n)
		case 2:
			d.say("stop-engine %s", n)
			d.say("run %dms", 1+d.rnd.IntN(700))
			d.say("cont-engine %s", n)
		}
		d.say("run %dms", 1000+d.rnd.IntN(4000))
	}
	d.say("run 10s")
	d.untouched()
}

// noise is a history in which only bytes come that nobody has sent, or twice, or late: nothing changes.
func (d *draw) noise() {
	d.say("run 10s")
	d.say("calm")
	d.say("mark")
	for range 5 {
		d.say("net delay=%dms jitter=%dms dup=%d spoil=%d replays=%d", 1+d.rnd.IntN(10), d.rnd.IntN(60), d.rnd.IntN(300), d.rnd.IntN(200),
			d.rnd.IntN(300))
		d.say("run 10s")
	}
	d.say("heal")
	d.say("run 10s")
	d.untouched()
}
