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
	"fail": 2, "unsure": 2, "confirm-if-off": 2, "contested": 2, "ask": 2, "insist": 2, "apply": 2, "expect": 1, "clock": 1, "sample": 1, "found": 2, "disk-takes": 1, "replace-disk": 1, "own-disk": 1, "copy-disk": 1, "hold": 3, "hole": 3, "key": 3, "release": 2, "slow-state": 2, "lose-disk": 1, "hang-disk": 1, "find-disk": 1}

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
	"copy-disk":    (*World).commandCopyDisk,
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
