package agents

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// writeScript writes a script whose start is the text given.
func writeScript(t *testing.T, start string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "service")
	text := "#!/bin/sh\ncase $1 in start) " + start + ";; stop) exit 0;; status) exit 3;; esac\n"
	if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func scriptResource(file string) config.Resource {
	return config.Resource{Service: "web", Type: "script", Args: []string{file}, Start: patience, Stop: patience,
		Keys: map[string]string{"interval": "10s"}}
}

// daemonScript keeps a sleep and its pid file, as init scripts do.
const daemonScript = `#!/bin/sh
pid=$(dirname "$0")/pid
case $1 in
start) [ -e "$pid" ] && exit 0; sleep 1000 & echo $! >"$pid"; echo started ;;
stop)  [ -e "$pid" ] || exit 0; kill -9 $(cat "$pid"); rm -f "$pid" ;;
status) [ -e "$pid" ] || exit 3; kill -0 $(cat "$pid") 2>/dev/null || exit 1 ;;
esac
`

func newScript(t *testing.T, text string) (*script, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "service")
	if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := NewScript(scriptResource(file), stateDir(t))
	if err != nil {
		t.Fatal(err)
	}
	// The group of a daemon that ended later goes when it is older; here it goes with the test.
	t.Cleanup(func() { dropEmptyGroups(a.(*script).name, time.Now().Add(time.Hour)) })
	return a.(*script), file
}

func TestAScriptStartsAndStops(t *testing.T) {
	needRoot(t)
	a, file := newScript(t, daemonScript)
	t.Cleanup(func() { mustStop(t, a) })
	a.interval = 50 * time.Millisecond
	w := watch(t, a)
	w.until(t, wire.StateStopped)
	mustStart(t, a)
	mustStart(t, a)
	mustBe(t, a, wire.StateRunning)
	w.until(t, wire.StateRunning, wire.StateStopped)
	pid, err := os.ReadFile(filepath.Join(filepath.Dir(file), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	p := processOf(t, string(pid[:len(pid)-1]))
	if _, err := EndLeftovers(patient(t), a.stateDir); err != nil {
		t.Fatal(err)
	}
	mustLive(t, p, true)
	kill(t, p)
	w.until(t, wire.StateFailed, wire.StateStopped)
	mustStop(t, a)
	w.until(t, wire.StateStopped)
}

func TestAScriptThatFailsSaysItsLastLine(t *testing.T) {
	needRoot(t)
	a, _ := newScript(t, "#!/bin/sh\necho starting; echo 'no such \033[1mdisk' >&2; exit 5\n")
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "start: exit 5: no such", "disk")
	wantOutcome(t, a.Stop(patient(t)), wire.OutcomeFailed, "exit 5")
	if s, err := a.Probe(patient(t)); s != wire.StateUnknown || err == nil {
		t.Errorf("status by exit 5: %v, %v; want unknown", s, err)
	}
	mustHoldNothing(t, a.stateDir)
}

func TestAScriptThatIsMissingIsADefiniteFailure(t *testing.T) {
	needRoot(t)
	a, err := NewScript(scriptResource("/no/such/script"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "no such file")
}

func TestAScriptPastItsDeadlineIsKilledWithAllItStartedAndUnknown(t *testing.T) {
	needRoot(t)
	f := newFifo(t)
	a, _ := newScript(t, "#!/bin/sh\ntrap '' TERM\n(setsid sh -c 'echo $$ >"+f.name+"; exec sleep 1000') &\necho $$ >"+f.name+"\nsleep 1000\n")
	ctx, cancel := context.WithCancel(patient(t))
	ended := make(chan error, 1)
	go func() { ended <- a.Start(ctx) }()
	one, two := f.process(t), f.process(t)
	if s, _ := a.Probe(deadOnArrival()); s != wire.StateUnknown {
		t.Errorf("while it starts it is %v, want unknown", s)
	}
	cancel()
	wantOutcome(t, <-ended, wire.OutcomeUnknown)
	mustLive(t, one, false)
	mustLive(t, two, false)
	mustHoldNothing(t, a.stateDir)
}

// deadOnArrival is a context that is over.
func deadOnArrival() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestAScriptWhoseStatusHangsIsUnknownHoweverOften(t *testing.T) {
	needRoot(t)
	f := newFifo(t)
	a, _ := newScript(t, "#!/bin/sh\necho $$ >"+f.name+"; exec sleep 1000\n")
	a.interval, a.answer = time.Millisecond, 300*time.Millisecond
	w := watch(t, a)
	for range 5 {
		f.line(t)
	}
	w.until(t, wire.StateUnknown, wire.StateFailed, wire.StateStopped)
	select {
	case s := <-w.states:
		t.Errorf("then %v was told", s)
	default:
	}
}

func TestAScriptsOutputIsBounded(t *testing.T) {
	needRoot(t)
	a, _ := newScript(t, "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 7\n")
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "exit 7: the end")
	f, end, err := openLog(a.stateDir, a.name+"-start")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if end != 0 {
		t.Errorf("the next call begins with a log of %d bytes, want an empty one", end)
	}
}

// frozen is a directory whose file system takes no write, so that whoever writes hangs and no signal ends him, as with a file
// server that is gone.
func frozen(t *testing.T) string {
	t.Helper()
	needRoot(t)
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	for _, words := range [][]string{{"truncate", "-s", "8M", image}, {"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, dir}, {"fsfreeze", "-f", dir}} {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%v: %v: %s", words, err, out)
		}
		if words[0] == "mount" {
			t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
		}
	}
	t.Cleanup(func() { _ = exec.Command("fsfreeze", "-u", dir).Run() })
	return dir
}

func TestACallThatNothingEndsIsFollowedByNoOther(t *testing.T) {
	dir := frozen(t)
	a, _ := newScript(t, "#!/bin/sh\nexec touch "+dir+"/x\n")
	a.answer = 200 * time.Millisecond
	for range 3 {
		if s, err := a.Probe(patient(t)); s != wire.StateUnknown || err == nil {
			t.Errorf("%v, %v", s, err)
		}
	}
	names, err := recordNames(a.stateDir)
	if err != nil || len(names) != 1 {
		t.Errorf("%d calls hang: %v, %v", len(names), names, err)
	}
	if err := exec.Command("fsfreeze", "-u", dir).Run(); err != nil {
		t.Fatal(err)
	}
	a.answer = patience
	if s, err := a.Probe(patient(t)); s != wire.StateRunning {
		t.Errorf("when it goes on again: %v, %v", s, err)
	}
	mustHoldNothing(t, a.stateDir)
}
