package daemon

import (
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// leavingVariable, in its environment, tells a heart that executed itself anew that it had been told to end before.
const leavingVariable = "LOCUM_LEAVING"

// signals are those by which a heart is told to end or to begin anew. They are heard from the first moment of the process until
// it executes itself anew: whoever lost one would leave systemd to wait for minutes and then to kill a heart whose services run.
type signals struct {
	mu    sync.Mutex
	end   bool // SIGTERM or SIGINT was among them
	early []os.Signal
	hand  func(os.Signal)
}

func hearSignals() *signals {
	s := &signals{}
	if os.Getenv(leavingVariable) != "" {
		os.Unsetenv(leavingVariable)
		s.came(unix.SIGTERM)
	}
	heard := make(chan os.Signal, 4)
	signal.Notify(heard, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() {
		for x := range heard {
			s.came(x)
		}
	}()
	return s
}

func (s *signals) came(x os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = s.end || x != unix.SIGHUP
	if s.hand == nil {
		s.early = append(s.early, x)
		return
	}
	s.hand(x)
}

// handTo has each signal, also those that came before, handed to somebody who does not wait.
func (s *signals) handTo(hand func(os.Signal)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hand = hand
	for _, x := range s.early {
		hand(x)
	}
	s.early = nil
}

// toEnd reports whether the process was told to end.
func (s *signals) toEnd() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}
