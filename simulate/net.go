package simulate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"locum/heartbeat"
	"locum/wire"
)

// weather is how the network treats every frame. Shares are in thousandths.
type weather struct {
	delay, jitter             time.Duration
	loss, dup, spoil, replays int
}

var fairWeather = weather{delay: time.Millisecond}

// link is one direction of one path between two nodes.
type link struct {
	from, to wire.Node
	path     int
}

// everyPath stands for all paths in a link.
const everyPath = -1

// flight is a frame on its way, kept so that it can be replayed.
type flight struct {
	to    wire.Node
	path  int
	frame []byte
	truth *passage // nil if nobody has sent it so
}

// remembered is how many frames an eavesdropper keeps.
const remembered = 64

// deliver carries a frame from one node to another as the weather lets it.
func (w *World) deliver(from, to *node, path int, frame []byte) {
	if to == nil || w.cut[link{from.cfg.Number, to.cfg.Number, path}] || w.cut[link{from.cfg.Number, to.cfg.Number, everyPath}] {
		return
	}
	if most := w.holes[[2]wire.Node{from.cfg.Number, to.cfg.Number}]; most > 0 && len(frame) > most {
		return
	}
	n := w.net
	f := flight{to.cfg.Number, path, from.heart.copyOf(frame), w.departs(from, to)}
	if n.replays > 0 {
		w.record(f)
	}
	if w.chance(n.loss) {
		return
	}
	if w.chance(n.dup) {
		w.fly(f)
	}
	if w.chance(n.spoil) {
		f = spoil(w.rng, f)
	}
	w.fly(f)
}

// record has the eavesdropper keep a frame, and perhaps send one that he kept before.
func (w *World) record(f flight) {
	if len(w.tape) < remembered {
		w.tape = append(w.tape, f)
	} else {
		w.tape[w.rng.IntN(remembered)] = f
	}
	if w.chance(w.net.replays) {
		w.fly(w.tape[w.rng.IntN(len(w.tape))])
	}
}

func (w *World) chance(thousandths int) bool {
	return thousandths > 0 && w.rng.IntN(1000) < thousandths
}

// spoil changes a frame so that it is none of anybody's.
func spoil(rng *rand.Rand, f flight) flight {
	f.frame = bytes.Clone(f.frame)
	switch rng.IntN(3) {
	case 0:
		f.frame[rng.IntN(len(f.frame))] ^= byte(1 << rng.IntN(8))
	case 1:
		f.frame = f.frame[:rng.IntN(len(f.frame))]
	default: // as short frames are padded on a real wire
		f.frame = append(f.frame, byte(rng.Uint32()))
		return f
	}
	f.truth = nil
	return f
}

// fly brings a frame to its end after the delay.
func (w *World) fly(f flight) {
	d := w.net.delay
	if w.net.jitter > 0 {
		d += time.Duration(w.rng.Int64N(int64(w.net.jitter)))
	}
	w.in(d, func() {
		if w.hold == nil || !w.hold(f, func() { w.land(f) }) {
			w.land(f)
		}
	})
}

// land puts a frame into the receive queue of the node that it is for.
func (w *World) land(f flight) {
	to := w.nodes[f.to]
	if to.heart == nil || !to.powered {
		return
	}
	to.reached = w.now
	to.heart.receive(arrival{f.truth, w.now, heartbeat.Frame{Path: f.path,
		Received: heartbeat.Received{Frame: f.frame, At: to.now(), Stamped: true}}})
}

// commandNet: net [delay=5ms] [jitter=20ms] [loss=N] [dup=N] [spoil=N] [replays=N], the last four in thousandths; what is
// not named is fair.
func (w *World) commandNet(args []string) error {
	n := fairWeather
	shares := map[string]*int{"loss": &n.loss, "dup": &n.dup, "spoil": &n.spoil, "replays": &n.replays}
	times := map[string]*time.Duration{"delay": &n.delay, "jitter": &n.jitter}
	for _, a := range args {
		key, value, _ := strings.Cut(a, "=")
		var err error
		switch {
		case shares[key] != nil:
			*shares[key], err = strconv.Atoi(value)
		case times[key] != nil:
			*times[key], err = time.ParseDuration(value)
		default:
			return fmt.Errorf("%q: want delay, jitter, loss, dup, spoil or replays", a)
		}
		if err != nil {
			return err
		}
	}
	w.net = n
	return nil
}

// commandCut: cut SIDE SIDE [PATH]: the cables between every two of the named nodes, of one path or of all.
func (w *World) commandCut(args []string, back bool) error {
	if len(args) != 2 && len(args) != 3 {
		return fmt.Errorf("want two sides, and perhaps a path")
	}
	path := everyPath
	if len(args) == 3 {
		for i, p := range w.Config.Paths {
			if p.Name == args[2] {
				path = i
			}
		}
		if path == everyPath {
			return fmt.Errorf("no path %q", args[2])
		}
	}
	for a := range strings.SplitSeq(args[0], ",") {
		for b := range strings.SplitSeq(args[1], ",") {
			x, err := w.node(a)
			if err != nil {
				return err
			}
			y, err := w.node(b)
			if err != nil {
				return err
			}
			w.cut[link{x.cfg.Number, y.cfg.Number, path}] = true
			if back {
				w.cut[link{y.cfg.Number, x.cfg.Number, path}] = true
			}
		}
	}
	return nil
}

// commandHole: hole NODE NODE BYTES: on no path between the two are larger frames carried; heal ends it.
func (w *World) commandHole(args []string) error {
	x, err := w.node(args[0])
	if err != nil {
		return err
	}
	y, err := w.node(args[1])
	if err != nil {
		return err
	}
	most, err := strconv.Atoi(args[2])
	w.holes[[2]wire.Node{x.cfg.Number, y.cfg.Number}], w.holes[[2]wire.Node{y.cfg.Number, x.cfg.Number}] = most, most
	return err
}
