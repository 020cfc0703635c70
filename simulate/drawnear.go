package simulate

import (
	"slices"
	"strings"
	"time"

	"locum/config"
)

// isVoid reports whether a scenario has what no cluster can be safe from once it happens at another moment or to another node than there: a switch that says of a machine
// that lives that it is off, or that acts after it is the other side's turn; something that is started behind locum's back; disks that are not
// the same; a state directory that is lost.
func isVoid(s Script) bool {
	return slices.ContainsFunc(s.Commands, func(c string) bool {
		words := strings.Fields(c)
		if len(words) < 3 || words[0] != "switch" {
			return len(words) > 0 && slices.Contains([]string{"found", "copy-disk", "own-disk", "replace-disk", "lose-state", "restore"}, words[0])
		}
		late, err := time.ParseDuration(words[len(words)-1])
		return slices.Contains([]string{"off", "lies", "answers"}, words[2]) || err == nil && late >= time.Second
	})
}

// DrawNear is a history near one of the given scenarios: what happens there, with some of it changed. A scenario that was written for one schedule brings about in a
// few commands what random ones come to once in many thousands; what breaks is often close to what broke before. Where what happened can be healed, all has to run in the end.
// Nobody says of a node that it is off unless it is.
func DrawNear(seed uint64, scenarios []Script) Script {
	d := newDraw(seed)
	base := d.scenario(scenarios)
	if d.percent(25) {
		base.Config = d.otherFile(base.Config)
	}
	cfg, problems := config.Parse("scenario", base.Config)
	if cfg == nil {
		panic("a scenario's file has errors: " + problems.Error())
	}
	d.know(cfg)
	all := happenings(base)
	switch other := happenings(d.scenario(scenarios)); d.rnd.IntN(6) {
	case 0: // the same by another file
		all = other
	case 1: // one after the other
		tail := other[d.rnd.IntN(len(other)):]
		all = append(all, slices.DeleteFunc(tail, saysHowMachinesAre)...)
	}
	boots := max(0, slices.IndexFunc(all, func(c string) bool { return strings.HasPrefix(c, "boot ") })) // what is so before stays
	m := mutant{draw: d, commands: slices.Clone(all[boots:])}
	for range 1 + d.rnd.IntN(6) {
		m.change()
	}
	list := slices.Concat(all[:boots], m.remembered(), []string{"run 15s"})
	if allHaveRoom(cfg) && m.canEnd(list) {
		d.commands = nil
		d.endless = slices.ContainsFunc(list, func(c string) bool {
			return strings.HasPrefix(c, "manner ") && (strings.HasSuffix(c, " hang") || strings.HasSuffix(c, " deaf"))
		})
		for _, n := range d.names {
			d.say("wake-state %s", n)
			d.say("slow-state %s %s", n, storeTakes)
			d.say("cont-engine %s", n)
		}
		d.heal()
		d.serve()
		list = append(list, d.commands...)
	}
	return Script{Config: base.Config, Commands: list, loose: true}
}

// scenario is one of those that can be changed.
func (d *draw) scenario(of []Script) Script {
	for {
		if s := of[d.rnd.IntN(len(of))]; !isVoid(s) {
			return s
		}
	}
}

// otherFile is a scenario's file with one line of it changed, or one more, if that is a file without errors still.
func (d *draw) otherFile(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	without := func(words ...string) {
		lines = slices.DeleteFunc(lines, func(l string) bool {
			return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(l, w) })
		})
	}
	switch d.rnd.IntN(7) {
	case 0, 1:
		dynamic := strings.Contains(text, "quorum dynamic=yes")
		without("quorum ")
		if !dynamic {
			lines = append(lines, "quorum dynamic=yes")
		}
	case 2:
		without("disk ", "tiebreak disk")
	case 3:
		without("disk ", "tiebreak ")
		lines = append(lines, "disk /dev/quorum1 every=500ms dead=2s", "tiebreak disk")
		if strings.Contains(text, "fence ") && d.percent(50) {
			lines = append(lines, "tiebreak fence delay=3s")
		}
	case 4:
		without("fence ", "tiebreak fence")
	case 5:
		without("lease ")
		lines = append(lines, "lease "+d.one("6s", "12s", "20s"))
	default:
		at := d.rnd.IntN(len(lines))
		if strings.HasPrefix(lines[at], "node ") && !strings.Contains(lines[at], "votes=") {
			lines[at] += " votes=2"
		}
	}
	other := strings.Join(lines, "\n") + "\n"
	if cfg, _ := config.Parse("scenario", other); cfg == nil {
		return text
	}
	return other
}

// happenings are a scenario's commands without what it expects. An operator's word that a node is off becomes one of an operator who has looked.
func happenings(s Script) []string {
	var list []string
	for _, c := range s.Commands {
		words := strings.Fields(c)
		if len(words) == 0 || slices.Contains([]string{"#", "expect", "insist", "calm", "mark"}, words[0]) || strings.HasPrefix(c, "#") {
			continue
		}
		if len(words) == 4 && words[0] == "ask" && words[2] == "confirm" {
			c = "confirm-if-off " + words[1] + " " + words[3]
		}
		list = append(list, c)
	}
	return list
}

// mutant is a list of commands that is changed step by step.
type mutant struct {
	*draw
	commands []string
}

// change does one of several things to one of the commands, but for those that say how the machines are.
func (m *mutant) change() {
	at := m.rnd.IntN(len(m.commands))
	if saysHowMachinesAre(m.commands[at]) {
		return
	}
	switch m.rnd.IntN(10) {
	case 0, 1:
		m.waitOtherwise()
	case 2:
		m.commands = slices.Delete(m.commands, at, min(at+1, len(m.commands)-1))
	case 3:
		m.another(at)
	case 4:
		m.renamed(at)
	case 5:
		again := m.commands[at]
		m.commands = slices.Insert(m.commands, m.rnd.IntN(len(m.commands)+1), again)
	case 6:
		if at > 0 {
			m.commands[at], m.commands[at-1] = m.commands[at-1], m.commands[at]
		}
	default:
		if m.forgets != "" && m.percent(15) { // one of three or more
			m.commands = slices.Insert(m.commands, at, "kill "+m.forgets, "lose-state "+m.forgets, "run "+m.duration(), "boot "+m.forgets, "run "+m.duration())
			return
		}
		m.commands = slices.Insert(m.commands, at, m.event(), "run "+m.duration())
	}
}

// remembered are the commands, without the loss of a state directory where operators say that nodes are off: who is left alone then, and knows of no epoch, names one anew.
func (m *mutant) remembered() []string {
	if !slices.ContainsFunc(m.commands, func(c string) bool { return strings.HasPrefix(c, "confirm") }) {
		return m.commands
	}
	return slices.DeleteFunc(slices.Clone(m.commands), func(c string) bool { return strings.HasPrefix(c, "lose-state") })
}

// saysHowMachinesAre reports whether a command is one for before the first boot.
func saysHowMachinesAre(c string) bool {
	return slices.Contains([]string{"watchdog", "drift", "seed"}, strings.Fields(c)[0])
}

func (m *mutant) duration() string {
	return m.one("10ms", "60ms", "100ms", "300ms", "700ms", "1s", "1200ms", "2s", "3s", "5s", "8s", "14s", "30s")
}

// waitOtherwise changes how long is waited at one place.
func (m *mutant) waitOtherwise() {
	var waits []int
	for i, c := range m.commands {
		if strings.HasPrefix(c, "run ") {
			waits = append(waits, i)
		}
	}
	if len(waits) > 0 {
		m.commands[waits[m.rnd.IntN(len(waits))]] = "run " + m.duration()
	}
}

// another puts another node in the place of one in a command.
func (m *mutant) another(at int) {
	words := strings.Fields(m.commands[at])
	i := m.rnd.IntN(len(words))
	if slices.Contains(m.names, words[i]) {
		words[i] = m.node()
		m.commands[at] = strings.Join(words, " ")
	}
}

// renamed exchanges two nodes in all commands from one on.
func (m *mutant) renamed(at int) {
	a, b := m.node(), m.node()
	for i := at; i < len(m.commands); i++ {
		words := strings.FieldsFunc(m.commands[i], func(r rune) bool { return r == ' ' || r == ',' })
		if !slices.Contains(words, a) && !slices.Contains(words, b) || words[0] == "apply" {
			continue
		}
		m.commands[i] = strings.NewReplacer(a, b, b, a).Replace(m.commands[i])
	}
}

// event is something that happens.
func (m *mutant) event() string {
	n := m.node()
	happens := []func() string{
		func() string { return "boot " + n },
		func() string { return "boot " + n },
		func() string { return "kill " + n },
		func() string { return "leave " + n },
		func() string { return "start-heart " + n },
		func() string { return "confirm-if-off " + m.node() + " " + n },
		func() string { return "confirm-if-off " + m.node() + " " + n },
		func() string {
			return m.one("kill-engine ", "bounce-heart ", "pause ", "resume ", "stop-engine ", "cont-engine ") + n
		},
		func() string {
			return m.one("kill-engine ", "bounce-heart ", "pause ", "resume ", "resume ", "cont-engine ") + n
		},
		func() string { return m.one("cut ", "cut ", "cut-one-way ") + n + " " + m.node() },
		func() string { return m.one("cut ", "cut ", "cut-one-way ") + n + " " + m.node() },
		func() string { return "heal" },
		func() string { return m.one("read-only ", "writable ", "writable ", "hang-state ", "wake-state ") + n },
		func() string { return "slow-state " + n + " " + m.one("5ms", "300ms", "900ms", "2s") },
		func() string { return "ask " + n + " " + m.order() },
		func() string { return m.newFile(n) },
		func() string { return m.late(n) },
	}
	if m.disk {
		disk := func() string { return m.one("lose-disk ", "find-disk ", "find-disk ", "hang-disk ") + n }
		one := func() string { return m.one("lose-disk ", "find-disk ", "hang-disk ") + n + m.one(" 1", " 2", " 3") }
		happens = append(happens, disk, disk, disk, one, func() string { return "disk-takes " + m.one("1ms", "20ms", "100ms", "300ms") })
	}
	if m.fences {
		happens = append(happens, func() string { return "switch " + n + " " + m.one("ok", "ok", "fail", "hang", "late") })
	}
	return happens[m.rnd.IntN(len(happens))]()
}

// late has what one node says to another be long on its way, or come.
func (m *mutant) late(from string) string {
	to := m.node()
	if from == to {
		return "heal"
	}
	return m.one("hold "+from+" "+to+" "+m.one("promise", "promise", "install", "install", "orders", "report", "propose", "any"), "release "+from+" "+to)
}

// newFile is an operator's who brings the file with one line of it changed.
func (m *mutant) newFile(at string) string {
	var edits []string
	for _, l := range config.Diff(m.config, m.otherFile(m.config)) {
		edits = append(edits, strings.Replace(l, " ", "", 1))
	}
	if edits == nil {
		return "heal"
	}
	return "apply " + at + " " + strings.Join(edits, " ; ")
}

// canEnd reports whether all that happened can be healed, and takes down what that needs to know.
func (m *mutant) canEnd(list []string) bool {
	for _, c := range list {
		words := strings.Fields(c)
		if slices.Contains([]string{"apply", "key", "hold", "hole", "net", "clock", "hold-watchdog", "own-disk", "lose-group"}, words[0]) {
			return false
		}
		if words[0] == "leave" {
			m.left[words[1]] = true
		}
	}
	return true
}

// allHaveRoom reports whether each service can run, whatever runs elsewhere.
func allHaveRoom(cfg *config.Config) bool {
	return !slices.ContainsFunc(cfg.Services, func(s config.Service) bool {
		return s.Parallel || s.Weight != nil || s.With != nil || s.Apart != nil || s.After != nil
	})
}
