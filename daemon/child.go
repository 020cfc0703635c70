package daemon

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

const (
	// engineFD is the engine's end of the socket pair in the engine's process.
	engineFD = 3
	// EngineCommand is the hidden command that the heart starts its engine with.
	EngineCommand = "engine"
	// versionCommand is the command by which the heart finds out whether a program runs here at all.
	versionCommand = "version"

	leastBackoff = 50 * time.Millisecond
	mostBackoff  = 5 * time.Second
	// healthyLife is how long an engine must have lived for the next to be started at once.
	healthyLife = 10 * time.Second
)

// keeper starts engines, one after the other, and says when each has come and gone. It has a thread of its own that never
// ends, because an engine is told to die with the thread that made it.
type keeper struct {
	started func(l *link, p *os.Process)
	gone    func(how string)
	stop    chan struct{} // closed: no other engine
}

// run starts the first engine at once, also after one that lived well; one that died young is followed after a growing pause.
func (k keeper) run() {
	runtime.LockOSThread()
	for pause := leastBackoff; ; pause = min(2*pause, mostBackoff) {
		began := time.Now()
		k.gone(k.life())
		if time.Since(began) >= healthyLife {
			pause = leastBackoff
			continue
		}
		select {
		case <-k.stop:
			select {} // the thread stays: what it made would die with it before it is told to
		case <-time.After(pause):
		}
	}
}

// life starts one engine, waits for its end and says how it ended.
func (k keeper) life() string {
	l, theirs, err := newLink()
	if err != nil {
		return err.Error()
	}
	cmd := exec.Command("/proc/self/exe", EngineCommand) // this very file, also when its path has got a new one
	cmd.Args[0] = "locum"
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	// Its own group: a terminal's ^C is for the heart, which has the engine hand over first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := errors.Join(cmd.Start(), theirs.Close()); err != nil {
		l.close()
		return err.Error()
	}
	k.started(l, cmd.Process)
	if err := cmd.Wait(); err != nil {
		return err.Error()
	}
	return "exit status 0"
}
