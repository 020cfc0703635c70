package daemon

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"locum/agents/reach"
	"locum/config"
	"locum/heartbeat"
	"locum/quorumdisk"
	"locum/wire"
)

// heart is the heart's process: the loop around heartbeat.Heart. All of it belongs to one goroutine, except what is posted.
type heart struct {
	o        Options
	log      logFunc
	flushLog func()
	cfg      *config.Config
	self     config.Node
	state    *stateDir
	run      *runFile
	life     wire.Life
	refused  []string
	tags     []wire.Tag // of the keys, in their order
	seals    quorumdisk.Seals

	core   *heartbeat.Heart
	w      *waiter
	wakeAt wire.Instant
	paths  []*pathSeat
	disks  *quorumdisk.Drives // nil where the file has none
	inputs []heartbeat.Input  // what carrying outputs out has brought
	busy   bool               // a step's outputs are being carried out

	dog     watchdogSeat
	engine  engineSeat
	control *control
	peers   map[wire.Node]wire.Peer // as the engine was last told
	lease   wire.LeaseState
	said    map[string]bool
	ready   bool
	leaving bool
	signals *signals
	trying  bool // it is being tried whether a new heart would come up
	// tryAgain is the pause after which that is tried again should it not, 0 for not at all.
	tryAgain time.Duration
	next     successor
	ending   *ending
}

// ending is how the loop ends.
type ending struct {
	err   error
	again bool // the process executes itself anew
}

// Run is "locum run": the heart of this node, until it has left. It logs to standard error. Its error is a
// *console.Failure with status 2 if the file or the command line is wrong; nil means that the node has left in order.
func Run(_ context.Context, o Options) error {
	told := hearSignals() // what is asked for while the start takes its time is not lost
	h, err := newHeart(o)
	if err != nil {
		return err
	}
	h.signals = told
	end := h.loop()
	h.close()
	h.flushLog()
	if end.again {
		h.dog.handOn()
		return executeAnew(told.toEnd() || h.leaving, h.next)
	}
	return end.err
}

// executeAnew replaces this process by a new one, of a new binary if its path has got one. It resumes from /run, and no
// service is touched. One that was told to end goes on with that.
func executeAnew(leaving bool, next successor) error {
	env := append(os.Environ(), programVariable+"="+programPath)
	if next.life != 0 {
		env = append(env, fmt.Sprintf("%s=%d", incarnationVariable, next.life))
	}
	if leaving {
		env = append(env, leavingVariable+"=1")
	}
	err := unix.Exec(cmp.Or(next.program, programPath), os.Args, env)
	return fmt.Errorf("execute %s anew: %w", programPath, errors.Join(err, unix.Exec(reach.OwnFile, os.Args, env))) // better the same one than none
}

func newHeart(o Options) (_ *heart, err error) {
	buryLeft()
	h := &heart{o: o, peers: map[wire.Node]wire.Peer{}, said: map[string]bool{}}
	left := findLeft()
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.state, err = openStateDir(o.StateDir); err != nil {
		return nil, err
	}
	if h.cfg, err = readConfig(o, h.state); err != nil {
		return nil, err
	}
	if h.self, err = findSelf(o, h.cfg); err != nil {
		return nil, err
	}
	h.log, h.flushLog = newLog(os.Stderr)
	runtime.GOMAXPROCS(heartThreads(h.cfg.Beat.Dead))
	h.refused = hardenHeart(h.cfg.Beat.Dead)
	if err := h.makeCore(); err != nil {
		return nil, err
	}
	if h.w, err = newWaiter(); err != nil {
		return nil, err
	}
	if err := h.openPaths(); err != nil {
		return nil, err
	}
	h.openDisks()
	h.takeUp(left)
	h.control, err = listen(h, o.Socket)
	return h, err
}

// heartThreads is how many threads run the heart's Go code at a time. One is enough and wakes no other for each beat; what
// else the heart does, for the control socket, may then hold a beat up by the 10 ms of the runtime's time slice.
func heartThreads(dead time.Duration) int {
	if dead >= 200*time.Millisecond {
		return 1
	}
	return min(runtime.NumCPU(), 2)
}

// makeCore begins a new life: its incarnation is stored before anything of it can be sent.
func (h *heart) makeCore() error {
	keys, without, err := keysOfHeart(h.cfg)
	if err != nil {
		return err
	}
	if without != "" {
		h.log("alarm", without)
	}
	for _, k := range keys {
		tag, err := wire.TagOf(h.cfg.Cluster, k)
		if err != nil {
			return err
		}
		h.tags = append(h.tags, tag)
	}
	if h.seals, err = quorumdisk.SealsOf(h.cfg.Cluster, keys...); err != nil {
		return err
	}
	s := heartbeat.Settings{Config: h.cfg, Self: h.self.Number, Keys: keys}
	if s.Boot, err = readBoot(); err != nil {
		return err
	}
	if s.Machine, err = h.state.machine(); err != nil {
		return err
	}
	if s.Incarnation, err = h.state.incarnation(); err != nil {
		return err
	}
	if _, err := rand.Read(s.Salt[:]); err != nil {
		return err
	}
	if _, err := rand.Read(s.Seed[:]); err != nil {
		return err
	}
	if h.run, err = openRunDir(h.o.runDir(), h.self.Name); err != nil {
		return err
	}
	if s.Resume, err = h.run.load(); err != nil {
		h.log("warn", err.Error()+"; nothing is resumed")
	}
	h.life = wire.Life{Node: h.self.Number, Boot: s.Boot, Machine: s.Machine, Incarnation: s.Incarnation}
	h.core, err = heartbeat.New(s)
	return err
}

// loop waits for something to happen, drains every path, and only then lets the heart judge.
func (h *heart) loop() ending {
	h.sayHello()
	h.engine.begin(h)
	h.signals.handTo(func(s os.Signal) { h.w.post(func() { h.signalled(s) }) })
	if len(h.dog.former) > 0 {
		h.judgeDog(0)
	}
	for {
		h.round()
		if h.ending != nil {
			return *h.ending
		}
		if err := h.w.wait(heartbeat.Now(), h.wakeAt); err != nil {
			return ending{err: err}
		}
	}
}

func (h *heart) round() {
	h.drain()
	h.engine.hear(h)
	for _, do := range h.w.posted() {
		do()
	}
	h.step(heartbeat.Tick{Drained: true})
	h.engine.listenForRoom(h)
}

func (h *heart) sayHello() {
	h.log("info", fmt.Sprintf("the heart of %s begins, incarnation %d", h.self.Name, h.life.Incarnation))
	for _, r := range h.refused {
		h.log("warn", "the kernel refused "+r)
	}
	if text := drift(h.o, h.cfg); text != "" {
		h.log("warn", text)
	}
}

// step hands the core one input and carries out what follows, and what follows from that.
func (h *heart) step(in heartbeat.Input) {
	h.inputs = append(h.inputs, in)
	if h.busy {
		return // the outputs of the step under way are valid until the next one
	}
	h.busy = true
	for i := 0; i < len(h.inputs) && h.ending == nil; i++ {
		for _, out := range h.core.Step(heartbeat.Now(), h.inputs[i]) {
			if h.carryOut(out); h.ending != nil {
				break
			}
		}
	}
	clear(h.inputs)
	h.inputs, h.busy = h.inputs[:0], false
}

func (h *heart) finish(e ending) {
	if h.ending == nil {
		h.ending = &e
	}
}

// leaveWithin bounds an orderly leave; it is a little less than what the unit allows.
const leaveWithin = 4*time.Minute + 30*time.Second

func (h *heart) signalled(s os.Signal) {
	switch {
	case s == unix.SIGHUP:
		h.beginAnew(0)
	case h.leaving:
		h.finish(ending{err: errors.New("told twice to end: the services are left as they are")})
	default:
		h.leave()
	}
}

// leave has this node leave in order; to ask for it again changes nothing.
func (h *heart) leave() {
	if h.leaving {
		return
	}
	h.leaving = true
	notifySystemd("STOPPING=1")
	time.AfterFunc(leaveWithin, func() {
		h.w.post(func() {
			h.finish(ending{err: fmt.Errorf("leaving took more than %s: the services are left as they are", leaveWithin)})
		})
	})
	h.step(heartbeat.LeaveAsked{})
}

// close ends what newHeart began, also half of it.
func (h *heart) close() {
	h.engine.end()
	if h.control != nil {
		h.control.close()
	}
	for _, p := range h.paths {
		p.Close()
	}
	if h.disks != nil {
		h.disks.Close()
	}
	if h.w != nil {
		h.w.close()
	}
	if h.run != nil {
		h.run.close()
	}
	if h.state != nil {
		h.state.close()
	}
}
