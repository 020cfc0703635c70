package fence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"locum/config"
	"locum/wire"
)

// Pauses between two questions while a device is to change its state; the first question comes without one.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
	// restAfterOff is longer than power supplies keep a machine alive.
	restAfterOff = 5 * time.Second
	// lastQuestion before the end is the least time for an answer.
	lastQuestion = 50 * time.Millisecond
)

var (
	// errStillOn and errStillOff are definite answers of a device that was told the contrary.
	errStillOn  = errors.New("still on after off")
	errStillOff = errors.New("still off after on")
	// errCalledOff: the shot was void before this device was told anything.
	errCalledOff = errors.New("called off before it was told")
	// errTooLate: a question was not answered within its time.
	errTooLate = errors.New("no answer in time")
	// errOperator: there is no device, somebody has to go there.
	errOperator = errors.New("only an operator knows")
)

// outlet is one fence line: its device, with deadlines and turns.
type outlet struct {
	name    string
	which   string // "outlet 2: ", or nothing where the line does not tell outlets apart
	level   int
	knows   bool          // it tells of the machine itself, not of what feeds it
	guest   bool          // and that machine is a guest, of which a board, which is its host's, knows nothing
	timeout time.Duration // of one action; the shot and its confirmation have twice that together
	device  Device
	turn    *turn
	rest    time.Duration // how long it has to have been off before it is switched on
	holdup  time.Duration // how long what it feeds may run on after it has said off
	said    atomic.Uint32 // wire.Power: the newest answer, unknown if there was none
	offAt   time.Time     // when it said off first, after something else; under turn
	known   wire.Power    // the newest answer that was on or off; under turn
	went    bool          // it said on, and then off, since it was last told off; under turn
}

func newOutlet(f config.Fence, d Device) *outlet {
	o := &outlet{name: f.Name, level: f.Level, rest: restAfterOff, timeout: cmp.Or(f.Timeout, config.DefaultFenceTimeout), device: d, turn: newTurn(), knows: f.KnowsMachine(), guest: f.Type == "libvirt", holdup: f.Holdup}
	if n := cmp.Or(f.Keys["outlet"], f.Keys["plug"], f.Keys["port"]); n != "" {
		o.which = "outlet " + n + ": "
	}
	return o
}

// off tells the device off and asks until it says so. shot tells whether it was told anything: a device that said off last
// is asked first, and left alone if it still does. went tells whether it was seen to be on before.
func (o *outlet) off(ctx context.Context, check func() error) (shot, went bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*o.timeout)
	defer cancel()
	done, err := o.turn.shoot(ctx)
	if err != nil {
		return false, false, errors.New("another question to it did not end in time")
	}
	defer done()
	if wire.Power(o.said.Load()) == wire.PowerOff {
		if power, err := o.status(ctx, o.timeout/4); err == nil && power == wire.PowerOff {
			return false, false, nil
		}
	}
	if err := check(); err != nil {
		return false, false, fmt.Errorf("%w: %w", errCalledOff, err)
	}
	o.went = false
	err = o.tell(ctx, wire.PowerOff, o.device.Off, errStillOn)
	return true, o.went, err
}

// on switches the device on unless it is, and asks until it says so. One that has just gone off is left so for its rest: a
// power supply carries a machine through a short cut, and it would go on where it was, with all that others have taken over.
// A shot does not wait for that.
func (o *outlet) on(ctx context.Context) error {
	for {
		left, err := o.tryOn(ctx)
		if left <= 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(left):
		}
	}
}

// tryOn tells how long the device has to stay off before it can be told on, 0 if it was told or need not be.
func (o *outlet) tryOn(ctx context.Context) (left time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*o.timeout)
	defer cancel()
	done, err := o.turn.shoot(ctx)
	if err != nil {
		return 0, errors.New("another question to it did not end in time")
	}
	defer done()
	if power, err := o.status(ctx, o.timeout); err == nil && power == wire.PowerOn {
		return 0, nil
	}
	if left = time.Until(o.offAt.Add(o.rest)); left > 0 {
		return left, nil
	}
	return 0, o.tell(ctx, wire.PowerOn, o.device.On, errStillOff)
}

// tell gives one command and waits for its effect. A refusal ends it after one look at the state, since the next level may
// do better; a device that does not answer may still have obeyed, and is asked for the rest of the time.
func (o *outlet) tell(ctx context.Context, want wire.Power, command func(context.Context) error, still error) error {
	told, end := context.WithTimeout(ctx, o.timeout)
	defer end()
	err := command(told)
	switch {
	case err == nil:
		return o.until(ctx, want, still)
	case told.Err() != nil:
		if o.until(ctx, want, still) == nil {
			return nil
		}
		return fmt.Errorf("did not answer to %s within %s, and is not known to be %s", want, o.timeout, want)
	}
	power, _ := o.status(ctx, o.timeout)
	switch power {
	case want:
		return nil
	case wire.PowerUnknown:
		return err
	}
	return fmt.Errorf("%w: %w", still, err)
}

// until asks for the state until it is the wanted one. It ends with still only if the last question was answered so.
func (o *outlet) until(ctx context.Context, want wire.Power, still error) error {
	deadline, _ := ctx.Deadline()
	var why error // of the newest question that came to anything
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		begin := time.Now()
		power, err := o.status(ctx, o.timeout)
		if err == nil && power == want {
			return nil
		}
		if err != nil && !errors.Is(err, errTooLate) {
			why = err
		}
		// The last question comes early enough to be answered: an answer that is cut off would turn a definite "on" into
		// an unknown.
		if left := time.Until(deadline) - max(2*time.Since(begin), lastQuestion); ctx.Err() == nil && left > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(min(pause, left)):
				continue
			}
		}
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return fmt.Errorf("ended before it said %s", want)
		case errors.Is(err, errTooLate) && why != nil:
			return fmt.Errorf("did not say %s: %w; before that: %w", want, err, why)
		case err != nil:
			return fmt.Errorf("did not say %s: %w", want, err)
		}
		return still
	}
}

// now asks, as urgently as for a shot.
func (o *outlet) now(ctx context.Context) (wire.Power, error) {
	done, err := o.turn.shoot(ctx)
	if err != nil {
		return wire.PowerUnknown, errors.New("the time was over before it could be asked")
	}
	defer done()
	return o.status(ctx, o.timeout)
}

// stillOff asks once more.
func (o *outlet) stillOff(ctx context.Context) error {
	power, err := o.now(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("said off, and asked again: %w", err)
	case power != wire.PowerOff:
		return errors.New("said off, then on again")
	}
	return nil
}

// ask is the question of an idle moment; it gives way to a shot. Since is when it said off first, if it does.
func (o *outlet) ask(ctx context.Context) (power wire.Power, since time.Time, err error) {
	asking, done, err := o.turn.ask(ctx)
	if err != nil {
		return wire.PowerUnknown, since, err
	}
	defer done()
	power, err = o.status(asking, o.timeout)
	if cause := context.Cause(asking); err != nil && errors.Is(cause, errGaveWay) {
		return wire.PowerUnknown, since, cause
	}
	return power, o.offAt, err
}

// status asks the device once. Without an error the power is on or off.
func (o *outlet) status(ctx context.Context, within time.Duration) (wire.Power, error) {
	asked, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	power, err := o.device.Status(asked)
	switch {
	case err != nil && errors.Is(asked.Err(), context.DeadlineExceeded):
		power, err = wire.PowerUnknown, errTooLate
	case err != nil:
		power = wire.PowerUnknown
	case power != wire.PowerOn && power != wire.PowerOff:
		power, err = wire.PowerUnknown, errors.New("says neither on nor off")
	}
	if before := wire.Power(o.said.Swap(uint32(power))); power == wire.PowerOff && before != wire.PowerOff {
		o.offAt = time.Now()
	}
	if err == nil {
		o.went = o.went || power == wire.PowerOff && o.known == wire.PowerOn
		o.known = power
	}
	return power, err
}
