package simulate

import (
	"math/rand/v2"
	"slices"
	"strings"

	"locum/heartbeat"
)

// send carries a frame to the node that it is for, or to all on its path, to each with its own luck.
func (w *World) send(from *node, o heartbeat.Transmit) {
	if o.To != heartbeat.Everybody {
		w.deliver(from, w.nodes[o.To], o.Path, o.Frame)
		return
	}
	for _, to := range w.nodes {
		if to != nil && to != from && !w.groupless.Has(to.cfg.Number) {
			w.deliver(from, to, o.Path, o.Frame)
		}
	}
}

// Share makes of a history the same one on a cluster whose first path sends a beat once, to all, and lets that fail at some
// nodes in between. What is drawn for it is not drawn from the history's own chance.
func Share(s Script, seed uint64) Script {
	rnd := rand.New(rand.NewPCG(seed, 11))
	before, path, _ := strings.Cut(s.Config, "path udp lan ")
	line, after, _ := strings.Cut(path, "\n")
	group := []string{" multicast=239.192.0.66\n", " broadcast=192.0.2.255\n"}[rnd.IntN(2)]
	shared := Script{Config: before + "path udp lan " + line + group + after, watch: s.watch}
	started, faults := false, rnd.IntN(4)
	for _, c := range s.Commands {
		if names, boots := strings.CutPrefix(c, "boot "); boots && !started {
			started = true
			if rnd.IntN(5) == 0 { // from the first beat on
				shared.Commands = append(shared.Commands, "lose-group "+names)
			}
		} else if started && faults > 0 && strings.HasPrefix(c, "run ") && rnd.IntN(4) == 0 {
			faults--
			shared.Commands = append(shared.Commands, "lose-group "+some(rnd, s))
		}
		shared.Commands = append(shared.Commands, c)
	}
	return shared
}

// some are some of a history's nodes, often all: a switch that forgets a group forgets all of it.
func some(rnd *rand.Rand, s Script) string {
	at := slices.IndexFunc(s.Commands, func(c string) bool { return strings.HasPrefix(c, "boot ") })
	names := strings.Fields(s.Commands[at])[1:]
	if rnd.IntN(2) == 0 {
		return strings.Join(names, " ")
	}
	return strings.Join(names[:1+rnd.IntN(len(names))], " ")
}
