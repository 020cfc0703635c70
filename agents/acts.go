package agents

import (
	"sync"

	"locum/wire"
)

// acts keeps an agent's Start and Stop one after the other, and keeps the others from taking the moment before a start
// has left its first trace for rest: while one of the two is under way, "stopped" is not said (SAFETY 4).
type acts struct {
	turn sync.Mutex

	mu    sync.Mutex
	busy  bool
	moved chan struct{} // closed and replaced whenever Start or Stop begins or ends
}

// begin waits for its turn; end has to be called.
func (a *acts) begin() (end func()) {
	a.turn.Lock()
	a.set(true)
	return func() {
		a.set(false)
		a.turn.Unlock()
	}
}

func (a *acts) set(busy bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy = busy
	if a.moved != nil {
		close(a.moved)
	}
	a.moved = make(chan struct{})
}

// news is closed when a Start or Stop begins or ends after now.
func (a *acts) news() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.moved == nil {
		a.moved = make(chan struct{})
	}
	return a.moved
}

// judge turns what was read after before, a result of news, into what may be said.
func (a *acts) judge(s wire.State, before <-chan struct{}) wire.State {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s == wire.StateStopped && (a.busy || a.moved != before) {
		return wire.StateUnknown
	}
	return s
}
