package agents

import (
	"context"
	"errors"
	"fmt"
	"time"

	"locum/config"
	"locum/wire"
)

// Outcome says what an error of Start, Stop or EndLeftovers means. Only nil is done; only a definite answer, of systemd,
// of the kernel or of a script, is failed. A deadline, a lost connection and whatever else is not known to be a definite
// answer are unknown, and unknown never unlocks a takeover.
func Outcome(err error) wire.Outcome {
	var f *failure
	switch {
	case err == nil:
		return wire.OutcomeDone
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return wire.OutcomeUnknown
	case errors.As(err, &f):
		return wire.OutcomeFailed
	}
	return wire.OutcomeUnknown
}

// failure marks an error as a definite answer.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func failed(format string, args ...any) error { return &failure{fmt.Errorf(format, args...)} }

// named wraps an error of an agent once, with the resource's name. A bare deadline is told in words.
func named(r config.Resource, what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", r.ID(), what, err)
}

// within bounds ctx by a resource's deadline; 0 is none.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// lasting calls changed for each state that differs from the one before.
func lasting(changed func(wire.State)) func(wire.State) {
	last, first := wire.StateUnknown, true
	return func(s wire.State) {
		if first || s != last {
			first, last = false, s
			changed(s)
		}
	}
}
