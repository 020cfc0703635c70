package agents

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"locum/config"
	"locum/wire"
)

const (
	// defaultInterval is the time between a script's status calls.
	defaultInterval = 10 * time.Second
	// settleTime is how long a script's status may go on contradicting its start or stop; settlePause is between.
	settleTime  = 5 * time.Second
	settlePause = 200 * time.Millisecond
)

// script is the agent of an init script.
type script struct {
	resource config.Resource
	stateDir string
	name     string
	interval time.Duration
	answer   time.Duration // a status call's deadline: the interval, at least defaultInterval
	acts     acts
	disk     disk
	asking   chan struct{} // capacity 1: one status call at a time
	stuck    *child        // a status call that could not be ended, while a disk or a file server hangs; of whoever asks
}

// NewScript makes the agent of a "script" resource: Args[0] is the script, an absolute path, called with the other
// arguments and then start, stop or status, as the LSB has it of init scripts; interval= is the time between status
// calls (default 10s); each has that long, but at least 10s, to answer.
//
// start and stop succeed with exit status 0, once status agrees. status says running by 0, stopped by 3, failed by 1 or
// 2 (dead, though its files are there); every other status, a signal or a deadline is unknown, however often in a row:
// a monitor's time-out restarts nothing. A call that passes its deadline is killed with all that it started.
func NewScript(r config.Resource, stateDir string) (Agent, error) {
	if len(r.Args) == 0 || !filepath.IsAbs(r.Args[0]) {
		return nil, fmt.Errorf("%s: want a script with its whole path, for example /etc/init.d/web", r.ID())
	}
	if !filepath.IsAbs(stateDir) {
		return nil, fmt.Errorf("%s: the state directory %q has to be an absolute path", r.ID(), stateDir)
	}
	s := &script{resource: r, stateDir: stateDir, interval: defaultInterval, disk: newDisk(), asking: make(chan struct{}, 1)}
	s.name = plain("script-" + r.Service + "-" + filepath.Base(r.Args[0]))
	if word := r.Keys["interval"]; word != "" {
		d, err := time.ParseDuration(word)
		if err != nil || d < time.Millisecond {
			return nil, fmt.Errorf("%s: interval=%s is no duration of a millisecond or more; write for example interval=10s", r.ID(), word)
		}
		s.interval = d
	}
	s.answer = max(s.interval, defaultInterval)
	return s, nil
}

// result is how one call ended.
type result struct {
	status int    // exit status, -1 if a signal ended it
	signal string // which
	last   string // the last line of its output
}

// how is how it ended, in words.
func (r result) how() string {
	if r.signal != "" {
		return r.signal
	}
	return fmt.Sprintf("exit %d", r.status)
}

// call runs the script once. An error says that it did not run or did not end by itself.
func (s *script) call(ctx context.Context, action string) (result, error) {
	log, from, err := s.disk.log(s.stateDir, s.logName(action))
	if err != nil {
		return result{}, err
	}
	defer log.Close()
	args := append(append([]string{}, s.resource.Args...), action)
	o := order{Path: args[0], Args: args, Env: environment(nil), Dir: "/"}
	dropEmptyGroups(s.name, time.Now())
	r := &record{Name: s.name + "-" + action + "-" + rand.Text()[:8], Title: s.resource.ID() + " " + action, Phase: phaseCall}
	if action != "start" {
		r.without = &s.disk
	}
	c, err := launch(ctx, s.stateDir, r, o, log)
	if err != nil {
		return result{}, err
	}
	if err := s.await(ctx, c, log); err != nil {
		left := c.end(s.stateDir)
		if left != nil && action == "status" {
			s.stuck = c
		}
		return result{}, errors.Join(err, left)
	}
	// What a call leaves running on purpose is the service itself: it keeps its group, only the record goes.
	c.record.dropGroup()
	res := result{status: -1, last: lastLine(log, from)}
	if c.exit != nil {
		res.status = c.exit.ExitCode()
	}
	if c.exit != nil && res.status < 0 {
		res.signal = c.exit.String() // "signal: killed", as where there was no memory left
	}
	return res, c.record.remove(s.stateDir)
}

func (s *script) logName(action string) string { return s.name + "-" + action }

// trimStart keeps small what a daemon writes to the log of the start that brought it up.
func (s *script) trimStart() {
	_ = s.disk.try(func() error {
		f, err := os.OpenFile(logFile(s.stateDir, s.logName("start")), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		trimLog(f)
		return nil
	}, func() {})
}

// await waits for the leader's end, and keeps its output small meanwhile.
func (s *script) await(ctx context.Context, c *child, log *os.File) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-c.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			s.disk.trim(log)
		}
	}
}

// Probe calls status.
func (s *script) Probe(ctx context.Context) (wire.State, error) {
	ctx, cancel := within(ctx, s.answer)
	defer cancel()
	before := s.acts.news()
	state, err := s.status(ctx)
	return s.acts.judge(state, before), named(s.resource, "status", err)
}

func (s *script) status(ctx context.Context) (wire.State, error) {
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return wire.StateUnknown, ctx.Err()
	}
	// No other call before the last is gone: each would hang as that one does, and nothing would ever end them.
	if s.stuck != nil {
		if err := s.stuck.end(s.stateDir); err != nil {
			return wire.StateUnknown, fmt.Errorf("an earlier call cannot be ended, as where a disk or a file server hangs: %w", err)
		}
		s.stuck = nil
	}
	res, err := s.call(ctx, "status")
	if err != nil {
		return wire.StateUnknown, err
	}
	return scriptState(res)
}

// scriptState reads the exit status of a status call: Linux Standard Base, Core, "Init Script Actions".
func scriptState(res result) (wire.State, error) {
	switch res.status {
	case 0:
		return wire.StateRunning, nil
	case 1, 2:
		return wire.StateFailed, nil
	case 3:
		return wire.StateStopped, nil
	}
	return wire.StateUnknown, fmt.Errorf("%s tells nothing (exit 0 running, 3 stopped, 1 or 2 dead): %s", res.how(), res.last)
}

// Start calls start and returns when status says running.
func (s *script) Start(ctx context.Context) error {
	ctx, cancel := within(ctx, s.resource.Start)
	defer cancel()
	return named(s.resource, "start", s.act(ctx, "start", wire.StateRunning))
}

// Stop calls stop and returns when status says stopped.
func (s *script) Stop(ctx context.Context) error {
	ctx, cancel := within(ctx, s.resource.Stop)
	defer cancel()
	return named(s.resource, "stop", s.act(ctx, "stop", wire.StateStopped))
}

func (s *script) act(ctx context.Context, action string, want wire.State) error {
	defer s.acts.begin()()
	res, err := s.call(ctx, action)
	if err != nil {
		return err
	}
	if res.status != 0 {
		return failed("%s: %s", res.how(), res.last)
	}
	return s.agree(ctx, action, want)
}

// agree waits until status says what an action has promised. Some scripts return a little early.
func (s *script) agree(ctx context.Context, action string, want wire.State) error {
	settled := time.Now().Add(settleTime)
	for {
		state, err := s.status(ctx)
		if state == want {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(settled) {
			if err != nil {
				return fmt.Errorf("%s says done, but status: %w", action, err)
			}
			return failed("%s says done, but status says %s", action, state)
		}
		if !rest(ctx, settlePause) {
			return ctx.Err()
		}
	}
}

// Watch calls status every interval; a script has nothing that could be waited for.
func (s *script) Watch(ctx context.Context, changed func(wire.State)) error {
	tell := lasting(changed)
	for ctx.Err() == nil {
		news := s.acts.news()
		state, _ := s.Probe(ctx) // an error is the state unknown
		if ctx.Err() != nil {
			break
		}
		tell(state)
		s.trimStart()
		s.pause(ctx, news)
	}
	return ctx.Err()
}

// pause waits for the next status call: the interval, or until a start or stop begins or ends.
func (s *script) pause(ctx context.Context, news <-chan struct{}) {
	t := time.NewTimer(s.interval)
	defer t.Stop()
	select {
	case <-t.C:
	case <-news:
	case <-ctx.Done():
	}
}
