package simulate

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// command carries one line of a script out.
func (w *World) command(words []string) error {
	do, args := commands[words[0]], words[1:]
	switch {
	case do == nil:
		return fmt.Errorf("no such command; there are %s", strings.Join(slices.Sorted(maps.Keys(commands)), ", "))
	case len(args) < leastWords[words[0]]:
		return fmt.Errorf("want at least %d words after %s", leastWords[words[0]], words[0])
	}
	return do(w, args)
}

// IsCommand reports whether a scenario can have a line that begins with this word.
func IsCommand(word string) bool { return commands[word] != nil }

// Try says what is wrong with a line for this file, nil if it can be played: it is played at once, where all nodes have just booted.
func Try(cfg *config.Config, line string) error {
	w, words := New(cfg, 1), strings.Fields(line)
	for _, n := range cfg.Nodes {
		if err := w.command([]string{"boot", n.Name}); err != nil {
			return err
		}
	}
	switch {
	case strings.HasSuffix(words[0], "-disk") && len(cfg.Disks) == 0:
		return errors.New("the file has no disk line")
	case words[0] == "switch" && len(words) > 1:
		if n, known := cfg.NodeByName(words[1]); known && len(cfg.FencesOf(n.Number)) == 0 {
			return fmt.Errorf("%s has no fence line, so no switch", n.Name)
		}
	}
	return w.command(words)
}

// leastWords is how many words a command needs.
var leastWords = map[string]int{"run": 1, "settle": 1, "seed": 1, "cut": 2, "cut-one-way": 2, "drift": 2, "busy": 2, "watchdog": 1, "switch": 2, "manner": 4,
	"fail": 2, "unsure": 2, "confirm-if-off": 2, "contested": 2, "ask": 2, "insist": 2, "apply": 2, "expect": 1, "clock": 1, "sample": 1, "found": 2, "disk-takes": 1, "replace-disk": 1, "own-disk": 1, "hold": 3, "hole": 3, "key": 3, "release": 2, "slow-state": 2, "lose-disk": 1, "hang-disk": 1, "find-disk": 1}

var commands = map[string]func(w *World, args []string) error{
	"run": func(w *World, args []string) error {
		d, err := time.ParseDuration(args[0])
		if err == nil {
			w.Run(d)
		}
		return err
	},
	"settle":       (*World).commandSettle,
	"seed":         (*World).commandSeed,
	"boot":         eachNode((*node).powerOn),
	"kill":         eachNode((*node).powerOff),
	"kill-engine":  eachNode((*node).crashEngine),
	"kill-heart":   eachNode((*node).killHeart),
	"start-heart":  eachNode((*node).startHeart),
	"bounce-heart": eachNode((*node).bounceHeart),
	"stop-engine":  eachNode(func(n *node) { n.stopped = n.engine != nil }),
	"cont-engine":  eachNode((*node).contEngine),
	"pause":        eachNode(func(n *node) { n.paused, n.stopped = true, true }),
	"resume":       eachNode((*node).resume),
	"leave":        eachNode((*node).leave),
	"slow-state":   (*World).commandSlowState,
	"hold":         (*World).commandHold,
	"release":      (*World).commandRelease,
	"key":          (*World).commandKey,
	"mend-keys":    (*World).commandMendKeys,
	"read-only":    eachNode(func(n *node) { n.readOnly = true }),
	"lose-disk":    disksAre(func(r *reach) { r.lost = true }),
	"hang-disk":    disksAre(func(r *reach) { r.hung = true }),
	"find-disk":    disksAre((*reach).release),
	"own-disk":     (*World).commandOwnDisk,
	"spoil-claim":  eachNode((*node).spoilClaim),
	"disk-takes":   (*World).commandDiskTakes,
	"replace-disk": (*World).commandReplaceDisk,
	"writable":     eachNode(func(n *node) { n.readOnly = false }),
	"hang-state":   eachNode(func(n *node) { n.hangs = true }),
	"wake-state":   eachNode((*node).wakeState),
	"lose-state":   eachNode(func(n *node) { n.durable = cluster.Durable{} }),
	"back-up":      eachNode((*node).backUp),
	"restore":      eachNode((*node).restore),
	"cut":          func(w *World, args []string) error { return w.commandCut(args, true) },
	"cut-one-way":  func(w *World, args []string) error { return w.commandCut(args, false) },
	"hole":         (*World).commandHole,
	"heal": func(w *World, args []string) error {
		clear(w.cut)
		clear(w.holes)
		w.net, w.groupless = fairWeather, 0
		return nil
	},
	"lose-group":     eachNode(func(n *node) { n.w.groupless = n.w.groupless.With(n.cfg.Number) }),
	"net":            (*World).commandNet,
	"mark":           func(w *World, args []string) error { clear(w.touched); return nil },
	"calm":           func(w *World, args []string) error { w.checks.calm = true; return nil },
	"busy":           (*World).commandBusy,
	"drift":          (*World).commandDrift,
	"watchdog":       (*World).commandWatchdog,
	"hold-watchdog":  eachNode(func(n *node) { n.held, n.armed = true, false }),
	"free-watchdog":  eachNode(func(n *node) { n.held = false }),
	"switch":         (*World).commandSwitch,
	"manner":         (*World).commandManner,
	"fail":           (*World).commandFail,
	"unsure":         (*World).commandUnsure,
	"confirm-if-off": (*World).commandConfirm,
	"contested":      (*World).commandContested,
	"ask":            (*World).commandAsk,
	"insist":         (*World).commandInsist,
	"apply":          (*World).commandApply,
	"sample":         (*World).commandSample,
	"expect":         (*World).commandExpect,
	"found":          (*World).commandFound,
	"clock":          (*World).commandClock,
}

func eachNode(do func(*node)) func(w *World, args []string) error {
	return func(w *World, args []string) error {
		for _, a := range args {
			n, err := w.node(a)
			if err != nil {
				return err
			}
			do(n)
		}
		return nil
	}
}

// commandSeed: seed N: what is left to chance from here on follows from the number.
func (w *World) commandSeed(args []string) error {
	seed, err := strconv.ParseUint(args[0], 10, 64)
	w.rng = rand.New(rand.NewPCG(seed, 1))
	return err
}

// commandClock: clock HH:MM: it is so late in the day, wherever an engine is up.
func (w *World) commandClock(args []string) error {
	at, err := time.Parse("15:04", args[0])
	if err == nil {
		w.each(func(n *node) {
			if n.engine != nil {
				n.step(cluster.Clock{Minute: at.Hour()*60 + at.Minute()})
			}
		})
	}
	return err
}

// commandBusy: busy NODE TIME: a record takes so long from one process of the node to the other.
func (w *World) commandBusy(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	n.hop, err = time.ParseDuration(args[1])
	return err
}

// commandDrift: drift NODE PPM: the node's clock runs so much faster, in millionths.
func (w *World) commandDrift(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	if n.powered {
		return fmt.Errorf("only before the node is booted")
	}
	n.clock.ppm, err = strconv.ParseInt(args[1], 10, 64)
	return err
}

// commandWatchdog: watchdog TIME: every machine has a hardware watchdog, and the file names it. Only before any node is booted.
func (w *World) commandWatchdog(args []string) error {
	if w.Config.Watchdog.Device != "" {
		return fmt.Errorf("the file has a watchdog line")
	}
	cfg, problems := config.Parse("watched", w.Config.Text+"watchdog /dev/watchdog timeout="+args[0]+"\n")
	if cfg == nil {
		return fmt.Errorf("watchdog: %v", problems)
	}
	w.Config = cfg
	w.each(func(n *node) { n.config = w.Config })
	return nil
}

// commandSwitch: switch NODE off, or one of outletModes; switch NODE acts TIME: so long after the word the power goes, also if
// whoever gave it has none by then; switch NODE answers TIME: so long it takes until the device is reached, and to answer.
func (w *World) commandSwitch(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	if args[1] == "off" {
		w.switches[n.cfg.Number].Off = true
		return nil
	}
	if args[1] == "acts" && len(args) == 3 {
		w.switches[n.cfg.Number].Acts, err = time.ParseDuration(args[2])
		return err
	}
	if args[1] == "answers" && len(args) == 3 {
		w.switches[n.cfg.Number].Delay, err = time.ParseDuration(args[2])
		return err
	}
	if outletModes[args[1]] == "" {
		return fmt.Errorf("no such manner of a switch: %q", args[1])
	}
	w.switches[n.cfg.Number].Mode = args[1]
	return nil
}

func (w *World) resource(word string) (cluster.ResourceID, error) {
	service, index, ok := strings.Cut(word, "/")
	i, err := strconv.Atoi(index)
	if !ok || err != nil {
		return cluster.ResourceID{}, fmt.Errorf("%q: want SERVICE/INDEX", word)
	}
	known := w.Config.ServicesNamed(service)
	if len(known) != 1 || i < 0 || i >= len(known[0].Resources) {
		return cluster.ResourceID{}, fmt.Errorf("no resource %s: want one service or instance of the file, and the number of its resource, the first being 0", word)
	}
	return cluster.ResourceID{Service: known[0].Name, Index: i}, nil
}

// commandManner: manner NODE SERVICE/INDEX start|stop and one of opManners.
func (w *World) commandManner(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err != nil {
		return err
	}
	m := n.manners[id]
	if opManners[args[3]] == "" {
		return fmt.Errorf("no such manner of an operation: %q", args[3])
	}
	how := strings.TrimPrefix(args[3], "ok")
	switch args[2] {
	case "start":
		m.start = how
	case "stop":
		m.stop = how
	case "probe":
		m.probe = how
	default:
		return fmt.Errorf("want start, stop or probe")
	}
	n.manners[id] = m
	return nil
}

// commandFail: fail NODE SERVICE/INDEX: the running resource fails by itself.
func (w *World) commandFail(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err == nil {
		n.fail(id)
	}
	return err
}

// commandUnsure: unsure NODE SERVICE/INDEX: its agent cannot say any more whether the running resource is well.
func (w *World) commandUnsure(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err == nil && n.watched[id] {
		n.later(time.Millisecond, cluster.Watched{Resource: id, State: wire.StateUnknown, Detail: "no answer"})
	}
	return err
}

// commandConfirm: confirm-if-off NODE OTHER: an operator who has looked says at a node that another is off.
func (w *World) commandConfirm(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	other, err := w.node(args[1])
	if err != nil || other.powered {
		return err
	}
	return w.ask(n, cluster.Command{Verb: "confirm", Node: args[1]})
}

// commandFound: found NODE SERVICE/INDEX: something started the resource behind locum's back.
func (w *World) commandFound(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err == nil {
		n.set(id, wire.StateRunning)
	}
	return err
}

// commandContested: contested NODE SERVICE/INDEX: another host answers for its address, if the node asks just then.
func (w *World) commandContested(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err == nil && n.listens[id] {
		n.step(cluster.Contested{Resource: id, By: "00:00:5e:00:53:01"})
	}
	return err
}

// whom finds the node that an operator speaks to; "any" is the first that may act, else the first.
func (w *World) whom(name string) (*node, error) {
	if name != "any" {
		return w.node(name)
	}
	var found *node
	w.each(func(n *node) {
		if found == nil && n.engine != nil && !n.stopped && n.engine.Status(n.now()).Quorate {
			found = n
		}
	})
	if found == nil {
		return w.node(w.Config.Nodes[0].Name)
	}
	return found, nil
}

// commandAsk: ask NODE|any VERB [SERVICE|NODE|on|off …].
func (w *World) commandAsk(args []string) error {
	n, err := w.whom(args[0])
	if err != nil {
		return err
	}
	c := cluster.Command{Verb: args[1]}
	for _, word := range args[2:] {
		_, notNode := w.node(word)
		switch {
		case word == "on" || word == "off":
			c.On = word == "on"
		case notNode == nil:
			c.Node = word
		default:
			c.Service = word
		}
	}
	return w.ask(n, c)
}

// commandInsist: as ask, by an operator who asks again after some seconds, ten times at most, until he is answered that it is done.
func (w *World) commandInsist(args []string) error {
	for range 10 {
		before := len(w.answers)
		if err := w.commandAsk(args); err != nil {
			return err
		}
		if w.answerWithin(3*time.Second, before) && w.answers[len(w.answers)-1].Code == 0 {
			break
		}
		w.Run(3 * time.Second)
	}
	return nil
}

// answerWithin goes on until there are more answers than before, and no longer than for the time.
func (w *World) answerWithin(most time.Duration, before int) bool {
	const look = 100 * time.Millisecond
	for spent := time.Duration(0); spent < most && len(w.answers) <= before; spent += look {
		w.Run(look)
	}
	return len(w.answers) > before
}

func (w *World) ask(n *node, c cluster.Command) error {
	if n.engine == nil || n.stopped {
		return nil // nobody is there to be asked
	}
	w.asked++
	w.checks.asks(w.asked, c)
	if c.Verb == "confirm" {
		w.checks.overrides(n)
	}
	n.step(cluster.Asked{ID: w.asked, Command: c})
	return nil
}

// commandApply: apply NODE +LINE ; -LINE …: a new file in which lines are added and taken away.
func (w *World) commandApply(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	text := n.config.Text
	for edit := range strings.SplitSeq(strings.Join(args[1:], " "), ";") {
		edit = strings.TrimSpace(edit)
		switch {
		case strings.HasPrefix(edit, "+"):
			text += edit[1:] + "\n"
		case strings.HasPrefix(edit, "-"):
			text = strings.ReplaceAll(text, edit[1:]+"\n", "")
		default:
			return fmt.Errorf("%q: want +LINE or -LINE", edit)
		}
	}
	return w.ask(n, cluster.Command{Verb: "apply", Text: text})
}

// commandExpect: expect owner SERVICE [NODE…]; once SERVICE; untouched SERVICE; words (none that was acknowledged is lost);
// up|down NODE; answer CODE; quorate|not-quorate NODE.
func (w *World) commandExpect(args []string) error {
	if len(args) < 2 && args[0] != "words" {
		return fmt.Errorf("want to know of what")
	}
	switch args[0] {
	case "owner":
		if got := strings.Join(w.Owners(args[1]), " "); got != strings.Join(args[2:], " ") {
			return fmt.Errorf("owner: %s runs on [%s]", args[1], got)
		}
		return nil
	case "once":
		if got := w.Owners(args[1]); len(got) != 1 {
			return fmt.Errorf("liveness: %s runs on %v", args[1], got)
		}
		return nil
	case "untouched":
		if k := w.touched[args[1]]; k > 0 {
			return fmt.Errorf("touched: %d starts and stops of %s since mark", k, args[1])
		}
		return nil
	case "words":
		if err := w.lostWords(); err != nil {
			return fmt.Errorf("words: %w", err)
		}
		return nil
	case "answer":
		if len(w.answers) == 0 {
			return fmt.Errorf("no answer came")
		}
		last := w.answers[len(w.answers)-1]
		if strconv.Itoa(last.Code) != args[1] {
			return fmt.Errorf("the answer is %d: %s", last.Code, last.Text)
		}
		return nil
	}
	n, err := w.node(args[1])
	if err != nil {
		return err
	}
	if line := strings.Join(args[2:], " "); args[0] == "file" {
		if !strings.Contains(n.config.Text, line+"\n") {
			return fmt.Errorf("liveness: the file in force on %s has no line %q:\n%s", args[1], line, n.config.Text)
		}
		return nil
	}
	if args[0] == "shows" || args[0] == "hides" {
		return n.shows(strings.Join(args[2:], " "), args[0] == "shows")
	}
	quorate := n.engine != nil && n.engine.Status(n.now()).Quorate
	switch {
	case args[0] == "up" && n.powered, args[0] == "down" && !n.powered,
		args[0] == "quorate" && quorate, args[0] == "not-quorate" && !quorate:
		return nil
	}
	return fmt.Errorf("it is not so")
}
