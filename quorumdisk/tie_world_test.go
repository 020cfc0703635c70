package quorumdisk

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"testing"

	"locum/wire"
)

// world is a tie-break as a whole: the contenders' real Tie, disks that are arrays, and what is under way. It is a value:
// an assignment is a copy, so that every way on can be tried from one state.
type world struct {
	rules   *rules
	tie     [3]Tie
	up      [3]bool
	life    [3]wire.Incarnation
	gone    [3][3]wire.Incarnation // proofs: gone[i][w] was given to i
	disk    [MaxDisks][3]Claim
	pending [3][MaxDisks]Claim // what a write that is under way will write
	crashes int
	fails   int
	proofs  int
	// Of a replacement of disk 1: how far it is, the generation of each header, what is on the disk that is replaced, and for each node the
	// newest generation it knows, and whether what it has under way on disk 1 goes to the replaced one.
	replaced   int
	generation [MaxDisks]uint32
	old        [3]Claim
	known      [3]uint32
	toOld      [3]bool
	decided    [6]Winner // by instance: what anybody ever took for decided
}

// rules bound what is tried.
type rules struct {
	contenders, disks      int
	crashes, fails, proofs int
	rounds                 uint64 // ballots of a node in an instance
	instances              uint64
	replace                bool // disk 1 of three is replaced by another, which joins
	coarse                 bool // and all headers of a generation at once
}

func (r rules) String() string {
	if r.replace {
		how := map[bool]string{true: ", one replaced", false: ", one replaced in all steps"}[r.coarse]
		r.replace = false
		return r.String() + how
	}
	return fmt.Sprintf("%d contenders, %d disks, %d crashes, %d faults of a disk, %d proofs, %d ballots each, %d instances",
		r.contenders, r.disks, r.crashes, r.fails, r.proofs, r.rounds, r.instances)
}

func newWorld(r *rules) world {
	w := world{rules: r, crashes: r.crashes, fails: r.fails, proofs: r.proofs, generation: [MaxDisks]uint32{1, 1, 1}}
	if !r.replace {
		w.replaced = 6
	}
	for i := range r.contenders {
		w.start(i)
		for d := range r.disks { // nothing has happened yet, so the order in which they look does not matter
			w.answer(i, d)
		}
	}
	for i := range r.contenders {
		w.step(i, Claimed{w.want(i)})
	}
	return w
}

func (w *world) start(i int) {
	w.life[i]++
	w.up[i], w.pending[i], w.known[i] = true, [MaxDisks]Claim{}, 1
	w.tie[i] = NewTie(TieSettings{Self: wire.Node(i + 1), Incarnation: w.life[i], Disks: w.rules.disks, Retry: 1, Backoff: 1})
	w.step(i, Tick{})
}

func (w *world) want(i int) Want {
	v := Want{Epoch: wire.Epoch(10*w.life[i]) + wire.Epoch(i+1), Side: wire.SetOf(wire.Node(i + 1)), Common: 5, Members: wire.SetOf(1, 2, 3), Rank: i}
	copy(v.Gone[:], w.gone[i][:w.rules.contenders])
	v.Judged = math.MaxUint64 // of whichever is the last when it counts
	return v
}

// step gives one event to one node, and notes what it begins.
func (w *world) step(i int, ev TieEvent) {
	for _, a := range w.tie[i].Step(1, ev) {
		if a.Write {
			w.pending[i][a.Disk] = a.Claim
		}
		if a.Disk == 1 {
			w.toOld[i] = w.rules.replace && w.known[i] == 1
		}
	}
}

// where gives the blocks that a node reaches as disk d, and the generation of their header.
func (w *world) where(i, d int) (*[3]Claim, uint32) {
	if d == 1 && w.toOld[i] {
		return &w.old, 1
	}
	return &w.disk[d], w.generation[d]
}

// replacing are the steps by which a disk is replaced, as Repair and Join take them: each new header is written to the disks that stay one
// after the other, and between the two generations what they hold is copied.
var replacing = []way{
	{func(w *world) { w.generation[0] = 2 }, "header 2 on disk 0", nil},
	{func(w *world) { w.generation[2] = 2 }, "header 2 on disk 2", nil},
	{func(w *world) {
		for n := range w.disk[1] {
			w.disk[1][n] = w.disk[0][n].With(w.disk[2][n])
		}
	}, "copied to the new disk 1", nil},
	{func(w *world) { w.generation[1] = 3 }, "header 3 on the new disk 1", nil},
	{func(w *world) { w.generation[0] = 3 }, "header 3 on disk 0", nil},
	{func(w *world) { w.generation[2] = 3 }, "header 3 on disk 2", nil},
}

// answer lets what is under way on a disk happen, and its node know.
func (w *world) answer(i, d int) {
	k := w.tie[i].disk[d]
	blocks, generation := w.where(i, d)
	if k.writing {
		blocks[i] = w.pending[i][d]
		w.step(i, WriteDone{d, k.op})
		return
	}
	w.known[i] = max(w.known[i], generation)
	seen := *blocks
	w.step(i, ReadDone{d, k.op, seen[:w.rules.contenders], generation})
}

// way is one thing that can happen next.
type way struct {
	do     func(*world)
	format string
	args   []any
}

// ways lists everything that can happen next. Nothing of it has to happen: a disk that is lost, or lost to one node only, is
// one of which nothing returns any more, and so is in every search.
func (w *world) ways() (list []way) {
	add := func(do func(*world), format string, args ...any) {
		list = append(list, way{do, format, args})
	}
	for i := range w.rules.contenders {
		if !w.up[i] {
			add(func(w *world) { w.start(i); w.step(i, Claimed{w.want(i)}) }, "%d starts", i+1)
			continue
		}
		w.diskWays(i, add)
		if w.tie[i].phase == pausing {
			add(func(w *world) { w.tie[i].pauseTo = 0; w.step(i, Tick{}) }, "%d has waited", i+1)
		}
		if w.crashes > 0 {
			w.crashWays(i, add)
		}
		if v := w.tie[i].last.Winner; w.proofs > 0 && v.Node != 0 && int(v.Node) != i+1 && w.gone[i][v.Node-1] < v.Incarnation {
			add(func(w *world) {
				w.proofs--
				w.gone[i][v.Node-1] = v.Incarnation
				w.step(i, Claimed{w.want(i)})
			}, "%d has a proof against %v", i+1, v)
		}
	}
	if w.replaced < len(replacing) {
		steps := 1
		if w.rules.coarse {
			steps = [...]int{2, 0, 1, 3}[w.replaced]
		}
		next := replacing[w.replaced : w.replaced+steps]
		add(func(w *world) {
			for _, step := range next {
				step.do(w)
			}
			w.replaced += steps
		}, "to %s", next[steps-1].format)
	}
	return list
}

func (w *world) diskWays(i int, add func(func(*world), string, ...any)) {
	for d := range w.rules.disks {
		k := w.tie[i].disk[d]
		switch {
		case k.op == 0 && k.retryAt > 0:
			add(func(w *world) { w.tie[i].disk[d].retryAt = 0; w.step(i, Tick{}) }, "%d tries disk %d again", i+1, d)
		case k.op == 0:
		case d == 1 && w.rules.replace && !w.toOld[i] && w.known[i] == 2: // the new disk does not count yet, and is not used
			add(func(w *world) { w.step(i, Failed{d, k.op}) }, "%d: disk 1 does not count", i+1)
		default:
			add(func(w *world) { w.answer(i, d) }, "%d: disk %d: %v", i+1, d, w.doing(i, d))
			if w.fails > 0 {
				add(func(w *world) { w.fails--; w.step(i, Failed{d, k.op}) }, "%d: disk %d: fails: %v", i+1, d, w.doing(i, d))
			}
			if w.fails > 0 && k.writing {
				add(func(w *world) {
					w.fails--
					blocks, _ := w.where(i, d)
					blocks[i] = w.pending[i][d]
					w.step(i, Failed{d, k.op})
				}, "%d: disk %d: done, and said to have failed: %v", i+1, d, w.doing(i, d))
				add(func(w *world) { w.fails--; w.step(i, WriteDone{d, k.op}) }, "%d: disk %d: lost, and said to be done: %v", i+1, d, w.doing(i, d))
			}
		}
	}
}

// doing is what a node does on a disk, for people.
func (w *world) doing(i, d int) any {
	if w.tie[i].disk[d].writing {
		return w.pending[i][d]
	}
	return "read"
}

// crashWays: what was under way has been written or not.
func (w *world) crashWays(i int, add func(func(*world), string, ...any)) {
	for landed := range 1 << w.rules.disks {
		possible := true
		for d := range w.rules.disks {
			k := w.tie[i].disk[d]
			possible = possible && (landed>>d&1 == 0 || k.op != 0 && k.writing)
		}
		if possible {
			add(func(w *world) {
				w.crashes--
				w.up[i] = false
				for d := range w.rules.disks {
					if landed>>d&1 == 1 {
						blocks, _ := w.where(i, d)
						blocks[i] = w.pending[i][d]
					}
				}
			}, "%d crashes, landed %b", i+1, landed)
		}
	}
}

// wrong is what must never be so; "" if it is not.
func (w *world) wrong() string {
	for i := range w.rules.contenders {
		t := &w.tie[i]
		if !w.up[i] || t.last.Instance == 0 {
			continue
		}
		said := &w.decided[t.last.Instance]
		if said.IsZero() {
			*said = t.last.Winner
		}
		if *said != t.last.Winner {
			return fmt.Sprintf("instance %d: decided for %v and, says node %d, for %v", t.last.Instance, *said, i+1, t.last.Winner)
		}
	}
	for i := range w.rules.contenders {
		if s := w.unproven(i); s != "" {
			return s
		}
	}
	return ""
}

// unproven looks whether a node takes part in an instance without what it needs for that, by a second, dumber judgement.
func (w *world) unproven(i int) string {
	c := w.tie[i].mine
	if !w.up[i] || c.Instance < 2 || c.Incarnation != w.life[i] {
		return ""
	}
	before := w.decided[c.Instance-1]
	switch {
	case c.Before != before:
		return fmt.Sprintf("node %d: instance %d follows %v, but %v was decided", i+1, c.Instance, c.Before, before)
	case int(before.Node) == i+1, w.gone[i][before.Node-1] >= before.Incarnation:
		return ""
	}
	return fmt.Sprintf("node %d takes part in instance %d without a proof against %v", i+1, c.Instance, before)
}

// beyond tells whether a world is out of the bounds.
func (w *world) beyond() bool {
	for i := range w.rules.contenders {
		m := w.tie[i].mine
		if m.Promised.round() > w.rules.rounds || m.Instance > w.rules.instances {
			return true
		}
	}
	return false
}

func (c Claim) String() string {
	s := fmt.Sprintf("[%d: promised %d.%d", c.Instance, c.Promised.round(), c.Promised.node())
	if c.Accepted != 0 {
		s += fmt.Sprintf(", accepted %d.%d %v", c.Accepted.round(), c.Accepted.node(), c.Value)
	}
	if c.Decided {
		s += ", decided"
	}
	return s + "]"
}

var seed = maphash.MakeSeed()

// hash is the same for worlds that differ in nothing that matters: not by numbers of operations, by times, or by which of the
// disks is which.
func (w *world) hash() uint64 {
	var buffer [2048]byte
	b := append(buffer[:0], byte(w.crashes), byte(w.fails), byte(w.proofs), byte(w.replaced))
	for i := range w.rules.contenders {
		t := &w.tie[i]
		b = append(b, byte(t.phase), bit(w.up[i])|bit(t.tell)<<1, byte(w.life[i]), byte(t.newest), byte(t.last.Instance), byte(t.tries))
		b = appendClaim(b, t.mine)
		b = appendWinner(b, t.last.Winner)
		b = append(b, byte(t.high.round()), byte(t.high.node()), byte(t.best.round()), byte(t.best.node()))
		b = appendWinner(b, t.value)
		for _, life := range w.gone[i] {
			b = append(b, byte(life))
		}
	}
	for _, v := range w.decided {
		b = appendWinner(b, v)
	}
	if w.rules.replace {
		for i := range w.rules.contenders {
			b = append(appendClaim(b, w.old[i]), byte(w.known[i]), bit(w.toOld[i]), byte(w.tie[i].generation))
		}
	}
	var column [MaxDisks][]byte
	for d := range w.rules.disks {
		from := len(b)
		b = w.appendDisk(b, d)
		column[d] = slices.Clone(b[from:])
		b = b[:from]
	}
	switch {
	case !w.rules.replace:
		slices.SortFunc(column[:w.rules.disks], bytes.Compare)
	case w.rules.coarse && bytes.Compare(column[0], column[2]) > 0: // the two that stay
		column[0], column[2] = column[2], column[0]
	}
	for d := range w.rules.disks {
		b = append(b, column[d]...)
	}
	return maphash.Bytes(seed, b)
}

func (w *world) appendDisk(b []byte, d int) []byte {
	for i := range w.rules.contenders {
		t, k := &w.tie[i], w.tie[i].disk[d]
		b = appendClaim(b, w.disk[d][i])
		if !w.up[i] {
			continue
		}
		b = append(b, bit(k.op != 0)|bit(k.op >= t.first)<<1|bit(k.writing)<<2|bit(k.wrote)<<3|bit(k.done)<<4|bit(k.retryAt != 0)<<5)
		if k.op != 0 && k.writing {
			b = appendClaim(b, w.pending[i][d])
		}
	}
	return b
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func appendWinner(b []byte, v Winner) []byte {
	return append(b, byte(v.Node), byte(v.Incarnation), byte(v.Epoch))
}

func appendClaim(b []byte, c Claim) []byte {
	b = append(b, byte(c.Instance), byte(c.Promised.round()), byte(c.Accepted.round()), bit(c.Decided), byte(c.Incarnation))
	return appendWinner(appendWinner(b, c.Value), c.Before)
}

// story is the way to where the search is.
func (s *search) story() string {
	var b strings.Builder
	for _, w := range s.path {
		fmt.Fprintf(&b, w.format+"\n", w.args...)
	}
	return b.String()
}

// search tries everything, depth first.
type search struct {
	seen   map[uint64]struct{}
	path   []way
	ways   int
	most   int // states; 0: no bound
	beyond int
}

func (s *search) from(t *testing.T, w *world) bool {
	if what := w.wrong(); what != "" {
		t.Errorf("%s\n%s", what, s.story())
		return false
	}
	if w.beyond() {
		s.beyond++
		return true
	}
	h := w.hash()
	if _, known := s.seen[h]; known || s.most > 0 && len(s.seen) >= s.most {
		return true
	}
	s.seen[h] = struct{}{}
	for _, way := range w.ways() {
		s.ways++
		next := *w
		way.do(&next)
		s.path = append(s.path, way)
		if !s.from(t, &next) {
			return false
		}
		s.path = s.path[:len(s.path)-1]
	}
	return true
}
