package agents

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// runTestEngine is an engine that a test kills: it does one thing, says that it has, and waits for its end.
func runTestEngine(what string) int {
	dir, command := os.Getenv("LOCUM_TEST_DIR"), os.Getenv("LOCUM_TEST_COMMAND")
	var err error
	switch what {
	case "process":
		err = newSession(sh(command), dir).Start(context.Background())
	case "script":
		r := scriptResource(command)
		a, _ := NewScript(r, dir)
		err = a.Start(context.Background())
	case "gate": // dies between the gate's start and the order
		var g *gate
		if g, err = openGate("mark", os.Stderr); err == nil {
			fmt.Println(g.process.Pid)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("done")
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test, if nobody kills it before
	return 0
}

// testEngine starts one; kill ends it as a crash does.
func testEngine(t *testing.T, what, dir, command string) (out *fifo, kill func()) {
	t.Helper()
	out = newFifo(t)
	w, err := os.OpenFile(out.name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "LOCUM_TEST_ENGINE="+what, "LOCUM_TEST_DIR="+dir, "LOCUM_TEST_COMMAND="+command, "LOCUM_TEST_NAME="+runName)
	cmd.Stdout = w
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			in.Close()
		}
	}
	t.Cleanup(kill)
	return out, kill
}

func TestWhatServesOutlivesTheEngineAndIsFoundAgain(t *testing.T) {
	needRoot(t)
	dir, f := stateDir(t), newFifo(t)
	command := "echo $$ >" + f.name + "; exec sleep 1000"
	out, crash := testEngine(t, "process", dir, command)
	if got := out.line(t); got != "done" {
		t.Fatal(got)
	}
	p := f.process(t)
	crash()
	if ended, err := EndLeftovers(patient(t), dir); err != nil || len(ended) != 0 {
		t.Fatalf("ended %v (%v), want nothing", ended, err)
	}
	mustLive(t, p, true)
	a := newSession(sh(command), dir)
	mustBe(t, a, wire.StateRunning)
	w := watch(t, a)
	w.until(t, wire.StateRunning)
	mustStop(t, a)
	mustLive(t, p, false)
	w.until(t, wire.StateStopped)
}

func TestAScriptsStartThatLostItsEngineIsEnded(t *testing.T) {
	needRoot(t)
	dir, f := stateDir(t), newFifo(t)
	file := writeScript(t, "trap '' TERM; setsid sh -c 'echo $$ >"+f.name+"; exec sleep 1000' & echo $$ >"+f.name+"; sleep 1000")
	_, crash := testEngine(t, "script", dir, file)
	one, two := f.process(t), f.process(t)
	crash()
	mustLive(t, one, true)
	ended, err := EndLeftovers(patient(t), dir)
	if want := []string{"web/script " + file + " start"}; err != nil || !slices.Equal(ended, want) {
		t.Fatalf("ended %v (%v), want %v", ended, err, want)
	}
	mustLive(t, one, false)
	mustLive(t, two, false)
	mustHoldNothing(t, dir)
}

// An engine that dies while it writes a record leaves a file that nobody reads; many deaths must not leave many.
func TestARecordThatWasBeingWrittenGoes(t *testing.T) {
	dir := t.TempDir()
	r := goodRecord()
	r.Name, r.Boot, r.Phase = "new-service", "00000000-0000-0000-0000-000000000000", phaseServing
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	write := func() {
		half, err := os.CreateTemp(filepath.Join(dir, recordDir), unsaved+"*")
		if err != nil {
			t.Fatal(err)
		}
		half.Close()
	}
	write()
	dropUnsaved(dir)
	if names, err := recordNames(dir); err != nil || !slices.Equal(names, []string{"new-service"}) {
		t.Errorf("there are %v (%v)", names, err)
	}
	write()
	if _, err := EndLeftovers(patient(t), dir); err != nil {
		t.Fatal(err)
	}
	mustHoldNothing(t, dir)
}

func TestAGateWhoseEngineDiesEnds(t *testing.T) {
	out, crash := testEngine(t, "gate", t.TempDir(), "")
	p := out.process(t)
	out.line(t)
	crash()
	if err := p.ended(patient(t)); err != nil {
		t.Fatal(err)
	}
}

func TestAStartUnderWayIsEnded(t *testing.T) {
	needRoot(t)
	for _, phase := range []phase{phaseStarting, phaseStopping} {
		t.Run("in phase "+string(phase), func(t *testing.T) {
			dir, f := stateDir(t), newFifo(t)
			a := newSession(sh("echo $$ >"+f.name+"; exec sleep 1000"), dir)
			mustStart(t, a)
			p := f.process(t)
			setPhase(t, a, phase)
			mustBe(t, a, wire.StateUnknown)
			if _, err := EndLeftovers(patient(t), dir); err != nil {
				t.Fatal(err)
			}
			mustLive(t, p, false)
			mustBe(t, a, wire.StateStopped)
		})
	}
}

func setPhase(t *testing.T, a *session, p phase) {
	t.Helper()
	r, err := loadRecord(a.stateDir, a.name)
	if err != nil {
		t.Fatal(err)
	}
	r.Phase = p
	if err := r.save(a.stateDir); err != nil {
		t.Fatal(err)
	}
}

func TestAStrangerWithTheNumberIsNotTouched(t *testing.T) {
	needRoot(t)
	stranger := exec.Command("sleep", "1000")
	stranger.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })
	s, err := readStat(stranger.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	boot, err := bootID()
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*record){
		"of another start time": func(r *record) { r.Leader.Start++ },
		"of another boot":       func(r *record) { r.Boot = "00000000-0000-0000-0000-000000000000" },
	} {
		t.Run(name, func(t *testing.T) {
			a := newSession(sh("exit"), t.TempDir())
			r := goodRecord()
			r.Name, r.Boot, r.Leader, r.Group, r.Phase = a.name, boot, s.process, "", phaseStarting
			spoil(&r)
			if err := r.save(a.stateDir); err != nil {
				t.Fatal(err)
			}
			if _, err := EndLeftovers(patient(t), a.stateDir); err != nil {
				t.Fatal(err)
			}
			if err := (process{r.Leader.PID, r.Leader.Start + 1}).kill(unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			mustLive(t, s.process, true)
			mustHoldNothing(t, a.stateDir)
		})
	}
}

func TestARecordThatCannotBeReadIsUnknownAndNothingIsStarted(t *testing.T) {
	a := newSession(sh("exit"), t.TempDir())
	r := goodRecord()
	r.Name = a.name
	if err := r.save(a.stateDir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recordFile(a.stateDir, a.name), []byte(`{"version":1`), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := a.Probe(patient(t)); s != wire.StateUnknown || err == nil {
		t.Errorf("probe: %v, %v", s, err)
	}
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeUnknown, "remove the file")
	wantOutcome(t, a.Stop(patient(t)), wire.OutcomeUnknown)
	if _, err := EndLeftovers(patient(t), a.stateDir); err == nil {
		t.Error("EndLeftovers says that nothing is left")
	}
}

// mustHoldNothing checks that no record and no group is left.
func mustHoldNothing(t *testing.T, stateDir string) {
	t.Helper()
	names, err := recordNames(stateDir)
	if err != nil || len(names) != 0 {
		t.Errorf("records are left: %v (%v)", names, err)
	}
	entries, _ := os.ReadDir(filepath.Join(stateDir, recordDir))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "new-") {
			t.Errorf("%s is left", e.Name())
		}
	}
}
