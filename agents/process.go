package agents

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// lookAgain is how long Watch rests after it could not read what is so.
const lookAgain = time.Second

// logCheck is how often the log of a watched process is looked at, that it does not fill the disk.
const logCheck = time.Minute

// NewProcess makes the agent of a "process" resource: Args are the command, an absolute path, and its arguments; nothing
// is passed to a shell. Keys: user= whom it runs as, dir= where (default /), name= its name among the service's
// processes (default: the command's last part). Two processes of one service need two names.
//
// Where systemd runs, the command is kept in the transient unit locum-SERVICE-NAME.service, and sys is needed. Elsewhere
// it is a process that outlives the engine, in its own session and, where possible, its own control group, known to the
// next engine by a record in stateDir; its output goes to a log there. Either way it serves once it was executed; Stop
// sends SIGTERM to all of it, SIGKILL when three quarters of the deadline are over, and returns when all of it is gone.
func NewProcess(r config.Resource, stateDir string, sys *Systemd) (Agent, error) {
	if len(r.Args) == 0 || !filepath.IsAbs(r.Args[0]) {
		return nil, fmt.Errorf("%s: want a command with its whole path, for example /usr/bin/memcached", r.ID())
	}
	if Booted() && sys != nil {
		return newTransient(r, sys), nil
	}
	if !filepath.IsAbs(stateDir) {
		return nil, fmt.Errorf("%s: the state directory %q has to be an absolute path", r.ID(), stateDir)
	}
	return newSession(r, stateDir), nil
}

// processName is the name of a process among all of its node: "web-httpd".
func processName(r config.Resource) string {
	name := r.Keys["name"]
	if name == "" {
		name = filepath.Base(r.Args[0])
	}
	return plain(r.Service + "-" + name)
}

// session is the agent of a process without systemd.
type session struct {
	resource config.Resource
	stateDir string
	name     string // of the record
	acts     acts
	disk     disk
	over     atomic.Pointer[process] // a leader of whom nothing is left, though the record could not be removed
}

func newSession(r config.Resource, stateDir string) *session {
	return &session{resource: r, stateDir: stateDir, name: "process-" + processName(r), disk: newDisk()}
}

// Probe reads the record and looks for what it names. A start or stop under way is unknown; what was seen to serve and
// has ended by itself is failed, until Stop.
func (p *session) Probe(context.Context) (wire.State, error) {
	before := p.acts.news()
	s, _, err := p.look()
	return p.acts.judge(s, before), named(p.resource, "probe", err)
}

func (p *session) look() (wire.State, *record, error) {
	r, err := loadRecord(p.stateDir, p.name)
	if err != nil {
		return wire.StateUnknown, nil, err
	}
	if over := p.over.Load(); r == nil || over != nil && *over == r.Leader {
		return wire.StateStopped, nil, nil
	}
	alive, err := r.Leader.lives()
	switch {
	case err != nil:
		return wire.StateUnknown, r, err
	case r.Phase != phaseServing:
		return wire.StateUnknown, r, nil
	case alive:
		return wire.StateRunning, r, nil
	}
	return wire.StateFailed, r, nil
}

// Start returns when the command was executed. What is left of an earlier run that failed is ended first.
func (p *session) Start(ctx context.Context) error {
	defer p.acts.begin()()
	ctx, cancel := within(ctx, p.resource.Start)
	defer cancel()
	return named(p.resource, "start", p.start(ctx))
}

func (p *session) start(ctx context.Context) error {
	if state, _, err := p.look(); err != nil || state == wire.StateRunning {
		return err
	}
	leave, err := p.disk.own() // what a stop has left to a disk that hung must not come over the new record
	if err != nil {
		return failed("nothing was started, because it could not be recorded: %w", err)
	}
	defer leave()
	_, old, err := p.look()
	if err != nil {
		return err
	}
	if old != nil {
		if err := old.end(ctx, p.stateDir); err != nil {
			return fmt.Errorf("what is left of an earlier start: %w", err)
		}
	}
	o, err := p.order()
	if err != nil {
		return err
	}
	dropEmptyGroups(p.name+"-", time.Now())
	log, _, err := openLog(p.stateDir, p.name)
	if err != nil {
		return err
	}
	defer log.Close()
	r := &record{Name: p.name, Title: p.resource.ID(), Phase: phaseStarting}
	c, err := launch(ctx, p.stateDir, r, o, log)
	if err != nil {
		return err
	}
	r.Phase = phaseServing
	if err := r.save(p.stateDir); err != nil {
		return errors.Join(fmt.Errorf("it was ended again, because it could not be recorded: %w", err), c.end(p.stateDir))
	}
	return nil
}

func (p *session) order() (order, error) {
	a, err := findAccount(p.resource.Keys["user"])
	if err != nil {
		return order{}, err
	}
	dir := p.resource.Keys["dir"]
	if dir == "" {
		dir = "/"
	}
	return order{Path: p.resource.Args[0], Args: p.resource.Args, Env: environment(a), Dir: dir, User: a}, nil
}

// Stop returns nil when nothing is left of the process, its children, and theirs.
func (p *session) Stop(ctx context.Context) error {
	defer p.acts.begin()()
	ctx, cancel := within(ctx, p.resource.Stop)
	defer cancel()
	return named(p.resource, "stop", p.stop(ctx))
}

func (p *session) stop(ctx context.Context) error {
	_, r, err := p.look()
	if err != nil || r == nil {
		return err
	}
	r.Phase = phaseStopping
	on := *r
	_ = p.disk.try(func() error { return on.save(p.stateDir) }, func() {}) // where it cannot be recorded it is stopped all the same
	if err := r.ask(ctx); err != nil {
		return err
	}
	if err := killAll(ctx, r.members); err != nil {
		return err
	}
	r.dropGroup()
	if p.disk.try(func() error { return on.remove(p.stateDir) }, func() {}) != nil {
		p.over.Store(&r.Leader)
	}
	return nil
}

// ask asks all of a child by SIGTERM to end, and returns when it has or when three quarters of the time are over.
func (r *record) ask(ctx context.Context) error {
	grace := 10 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		grace = time.Until(deadline) * 3 / 4
	}
	patient, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	err := endAll(patient, r.members, func(p process) error { return p.kill(unix.SIGTERM) })
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// Watch learns of the process's end by its pidfd, within what the kernel takes to say so.
func (p *session) Watch(ctx context.Context, changed func(wire.State)) error {
	tell := lasting(changed)
	for ctx.Err() == nil {
		news := p.acts.news() // before the look, so that nothing is missed between
		s, r, err := p.look()
		tell(p.acts.judge(s, news))
		if s != wire.StateRunning {
			r = nil
		}
		p.await(ctx, r, news, err != nil)
	}
	return ctx.Err()
}

// await returns when the process has ended, when Start or Stop changed something, or when it is time to look again.
func (p *session) await(ctx context.Context, r *record, news <-chan struct{}, blind bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	if r != nil {
		go func() {
			defer close(ended)
			if r.Leader.ended(ctx) != nil {
				rest(ctx, lookAgain) // it cannot be awaited here, so it is looked at
			}
		}()
		defer func() { cancel(); <-ended }()
	}
	again := logCheck
	if blind {
		again = lookAgain
	}
	timer := time.NewTimer(again)
	defer timer.Stop()
	select {
	case <-ended:
	case <-news:
	case <-ctx.Done():
	case <-timer.C:
		p.checkLog()
	}
}

func (p *session) checkLog() {
	if log, _, err := openLog(p.stateDir, p.name); err == nil {
		log.Close()
	}
}
