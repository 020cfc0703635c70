package daemon

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTheLastEngineIsSeenGone, also after one that has crashed, and one that does not notice that its heart is going: an engine that lived on
// would act beside the next one.
func TestTheLastEngineIsSeenGone(t *testing.T) {
	engines := make(chan *os.Process, 8)
	k := &keeper{stop: make(chan struct{}), started: func(_ *link, p *os.Process) { engines <- p }, gone: func(string) {}}
	go k.run()
	if err := (<-engines).Kill(); err != nil {
		t.Fatal(err)
	}
	last := <-engines
	if err := last.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "each of its threads stands", func() bool { return standsStill(last.Pid) })
	k.end()
	if err := unix.Kill(last.Pid, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("it is there still: %v", err)
	}
	if len(engines) != 0 {
		t.Error("another one was started")
	}
}
