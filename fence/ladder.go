package fence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"locum/config"
	"locum/wire"
)

// Ladder is all devices of one node. All of the lowest level must succeed; else the next level is tried. Its functions may
// be called at one time; each device hears one of them after the other, shots first.
type Ladder struct {
	node   string
	levels [][]*outlet
}

// NewLadder makes the devices of a node from its lines by level, the lowest first; constructors has one for each type. A
// device that cannot be made now (a program or a secret is missing) is no error: it fails whenever it is used, is
// reported by Keep, and the other devices serve.
func NewLadder(node string, levels [][]config.Fence, constructors map[string]Constructor) (*Ladder, error) {
	l := &Ladder{node: node}
	for _, lines := range levels {
		var level []*outlet
		for _, f := range lines {
			build := constructors[f.Type]
			if build == nil {
				return nil, fmt.Errorf("fence %s by %s: there is no type %q", node, f.Name, f.Type)
			}
			p := &pending{make: func() (Device, error) { return build(f, node) }}
			var d Device = p
			if made, err := p.get(); err == nil {
				d = made
			}
			level = append(level, newOutlet(f, d))
		}
		l.levels = append(l.levels, level)
	}
	return l, nil
}

// Off is Shoot with the result in words.
func (l *Ladder) Off(ctx context.Context, check func() error) (wire.Outcome, string) {
	r := l.Shoot(ctx, check)
	return r.Outcome, r.String()
}

// Shoot switches the node off and confirms it, level by level, each within twice the longest timeout of its devices.
// check is asked immediately before each device is told, for several at one time; its error calls the shot off. A device
// is never told on, and nothing is switched back on by a shot that failed.
func (l *Ladder) Shoot(ctx context.Context, check func() error) Result {
	r := Result{Outcome: wire.OutcomeFailed}
	on := false
	for at, level := range l.levels {
		within, end := context.WithTimeout(ctx, 2*longest(level))
		devices := l.shootLevel(within, level, check)
		for i, o := range level {
			on = on || o.knows && devices[i].Shot && devices[i].Err != nil && wire.Power(o.said.Load()) == wire.PowerOn
		}
		if outcomeOfLevel(devices) == wire.OutcomeDone && (on || unseen(devices)) {
			ask := l.levels[at+1:]
			if anyShot(devices) { // what a board of a level before has said was said before that
				on, ask = false, slices.Concat(l.levels[:at], ask)
			}
			if on = on || saysOn(within, slices.Concat(ask...)); on {
				doubt(devices)
			}
		}
		end()
		r.Devices = append(r.Devices, devices...)
		switch outcomeOfLevel(devices) {
		case wire.OutcomeDone:
			r.Outcome = wire.OutcomeDone
			drain(level)
			return r
		case wire.OutcomeUnknown:
			r.Outcome = wire.OutcomeUnknown
		}
		if calledOff(devices) || ctx.Err() != nil {
			break
		}
	}
	return r
}

// unseen reports whether not all devices of a level were seen to go off: those may have been off all the time.
func unseen(devices []DeviceResult) bool {
	return slices.ContainsFunc(devices, func(d DeviceResult) bool { return !d.went })
}

func anyShot(devices []DeviceResult) bool {
	return slices.ContainsFunc(devices, func(d DeviceResult) bool { return d.Shot })
}

// saysOn asks those devices, as long as there is time, that know the machine itself. One that died with its supply does not answer, and says nothing.
func saysOn(ctx context.Context, devices []*outlet) bool {
	devices = slices.DeleteFunc(devices, func(o *outlet) bool { return !o.knows })
	on := make([]bool, len(devices))
	each(devices, func(i int, o *outlet) {
		power, err := o.now(ctx)
		on[i] = err == nil && power == wire.PowerOn
	})
	return slices.Contains(on, true)
}

// doubt takes back what devices say, though the machine itself has just been said to be on: those that were not seen to go off are
// another machine's outlets, or not all that feed this one; and if all went off, they are so too.
func doubt(devices []DeviceResult) {
	all := !unseen(devices)
	for i := range devices {
		d := &devices[i]
		was := "said off"
		switch {
		case d.went && !all:
			continue
		case !d.Shot:
			was = "off already, without a shot"
		case !d.went:
			was = "said off, was not known to be on before"
		}
		d.Outcome, d.Err = wire.OutcomeUnknown, fmt.Errorf("%s, and the machine is on: does this outlet, and no other, feed it?", was)
	}
}

// shootLevel shoots with all devices of a level side by side, within the time that they have together. Two supplies count only if both are off at one time: each is
// asked once more after the last of them has said off.
func (l *Ladder) shootLevel(ctx context.Context, level []*outlet, check func() error) []DeviceResult {
	devices := make([]DeviceResult, len(level))
	each(level, func(i int, o *outlet) {
		begin := time.Now()
		shot, went, err := o.off(ctx, check)
		devices[i] = DeviceResult{Node: l.node, Name: o.name, Level: o.level, Which: o.which, Outcome: outcomeOf(err), Shot: shot, went: went || o.guest,
			Err: err, Took: time.Since(begin)}
	})
	if len(level) < 2 || outcomeOfLevel(devices) != wire.OutcomeDone {
		return devices
	}
	each(level, func(i int, o *outlet) {
		begin := time.Now()
		d := &devices[i]
		d.Err = o.stillOff(ctx)
		d.Outcome = outcomeOf(d.Err)
		d.Took += time.Since(begin)
	})
	return devices
}

// On switches every device on that does not say on, the highest level first, since it may feed the lower ones: which
// level a shot had used is not known after a restart. The error tells of all that are not confirmed on; an operator's
// level counts only if there is no other. A device that has just said off is left so for some seconds first.
func (l *Ladder) On(ctx context.Context) error {
	var errs []error
	switched := 0
	for i := len(l.levels) - 1; i >= 0; i-- {
		level := l.levels[i]
		failed := make([]error, len(level))
		each(level, func(i int, o *outlet) {
			if err := o.on(ctx); err != nil {
				failed[i] = fmt.Errorf("fence %s by %s: %s%w", l.node, o.name, o.which, err)
			}
		})
		for _, err := range failed {
			if err == nil {
				switched++
			}
			errs = append(errs, err)
		}
	}
	if switched > 0 {
		for i, err := range errs {
			if errors.Is(err, errOperator) {
				errs[i] = nil
			}
		}
	}
	return errors.Join(errs...)
}

// drain waits until what a level's outlets feed has come to a stand: its supply holds it up for a while, and what it writes then its successor must not have begun to write. That the
// shot is called off meanwhile changes nothing: it has hit.
func drain(level []*outlet) {
	var d time.Duration
	for _, o := range level {
		d = max(d, o.holdup)
	}
	time.Sleep(d)
}

func longest(level []*outlet) time.Duration {
	var d time.Duration
	for _, o := range level {
		d = max(d, o.timeout)
	}
	return d
}

// each does something with all outlets side by side and waits for them.
func each(level []*outlet, do func(i int, o *outlet)) {
	if len(level) == 1 {
		do(0, level[0])
		return
	}
	var all sync.WaitGroup
	for i, o := range level {
		all.Go(func() { do(i, o) })
	}
	all.Wait()
}
