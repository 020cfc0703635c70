package simulate

import (
	"fmt"
	"strconv"
	"time"

	"locum/cluster"
	"locum/config"
)

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
