package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"locum/agents"
	"locum/cluster"
	"locum/config"
	"locum/vip"
	"locum/wire"
)

// engine is the engine's process: what steps cluster.Engine, and the workers that carry its actions out. What is not said
// to be shared belongs to whoever has the turn.
type engine struct {
	setup    setup
	cfg      *config.Config
	core     *cluster.Engine
	stepped  wire.Instant // when it stepped last
	recorder *recorder
	log      logFunc
	ctx      context.Context // ends with the process
	// turn is held by whoever steps: the goroutine that has heard of an event steps on it itself, because to hand it to
	// another costs more than the step. The Go runtime gives it in order of asking to those that wait for long.
	turn  sync.Mutex
	timer *time.Timer

	conn    net.Conn // shared
	sending sync.Mutex

	workers   map[cluster.ResourceID]*worker
	observers map[cluster.ResourceID]*observer
	fencers   map[wire.Node]*fencer
	store     *store
	forcing   sync.Mutex      // whoever writes the file in force
	replaced  bool            // that file is a newer one than cfg; under forcing
	broken    bool            // the state directory cannot be read
	after     []cluster.Event // to be stepped on right after the step under way
	history   *history
	ready     chan struct{} // closed when nothing is left of what a former engine had under way
	awake     sleepLock
	endJoin   context.CancelFunc // of the quorum disk that joins, nil none
	title     string
	titling   bool      // the title will be made anew
	softened  time.Time // when the threads' policy was last set
}

// maxEngineThreads is enough for workers that wait, and keeps the engine small on large machines.
const maxEngineThreads = 4

// RunEngine is the hidden "locum engine": the child of a heart. It ends when the heart does.
func RunEngine(ctx context.Context) error {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx)) // a signal for all is for the heart to judge
	defer end()
	log, flush := newLog(os.Stderr)
	defer flush()
	if err := softenEngine(); err != nil {
		log("warn", "the engine keeps what it inherited from the heart: "+err.Error())
	}
	runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), maxEngineThreads))
	conn, err := heartConn()
	if err != nil {
		return err
	}
	n := &engine{conn: conn, log: log, ctx: ctx, workers: map[cluster.ResourceID]*worker{}, observers: map[cluster.ResourceID]*observer{}, fencers: map[wire.Node]*fencer{},
		ready: make(chan struct{}), softened: time.Now(), awake: sleepLock{log: log}}
	if err := n.listen(); err != nil {
		log("alarm", "from the heart: "+err.Error())
	}
	return nil
}

// heartConn takes the socket that the heart has left open.
func heartConn() (net.Conn, error) {
	if kind, err := unix.GetsockoptInt(engineFD, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_SEQPACKET {
		return nil, errors.New("locum engine is started by locum run, not by hand")
	}
	f := os.NewFile(engineFD, "heart")
	conn, err := net.FileConn(f)
	return conn, errors.Join(err, f.Close())
}

// begin makes all that the first record asks for.
func (n *engine) begin(r record) error {
	if r.Setup == nil {
		return errors.New("the first record is no setup")
	}
	n.setup = *r.Setup
	cfg, problems := config.Parse(n.setup.ConfigFile, n.setup.ConfigText)
	if cfg == nil {
		return problems
	}
	n.cfg = cfg
	n.core = cluster.New(cfg, n.setup.Self)
	n.timer = time.AfterFunc(time.Hour, func() { n.happened(cluster.Tick{}) })
	n.store = openStore(n.setup.StateDir)
	n.history = openHistory(n, cfg.Notifies)
	n.recorder = openRecorder(n)
	n.makeWorkers()
	n.makeFencers()
	if cfg.TimeOfDay() {
		go n.tellTime()
	}
	n.sampleHealth()
	n.awake.want(true) // until it is known that nothing runs, which is told by SetIdle
	return nil
}

func (n *engine) makeWorkers() {
	w := world{systemd: agents.NewSystemd(), stateDir: n.setup.StateDir + "/children"}
	go n.endLeftovers(w.stateDir)
	for _, s := range n.cfg.Services {
		for i, line := range s.Resources {
			a, err := resources[line.Type](line, w)
			if err != nil {
				n.tell(cluster.History{Kind: "alarm", Level: "alarm", Service: s.Name,
					Text: fmt.Sprintf("%s:%d: %v", n.setup.ConfigFile, line.Line, err)})
				a = broken{err}
			}
			id := cluster.ResourceID{Service: s.Name, Index: i}
			n.workers[id] = newWorker(n.ctx, n.ready, id, a, n.happened)
			n.observers[id] = &observer{}
			if v, ok := a.(*vip.VIP); ok {
				n.prepareVIP(id, v)
			}
		}
	}
}

// endLeftovers ends what a former engine had under way when it died, and lets the workers begin only then: a start that
// nobody knows of any more must not end after a probe that said "stopped".
func (n *engine) endLeftovers(dir string) {
	for said := false; n.ctx.Err() == nil; said = true {
		err := os.MkdirAll(dir, 0o700)
		var ended []string
		if err == nil {
			ended, err = agents.EndLeftovers(n.ctx, dir)
		}
		for _, what := range ended {
			n.tell(cluster.History{Kind: "engine", Level: "warn", Text: "ended what a former engine had under way: " + what})
		}
		if err == nil {
			close(n.ready)
			return
		}
		if !said {
			n.tell(cluster.History{Kind: "alarm", Level: "alarm",
				Text: "what a former engine had under way cannot be ended; until it is, no resource is looked at: " + err.Error()})
		}
		select {
		case <-n.ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// broken stands for a resource whose agent could not be made: nothing of it is known.
type broken struct{ err error }

func (b broken) Probe(context.Context) (wire.State, error)           { return wire.StateUnknown, b.err }
func (b broken) Start(context.Context) error                         { return b.err }
func (b broken) Stop(context.Context) error                          { return b.err }
func (b broken) Watch(ctx context.Context, _ func(wire.State)) error { <-ctx.Done(); return ctx.Err() }

// happened steps on an event. It may be called from any goroutine that has not got the turn.
func (n *engine) happened(ev cluster.Event) { n.post(func() { n.step(ev) }) }

// post does something in turn.
func (n *engine) post(do func()) {
	n.turn.Lock()
	defer n.turn.Unlock()
	if n.ctx.Err() == nil {
		do()
	}
}

// tell adds to the history; it never waits, and may be called from any goroutine.
func (n *engine) tell(h cluster.History) { n.history.add(h) }
