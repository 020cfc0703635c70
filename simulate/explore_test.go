package simulate

import (
	"encoding/binary"
	"flag"
	"fmt"
	"hash/maphash"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

var (
	steps   = flag.Int("steps", 5, "how many steps each way of the exploration has")
	explore = flag.Int("states", 1_000_000, "after how many states the exploration ends")
)

// scope is what is explored: a cluster, what has happened to it before, and what may happen now, so many faults at most.
type scope struct {
	name, file string
	nodes      string
	before     []string
	faults     []string
	most       int
}

const (
	alphaFence = "fence alpha pdu type=http url-off=http://192.0.2.9/off url-status=http://192.0.2.9/s timeout=1s\n"
	gammaFence = "fence gamma pdu type=http url-off=http://192.0.2.9/off url-status=http://192.0.2.9/s timeout=1s\n"
)

var threeFile = strings.NewReplacer("node 2 beta\n", "node 2 beta\nnode 3 gamma\n", "beta=192.0.2.2", "beta=192.0.2.2 gamma=192.0.2.3",
	"nodes=alpha,beta", "nodes=alpha,beta,gamma", alphaFence, alphaFence+gammaFence).Replace(smallFile)

var scopes = []scope{
	{
		name: "two", file: smallFile, nodes: "alpha beta", most: 2,
		faults: []string{"cut alpha beta", "cut-one-way alpha beta", "kill alpha", "kill beta", "boot alpha", "kill-engine alpha", "ask beta move web", "heal"},
	},
	{
		name: "tie", file: smallFile, nodes: "alpha beta", most: 2,
		before: []string{"switch alpha acts 700ms", "switch beta acts 700ms", "cut alpha beta", "run 950ms"},
		faults: []string{"heal", "cut alpha beta", "kill-engine alpha", "bounce-heart beta", "ask beta move web", "pause alpha", "resume alpha"},
	},
	{
		name: "return", file: smallFile, nodes: "alpha beta", most: 2,
		before: []string{"kill alpha", "run 3s", "boot alpha", "run 30ms"},
		faults: []string{"cut alpha beta", "heal", "kill beta", "kill-engine beta", "ask beta move web alpha", "ask beta stop web"},
	},
	{
		name: "agents", file: smallFile, nodes: "alpha beta", most: 2,
		before: []string{"manner alpha web/1 stop slow", "manner beta web/1 start slow"},
		faults: []string{"ask beta move web", "ask alpha move web alpha", "kill-engine alpha", "cut alpha beta", "heal", "ask alpha standby alpha", "ask alpha online alpha"},
	},
	{
		name: "three", file: threeFile, nodes: "alpha beta gamma", most: 1,
		faults: []string{"cut alpha gamma", "cut alpha beta,gamma", "kill alpha", "kill beta", "kill-engine alpha", "ask gamma move web"},
	},
	{
		name: "minority", file: threeFile, nodes: "alpha beta gamma", most: 2,
		before: []string{"cut alpha beta,gamma", "run 3s"},
		faults: []string{"heal", "cut alpha beta", "kill beta", "kill-engine alpha", "ask beta move web"},
	},
}

// Every direction between two nodes may hold its messages back as long as it likes, and faults come at any moment between
// them: all interleavings are tried, to a depth, but for those that lead to a state that another has led to before. From each
// end all is healed, and the service has to run, once. The beats go on: what is slow is only what engines say to each other.
//
//	go test ./simulate -run EveryInterleaving -steps 16 -v
func TestEveryInterleavingOfMessagesAndFaults(t *testing.T) {
	for _, s := range scopes {
		t.Run(s.name, func(t *testing.T) {
			x := explorer{scope: s, seen: map[uint64]bool{}, seed: maphash.MakeSeed()}
			x.all()
			for _, f := range x.failures {
				t.Error(f)
			}
			t.Logf("%d states, %d ways of at most %d steps and %d faults, complete: %t", len(x.seen), x.ways, *steps, s.most, x.complete)
		})
	}
}

// explorer tries all ways. A way is the choices that were made; it is played anew from the beginning, because a world
// cannot be copied.
type explorer struct {
	scope    scope
	seed     maphash.Seed
	lock     sync.Mutex
	open     [][]int // ways whose beginning is chosen and whose rest is not
	busy     int
	seen     map[uint64]bool
	ways     int
	complete bool
	failures []string
}

func (x *explorer) all() {
	x.open = [][]int{{}}
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for way, ok := x.next(); ok; way, ok = x.next() {
				x.play(way)
			}
		})
	}
	wait.Wait()
	x.complete = len(x.open) == 0
}

// next gives a way to play; the last one that was found first, so that few are open.
func (x *explorer) next() ([]int, bool) {
	for {
		x.lock.Lock()
		if n := len(x.open); n > 0 && len(x.seen) < *explore && len(x.failures) < 5 {
			way := x.open[n-1]
			x.open, x.busy = x.open[:n-1], x.busy+1
			x.lock.Unlock()
			return way, true
		}
		over := x.busy == 0 || len(x.seen) >= *explore || len(x.failures) >= 5
		x.lock.Unlock()
		if over {
			return nil, false
		}
		time.Sleep(time.Millisecond)
	}
}

// play makes the choices of a way, then always the first, and leaves the others to be tried.
func (x *explorer) play(way []int) {
	e := x.begin()
	for i := 0; i < *steps && len(e.w.Broken) == 0; i++ {
		options := e.options()
		choice := 0
		if i < len(way) {
			choice = way[i]
		} else {
			if !x.fresh(e) {
				x.end(nil)
				return
			}
			x.leave(way, i, len(options))
		}
		e.take(options[choice])
	}
	x.end(e.finish())
}

// fresh reports whether no way has led to the state before.
func (x *explorer) fresh(e *exploration) bool {
	sum := e.hash(x.seed)
	x.lock.Lock()
	defer x.lock.Unlock()
	old := x.seen[sum]
	x.seen[sum] = true
	return !old
}

// leave notes the ways that go another way than the first at a step.
func (x *explorer) leave(way []int, step, options int) {
	x.lock.Lock()
	defer x.lock.Unlock()
	beginning := append(slices.Clone(way), make([]int, step-len(way))...)
	for c := options - 1; c > 0; c-- {
		x.open = append(x.open, append(slices.Clone(beginning), c))
	}
}

func (x *explorer) end(failures []string) {
	x.lock.Lock()
	defer x.lock.Unlock()
	x.busy--
	x.ways++
	x.failures = append(x.failures, failures...)
}

// exploration is one way under way.
type exploration struct {
	scope  scope
	w      *World
	bags   map[direction][]func() // messages that are held back
	order  []direction            // in which something is held, in order of the nodes
	faults int
	story  []string
}

type direction struct{ from, to wire.Node }

func (x *explorer) begin() *exploration {
	cfg, problems := config.Parse("explored", x.scope.file)
	if cfg == nil {
		panic(problems.Error())
	}
	e := &exploration{scope: x.scope, w: New(cfg, 1), bags: map[direction][]func(){}}
	e.do("boot " + x.scope.nodes)
	e.do("run 3s")
	for _, line := range x.scope.before {
		e.do(line)
	}
	e.w.hold = func(f flight, land func()) bool {
		if f.truth == nil || wire.Kind(f.frame[1]) != wire.KindSegment {
			return false
		}
		d := direction{f.truth.from.cfg.Number, f.to}
		e.bags[d] = append(e.bags[d], land)
		if !slices.Contains(e.order, d) {
			e.order = append(e.order, d)
			slices.SortFunc(e.order, func(a, b direction) int {
				return int(a.from)*wire.MaxNodes + int(a.to) - int(b.from)*wire.MaxNodes - int(b.to)
			})
		}
		return true
	}
	return e
}

func (e *exploration) do(line string) {
	e.story = append(e.story, line)
	if err := e.w.command(strings.Fields(line)); err != nil {
		e.w.broken("explorer: %s: %v", line, err)
	}
}

// options are what may happen next: a direction carries what it has held, time passes, something fails.
func (e *exploration) options() []func() {
	var list []func()
	if e.faults > 0 || len(e.scope.before) > 0 { // else nothing happens yet
		for _, d := range e.order {
			list = append(list, func() { e.carry(d) })
		}
		list = append(list, e.wait)
	}
	if e.faults < e.scope.most {
		for _, f := range e.scope.faults {
			list = append(list, func() { e.faults++; e.do(f) })
		}
	}
	return list
}

func (e *exploration) take(option func()) {
	option()
	e.w.Run(100 * time.Microsecond)
}

func (e *exploration) carry(d direction) {
	e.story = append(e.story, fmt.Sprintf("carried: %d to %d", d.from, d.to))
	e.order = slices.DeleteFunc(e.order, func(o direction) bool { return o == d })
	bag := e.bags[d]
	delete(e.bags, d)
	for _, land := range bag {
		land()
	}
}

// wait lets time pass until something is held back in one direction more, for less than it takes to give a node up for dead.
func (e *exploration) wait() {
	begin, were := e.w.now, len(e.order)
	for e.w.now < begin+wire.Instant(600*time.Millisecond) && len(e.order) == were && len(e.w.Broken) == 0 {
		e.w.Run(time.Millisecond)
	}
	e.story = append(e.story, fmt.Sprintf("waited: %s", time.Duration(e.w.now-begin)))
}

// finish heals all and looks whether the service runs.
func (e *exploration) finish() []string {
	for len(e.order) > 0 {
		e.carry(e.order[0])
	}
	e.w.hold = nil
	lines := []string{"heal"}
	for n := range strings.FieldsSeq(e.scope.nodes) {
		lines = append(lines, "resume "+n, "manner "+n+" web/1 stop ok", "manner "+n+" web/1 start ok")
	}
	for range 2 {
		lines = append(lines, "boot "+e.scope.nodes, "start-heart "+e.scope.nodes, "run 30s")
	}
	lines = append(lines, "insist any start web", "run 5s", "expect once web")
	for _, line := range lines {
		e.do(line)
	}
	if len(e.w.Broken) == 0 {
		return nil
	}
	return []string{strings.Join(e.w.Broken, "; ") + "\n  by: " + strings.Join(e.story, "; ")}
}

// hash tells states apart: what every engine knows, what its heart has told it and keeps, what runs, what is held back, and
// the time.
func (e *exploration) hash(seed maphash.Seed) uint64 {
	h := deepHash{}
	h.SetSeed(seed)
	h.number(uint64(e.w.now), uint64(e.faults))
	for _, d := range e.order {
		h.number(uint64(d.from), uint64(d.to), uint64(len(e.bags[d])))
	}
	e.w.each(func(n *node) {
		h.add(reflect.ValueOf([]any{n.powered, n.boots, n.incarnation, n.durable, n.states, n.run}))
		if n.engine != nil {
			h.add(reflect.ValueOf(n.engine))
		}
		if n.heart != nil {
			h.add(reflect.ValueOf([]any{n.heart.h.Lease(), n.heart.h.Peers()}))
		}
	})
	for _, o := range e.w.switches {
		h.add(reflect.ValueOf(o))
	}
	return h.Sum64()
}

// deepHash hashes values with all that they point to, also what is not exported.
type deepHash struct{ maphash.Hash }

func (h *deepHash) number(list ...uint64) {
	for _, n := range list {
		h.Write(binary.LittleEndian.AppendUint64(nil, n))
	}
}

func (h *deepHash) add(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		h.WriteByte(byte(map[bool]int{true: 1}[v.Bool()]))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		h.number(uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		h.number(v.Uint())
	case reflect.String:
		h.number(uint64(v.Len()))
		h.WriteString(v.String())
	case reflect.Pointer, reflect.Interface:
		if h.WriteByte(byte(map[bool]int{true: 1}[v.IsNil()])); !v.IsNil() && v.Type() != reflect.TypeFor[*config.Config]() {
			h.add(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		h.number(uint64(v.Len()))
		for i := range v.Len() {
			h.add(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			h.add(v.Field(i))
		}
	case reflect.Map:
		sum := uint64(0) // in whatever order
		for entries := v.MapRange(); entries.Next(); {
			one := deepHash{}
			one.SetSeed(h.Seed())
			one.add(entries.Key())
			one.add(entries.Value())
			sum += one.Sum64()
		}
		h.number(sum)
	case reflect.Func:
	default:
		panic("a state has a " + v.Type().String() + ", which the explorer cannot hash")
	}
}
