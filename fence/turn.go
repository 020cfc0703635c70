package fence

import (
	"context"
	"errors"
	"sync"
)

// errGaveWay ends a question because the device is needed for a shot. It says nothing about the device.
var errGaveWay = errors.New("it is being switched just now")

// turn lets one at a time speak to a device, as many take one session only. A shot never waits for an idle question: it
// ends the one under way, and those that wait give way to it.
type turn struct {
	free chan struct{} // one element while nobody speaks

	mu      sync.Mutex
	shots   int                     // wait or speak
	endAsks context.CancelCauseFunc // of the question under way
}

func newTurn() *turn {
	t := &turn{free: make(chan struct{}, 1)}
	t.free <- struct{}{}
	return t
}

// shoot waits for the device; the caller gives it back by calling done.
func (t *turn) shoot(ctx context.Context) (done func(), err error) {
	t.mu.Lock()
	t.shots++
	if t.endAsks != nil {
		t.endAsks(errGaveWay)
	}
	t.mu.Unlock()
	select {
	case <-t.free:
		return func() { t.left(); t.free <- struct{}{} }, nil
	case <-ctx.Done():
		t.left()
		return nil, ctx.Err()
	}
}

func (t *turn) left() {
	t.mu.Lock()
	t.shots--
	t.mu.Unlock()
}

// ask waits for the device to put an idle question; what it asks with ends when a shot comes.
func (t *turn) ask(ctx context.Context) (asking context.Context, done func(), err error) {
	select {
	case <-t.free:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shots > 0 {
		t.free <- struct{}{}
		return nil, nil, errGaveWay
	}
	asking, end := context.WithCancelCause(ctx)
	t.endAsks = end
	return asking, func() {
		t.mu.Lock()
		t.endAsks = nil
		t.mu.Unlock()
		end(nil)
		t.free <- struct{}{}
	}, nil
}
