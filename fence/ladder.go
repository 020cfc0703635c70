package fence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"locum/config"
	"locum/wire"
)

// Ladder is all devices of one node. All of the lowest level must succeed; else the next level is tried.
type Ladder struct {
	node   string
	levels [][]outlet
}

// outlet is one fence line.
type outlet struct {
	name    string
	level   int
	timeout time.Duration
	device  Device
}

// NewLadder makes the devices of a node; make finds the constructor of a type.
func NewLadder(node string, levels [][]config.Fence, make map[string]Constructor) (*Ladder, error) {
	l := &Ladder{node: node}
	for _, lines := range levels {
		var level []outlet
		for _, f := range lines {
			build := make[f.Type]
			if build == nil {
				return nil, fmt.Errorf("fence %s by %s: no such type: %s", node, f.Name, f.Type)
			}
			d, err := build(f, node)
			if err != nil {
				return nil, fmt.Errorf("fence %s by %s: %w", node, f.Name, err)
			}
			level = append(level, outlet{f.Name, f.Level, f.Timeout, d})
		}
		l.levels = append(l.levels, level)
	}
	return l, nil
}

// Off switches the node off and confirms it. check is asked immediately before each device is told; its error calls the
// shot off. The outcome is done only if every device of one level, asked again, said off; failed if each device gave a
// definite answer that it is not; else unknown. The text tells it device by device.
func (l *Ladder) Off(ctx context.Context, check func() error) (wire.Outcome, string) {
	outcome := wire.OutcomeFailed
	var texts []string
	for _, level := range l.levels {
		got, text := l.offLevel(ctx, level, check)
		texts = append(texts, text)
		if got == wire.OutcomeDone {
			return wire.OutcomeDone, text
		}
		if got == wire.OutcomeUnknown {
			outcome = wire.OutcomeUnknown
		}
		if err := check(); err != nil || ctx.Err() != nil {
			break
		}
	}
	return outcome, strings.Join(texts, "; ")
}

// offLevel shoots with all devices of a level side by side. Two supplies are both off only if they are off at one time: the
// devices are asked once more after the last of them has said off.
func (l *Ladder) offLevel(ctx context.Context, level []outlet, check func() error) (wire.Outcome, string) {
	errs := each(level, func(o outlet) error {
		if err := check(); err != nil {
			return fmt.Errorf("called off: %w", err)
		}
		return o.off(ctx)
	})
	if len(level) > 1 && errors.Join(errs...) == nil {
		errs = each(level, func(o outlet) error { return o.stillOff(ctx) })
	}
	outcome := wire.OutcomeDone
	var texts []string
	for i, err := range errs {
		text := "said off"
		if err != nil {
			text = err.Error()
			if outcome != wire.OutcomeUnknown {
				outcome = wire.OutcomeFailed
			}
			if !errors.Is(err, errStillOn) {
				outcome = wire.OutcomeUnknown
			}
		}
		texts = append(texts, fmt.Sprintf("%s: %s", level[i].name, text))
	}
	return outcome, strings.Join(texts, "; ")
}

func each(level []outlet, do func(outlet) error) []error {
	errs := make([]error, len(level))
	var all sync.WaitGroup
	for i, o := range level {
		all.Go(func() { errs[i] = do(o) })
	}
	all.Wait()
	return errs
}

// errStillOn is a device's definite answer that the node has power.
var errStillOn = errors.New("still on after off")

// off tells the device off and asks until it says off. An error of the command itself does not end it: the device may have
// obeyed and failed to say so.
func (o outlet) off(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*o.timeout)
	defer cancel()
	told, endTold := context.WithTimeout(ctx, o.timeout)
	errOff := o.device.Off(told)
	endTold()
	if errOff != nil && told.Err() == nil {
		// A refusal: one look at the state, it may be off already.
		if err := o.stillOff(ctx); err != nil {
			return errOff
		}
		return nil
	}
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		power, err := o.device.Status(ctx)
		switch {
		case power == wire.PowerOff && err == nil:
			return nil
		case ctx.Err() != nil && errOff != nil:
			return fmt.Errorf("no answer within %s: %w", 2*o.timeout, errOff)
		case ctx.Err() != nil:
			return fmt.Errorf("no answer that it is off within %s", 2*o.timeout)
		}
		select {
		case <-ctx.Done():
			if power == wire.PowerOn {
				return errStillOn
			}
			return fmt.Errorf("not confirmed off within %s: %w", 2*o.timeout, errors.Join(err, errOff))
		case <-time.After(pause):
		}
	}
}

func (o outlet) stillOff(ctx context.Context) error {
	power, err := o.status(ctx)
	switch {
	case err != nil:
		return err
	case power != wire.PowerOff:
		return errStillOn
	}
	return nil
}

func (o outlet) status(ctx context.Context) (wire.Power, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return o.device.Status(ctx)
}

// On switches every supply of the lowest level that works on again.
func (l *Ladder) On(ctx context.Context) error {
	var last error
	for _, level := range l.levels {
		last = errors.Join(each(level, func(o outlet) error {
			ctx, cancel := context.WithTimeout(ctx, o.timeout)
			defer cancel()
			if err := o.device.On(ctx); err != nil {
				return fmt.Errorf("fence %s by %s: %w", l.node, o.name, err)
			}
			return nil
		})...)
		if last == nil {
			return nil
		}
	}
	return last
}

// Reading is what one device said.
type Reading struct {
	Name  string
	Level int
	Power wire.Power
	Err   error
	Took  time.Duration
}

// Read asks every device once, side by side, and says what it all means: off if every device of some level says off, else
// on if any says on, else unknown.
func (l *Ladder) Read(ctx context.Context) (wire.Power, []Reading) {
	var list []Reading
	power := wire.PowerUnknown
	for _, level := range l.levels {
		readings := make([]Reading, len(level))
		var all sync.WaitGroup
		for i, o := range level {
			all.Go(func() {
				begin := time.Now()
				p, err := o.status(ctx)
				readings[i] = Reading{o.name, o.level, p, err, time.Since(begin)}
			})
		}
		all.Wait()
		off := len(readings) > 0
		for _, r := range readings {
			off = off && r.Power == wire.PowerOff && r.Err == nil
			if r.Power == wire.PowerOn && power == wire.PowerUnknown {
				power = wire.PowerOn
			}
		}
		if off {
			power = wire.PowerOff
		}
		list = append(list, readings...)
	}
	return power, list
}
