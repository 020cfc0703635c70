package agents

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"

	"locum/config"
	"locum/wire"
)

// Waits between attempts to reach systemd while a unit is watched.
const (
	redialFirst = 20 * time.Millisecond
	redialMost  = time.Second
)

// unit is the agent of one systemd unit, also of a transient one that a process is kept in.
type unit struct {
	resource config.Resource
	name     string
	sys      *Systemd
	// begin asks systemd for the start and gives the job's path.
	begin func(ctx context.Context, w *watcher) (dbus.ObjectPath, error)
	// allow refuses what must not be started here.
	allow func(ctx context.Context, w *watcher, s unitStatus) error
	acts  acts
}

// NewUnit makes the agent of a "unit" resource: Args[0] is the unit's name, with its suffix. It touches nothing.
//
// Start refuses a unit that the system starts by itself (see Refusal), clears an earlier failure, and waits for the job
// and for the unit to be active. Stop returns when the unit is inactive and no process is left in its control group;
// processes that the unit's own KillMode= leaves behind are killed, because a second node could not tell them from an
// owner. What a timer, a socket or a path has started is stopped with it. Watch listens to systemd's signals and polls nothing.
func NewUnit(r config.Resource, sys *Systemd) (Agent, error) {
	if len(r.Args) != 1 {
		return nil, fmt.Errorf("%s: want one unit's name, for example nginx.service", r.ID())
	}
	u := &unit{resource: r, name: r.Args[0], sys: sys}
	u.begin = func(ctx context.Context, w *watcher) (job dbus.ObjectPath, err error) {
		// An earlier failure counts against systemd's own start limit; how often is tried is locum's to say.
		_ = w.link.call(ctx, "ResetFailedUnit", u.name)
		err = w.link.reply(ctx, &job, "StartUnit", u.name, "replace")
		return job, err
	}
	u.allow = refuse
	return u, nil
}

// Probe reads the unit's state; a queued or running job counts as running: the state is unknown then.
func (u *unit) Probe(ctx context.Context) (wire.State, error) {
	w, err := u.watch(ctx)
	if err != nil {
		return wire.StateUnknown, named(u.resource, "probe", err)
	}
	defer w.close()
	s, err := u.look(ctx, w)
	return s, named(u.resource, "probe", err)
}

func (u *unit) watch(ctx context.Context) (*watcher, error) {
	l, err := u.sys.connect(ctx)
	if err != nil {
		return nil, err
	}
	return l.watch(ctx, u.name)
}

// look reads what is so now.
func (u *unit) look(ctx context.Context, w *watcher) (wire.State, error) {
	before := u.acts.news()
	general, err := w.link.properties(ctx, w.path, unitIface)
	if err != nil {
		return wire.StateUnknown, err
	}
	// Only for a unit that rests does it matter what is left in its group: a death is told before that is asked.
	if s := parseStatus(general, nil); s.Active != "inactive" {
		return s.state(false), nil
	}
	s, err := w.status(ctx)
	if err != nil {
		return wire.StateUnknown, err
	}
	left, err := w.left(ctx, s)
	if err != nil {
		return wire.StateUnknown, err
	}
	stirs, err := w.stirs(ctx, s)
	if err != nil {
		return wire.StateUnknown, err
	}
	return u.acts.judge(s.state(stirs || len(left) > 0), before), nil
}

// Start returns when the unit is active.
func (u *unit) Start(ctx context.Context) error {
	defer u.acts.begin()()
	ctx, cancel := within(ctx, u.resource.Start)
	defer cancel()
	asked := false
	return named(u.resource, "start", insist(ctx, func() error { return u.start(ctx, &asked) }))
}

// insist does it again whenever the connection was lost under it, until ctx ends: systemd executes itself again when it, or the C
// library, is updated, and goes on with its jobs.
func insist(ctx context.Context, do func() error) error {
	for lost := false; ; {
		err := do()
		lost = lost || errors.Is(err, errLost)
		if !lost || !errors.Is(err, errLost) && !errors.Is(err, errUnreached) || !rest(ctx, redialFirst) {
			return err
		}
	}
}

// start notes when systemd may have been asked for the start: what is under way or has failed after that is its answer.
func (u *unit) start(ctx context.Context, asked *bool) error {
	w, err := u.watch(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	s, err := w.status(ctx)
	if err != nil {
		return err
	}
	if err := u.allow(ctx, w, s); err != nil {
		return err
	}
	if s.Active == "active" && s.Job == 0 {
		return nil
	}
	result := ""
	if !*asked || s.ended() && s.Active != "failed" {
		*asked = true
		job, err := u.begin(ctx, w)
		if err != nil {
			return err
		}
		if result, err = w.finish(ctx, job); err != nil {
			return err
		}
	}
	s, err = w.settle(ctx)
	if err != nil {
		return err
	}
	return started(s, result)
}

// started judges what a start job has come to, when nothing is under way any more.
func started(s unitStatus, result string) error {
	switch {
	case s.state(false) == wire.StateRunning:
		return nil
	case result != "done" && result != "":
		return failed("systemd's job ended with %q, the unit is %s (%s): see journalctl -u %s", result, s.Active, s.Result, s.ID)
	case s.Unmet:
		return failed("a condition of the unit does not hold, so systemd did not start it: see systemctl status %s", s.ID)
	case s.Active == "inactive":
		return failed("it ended at once, or a condition of it does not hold: a unit that locum keeps has to stay active (a oneshot "+
			"needs RemainAfterExit=yes); see systemctl status %s", s.ID)
	}
	return failed("the unit is %s (%s, %s) after its start: see journalctl -u %s", s.Active, s.Sub, s.Result, s.ID)
}

// Stop returns when the unit is inactive and its control group is empty.
func (u *unit) Stop(ctx context.Context) error {
	defer u.acts.begin()()
	ctx, cancel := within(ctx, u.resource.Stop)
	defer cancel()
	return named(u.resource, "stop", insist(ctx, func() error { return u.stop(ctx) }))
}

func (u *unit) stop(ctx context.Context) error {
	w, err := u.watch(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	s, err := w.status(ctx)
	if err != nil {
		return err
	}
	groups := systemGroups(s.Group)
	if !s.ended() {
		if s, err = u.stopJob(ctx, w); err != nil {
			return err
		}
	}
	if err := u.clear(ctx, w, s, groups); err != nil {
		return err
	}
	if s.Active == "failed" {
		err := w.link.call(ctx, "ResetFailedUnit", u.name)
		if err != nil && !isError(err, systemdName+".NoSuchUnit") {
			return err
		}
	}
	for _, name := range s.Triggers {
		if err := (&unit{resource: u.resource, name: name, sys: u.sys}).stop(ctx); err != nil {
			return fmt.Errorf("%s, which it starts: %w", name, err)
		}
	}
	return nil
}

// stopJob asks for the stop and waits for the unit to be at rest.
func (u *unit) stopJob(ctx context.Context, w *watcher) (unitStatus, error) {
	var job dbus.ObjectPath
	err := w.link.reply(ctx, &job, "StopUnit", u.name, "replace")
	result := "done"
	if err == nil {
		result, err = w.finish(ctx, job)
	}
	if err != nil && !isError(err, systemdName+".NoSuchUnit") {
		return unitStatus{}, err
	}
	if result != "done" && result != "" {
		return unitStatus{}, failed("systemd's job ended with %q: see systemctl status %s", result, u.name)
	}
	s, err := w.settle(ctx)
	if err == nil && !s.ended() {
		err = failed("the unit is %s (%s) again after its stop: something else starts it; see journalctl -u %s", s.Active, s.Sub, u.name)
	}
	return s, err
}

// clear kills what is left in the unit's control group, as it was before the stop and as it would be now.
func (u *unit) clear(ctx context.Context, w *watcher, s unitStatus, groups []string) error {
	return killAll(ctx, func() ([]process, error) {
		now, err := w.left(ctx, s)
		if err != nil {
			return nil, err
		}
		before, err := inGroups(groups)
		return append(now, before...), err
	})
}

// Watch tells each change of the unit within the time that systemd takes to signal it. While there is no connection the
// state is unknown.
func (u *unit) Watch(ctx context.Context, changed func(wire.State)) error {
	tell := lasting(changed)
	pause := redialFirst
	for ctx.Err() == nil {
		seen := false
		err := u.follow(ctx, func(s wire.State) { seen = true; tell(s) })
		if ctx.Err() != nil {
			break
		}
		tell(wire.StateUnknown)
		if seen || errors.Is(err, errLost) {
			pause = redialFirst
		}
		if !rest(ctx, pause) {
			break
		}
		pause = min(2*pause, redialMost)
	}
	return ctx.Err()
}

// follow tells each state until the connection is lost.
func (u *unit) follow(ctx context.Context, tell func(wire.State)) error {
	w, err := u.watch(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	for {
		news := u.acts.news()
		s, err := u.look(ctx, w)
		if err != nil {
			return err
		}
		tell(s)
		if err := w.waitFor(ctx, news); err != nil {
			return err
		}
	}
}

// rest waits; it reports false if ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
