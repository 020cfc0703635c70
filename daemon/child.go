package daemon

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"locum/agents/reach"
)

const (
	// engineFD is the engine's end of the socket pair in the engine's process.
	engineFD = 3
	// EngineCommand is the hidden command that the heart starts its engine with.
	EngineCommand = "engine"
	// versionCommand is the command by which the heart finds out whether a program runs here at all.
	versionCommand = "version"
	// WouldRunCommand is the hidden command by which the heart asks the program that is to take its place whether it would come up: another version may
	// refuse what is in force.
	WouldRunCommand = "would-run"

	// readWithin bounds the wait for this program's file before an engine is started of it.
	readWithin = 3 * time.Second

	leastBackoff = 50 * time.Millisecond
	mostBackoff  = 5 * time.Second
	// healthyLife is how long an engine must have lived for the next to be started at once.
	healthyLife = 10 * time.Second
	// engineEnd is how long an engine may take to notice that its heart's end of the socket is closed. No beat leaves in that time, so that it is
	// much shorter than dead; what it has under way is ended by the next one.
	engineEnd = 50 * time.Millisecond
)

// keeper starts engines, one after the other, and says when each has come and gone. It has a thread of its own that never
// ends, because an engine is told to die with the thread that made it.
type keeper struct {
	started func(l *link, p *os.Process)
	gone    func(how string)
	stop    chan struct{} // closed, under forking: no other engine
	forking sync.Mutex
	newest  *life // under forking; nil before the first
}

// life is one engine's process.
type life struct {
	link    *link
	process *os.Process
	over    chan struct{} // closed when it has ended
}

// run starts the first engine at once, also after one that lived well; one that died young is followed after a growing pause.
func (k *keeper) run() {
	runtime.LockOSThread()
	for pause := leastBackoff; ; pause = min(2*pause, mostBackoff) {
		began := time.Now()
		k.gone(k.live())
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

// live starts one engine, waits for its end and says how it ended.
func (k *keeper) live() string {
	ctx, cancel := context.WithTimeout(context.Background(), readWithin)
	defer cancel()
	if err := reach.Own(ctx); err != nil { // else the heart would wait for its disk
		return err.Error()
	}
	l, theirs, err := newLink()
	if err != nil {
		return err.Error()
	}
	cmd := exec.Command(reach.OwnFile, EngineCommand)
	cmd.Args[0] = "locum"
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	// Its own group: a terminal's ^C is for the heart, which has the engine hand over first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	one := &life{link: l, over: make(chan struct{})}
	err = k.begin(one, cmd)
	theirs.Close()
	if err != nil {
		l.close()
		return err.Error()
	}
	defer close(one.over)
	k.started(l, cmd.Process)
	if err := cmd.Wait(); err != nil {
		return err.Error()
	}
	return "exit status 0"
}

var errNoOther = errors.New("no other is started")

// begin forks, unless none is to be started any more: a process that executes itself anew hands its descriptors on to nobody but its next program.
func (k *keeper) begin(one *life, cmd *exec.Cmd) error {
	k.forking.Lock()
	defer k.forking.Unlock()
	select {
	case <-k.stop:
		return errNoOther
	default:
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	one.process, k.newest = cmd.Process, one
	return nil
}

// end has no other engine started, and returns when the last one is gone: as soon as it notices that its heart's end of the socket is closed, or
// else by force.
func (k *keeper) end() {
	k.forking.Lock()
	close(k.stop)
	last := k.newest
	k.forking.Unlock()
	if last == nil {
		return
	}
	last.link.close()
	for {
		select {
		case <-last.over:
			return
		case <-time.After(engineEnd):
			_ = last.process.Kill()
		}
	}
}
