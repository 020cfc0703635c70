package agents

import (
	"path/filepath"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// newProcess makes the process agent of one backend.
type newProcess func(t *testing.T, r config.Resource) Agent

func TestProcessInASession(t *testing.T) {
	needRoot(t)
	processBody(t, func(t *testing.T, r config.Resource) Agent {
		a := newSession(r, stateDir(t))
		t.Cleanup(func() {
			mustStop(t, a)
			mustHoldNothing(t, a.stateDir)
			mustHaveNoGroup(t, a.name)
		})
		return a
	})
}

// processBody is what every process agent keeps to, with systemd and without.
func processBody(t *testing.T, make newProcess) {
	t.Run("what was never started is stopped, and stopping it is no error", func(t *testing.T) {
		a := make(t, sh("exit 0"))
		mustBe(t, a, wire.StateStopped)
		mustStop(t, a)
	})
	t.Run("a started process runs, and starting it again changes nothing", func(t *testing.T) {
		f := newFifo(t)
		a := make(t, sh("echo $$ >"+f.name+"; exec sleep 1000"))
		mustStart(t, a)
		p := f.process(t)
		mustBe(t, a, wire.StateRunning)
		mustStart(t, a)
		mustLive(t, p, true)
		mustStop(t, a)
		mustLive(t, p, false)
		mustBe(t, a, wire.StateStopped)
	})
	t.Run("a killed process is told as failed, can be started again and stopped", func(t *testing.T) {
		f := newFifo(t)
		a := make(t, sh("echo $$ >"+f.name+"; exec sleep 1000"))
		w := watch(t, a)
		w.until(t, wire.StateStopped)
		mustStart(t, a)
		first := f.process(t)
		w.until(t, wire.StateRunning, wire.StateStopped)
		kill(t, first)
		w.until(t, wire.StateFailed, wire.StateStopped)
		mustBe(t, a, wire.StateFailed)
		mustStart(t, a)
		mustLive(t, f.process(t), true)
		w.until(t, wire.StateRunning)
		mustStop(t, a)
		w.until(t, wire.StateStopped)
	})
	t.Run("stop ends children that hide in a session of their own and ignore SIGTERM", func(t *testing.T) {
		f := newFifo(t)
		r := sh("trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ >" + f.name + "; while :; do sleep 1000; done' & echo $$ >" + f.name +
			"; while :; do sleep 1000; done")
		r.Stop = 2 * time.Second
		a := make(t, r)
		mustStart(t, a)
		one, two := f.process(t), f.process(t)
		mustStop(t, a)
		mustLive(t, one, false)
		mustLive(t, two, false)
		mustBe(t, a, wire.StateStopped)
	})
	t.Run("what the leader left behind when it died is failed, and ended by stop", func(t *testing.T) {
		f := newFifo(t)
		r := sh("trap '' TERM; (echo go >" + f.name + "; exec sleep 1000) & echo $! >" + f.name + "; echo $$ >" + f.name + "; wait")
		r.Stop = 2 * time.Second
		a := make(t, r)
		mustStart(t, a)
		var pids []process
		for len(pids) < 2 {
			if line := f.line(t); line != "go" {
				pids = append(pids, processOf(t, line))
			}
		}
		w := watch(t, a)
		w.until(t, wire.StateRunning)
		kill(t, pids[1])
		w.until(t, wire.StateFailed, wire.StateStopped)
		mustStop(t, a)
		mustLive(t, pids[0], false)
	})
	t.Run("a command that does not exist is a definite failure and leaves nothing", func(t *testing.T) {
		r := sh("")
		r.Args = []string{"/no/such/command"}
		a := make(t, r)
		wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "web/process /no/such/command: start: ")
		mustStop(t, a)
		mustBe(t, a, wire.StateStopped)
	})
	t.Run("it runs as the user and in the directory that were named", func(t *testing.T) {
		f := newFifo(t)
		r := sh("(id -u; id -G; pwd) >" + f.name + "; exec sleep 1000")
		r.Keys["user"], r.Keys["dir"] = "nobody", "/usr"
		f.open(t)
		a := make(t, r)
		mustStart(t, a)
		if uid, groups, dir := f.line(t), f.line(t), f.line(t); uid != "65534" || groups != "65534" || dir != "/usr" {
			t.Errorf("it runs as %s, groups %s, in %s", uid, groups, dir)
		}
	})
}

// mustHaveNoGroup checks that nobody is in a control group of a process.
func mustHaveNoGroup(t *testing.T, name string) {
	t.Helper()
	dropEmptyGroups(name+"-", time.Now().Add(time.Hour))
	for _, mount := range groupMounts {
		left, err := filepath.Glob(filepath.Join(mount, groupParent, name+"-*"))
		if err != nil || len(left) != 0 {
			t.Errorf("control groups are left: %v (%v)", left, err)
		}
	}
}

func TestAProcessIsStoppedWhereNothingCanBeRecorded(t *testing.T) {
	needRoot(t)
	f := newFifo(t)
	a := newSession(sh("echo $$ >"+f.name+"; exec sleep 1000"), stateDir(t))
	mustStart(t, a)
	p := f.process(t)
	spoil(t, a.stateDir)
	mustStop(t, a)
	mustLive(t, p, false)
	mustBe(t, a, wire.StateStopped)
	mustStop(t, a)
	next := newSession(a.resource, a.stateDir) // of another engine, which finds the record
	mustBe(t, next, wire.StateFailed)
	mustStop(t, next)
	mustBe(t, next, wire.StateStopped)
}
