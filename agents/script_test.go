package agents

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// writeScript writes a script whose start is the text given.
func writeScript(t *testing.T, start string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "service-"+runName) // apart from other runs of the tests
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
	file := filepath.Join(t.TempDir(), "service-"+runName) // apart from other runs of the tests
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

// Memory is short, and the kernel kills the script.
func TestAScriptThatIsKilledSaysSo(t *testing.T) {
	needRoot(t)
	a, _ := newScript(t, "#!/bin/sh\nkill -9 $$\n")
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "start: signal: killed")
	if s, err := a.Probe(patient(t)); s != wire.StateUnknown || err == nil || !strings.Contains(err.Error(), "signal: killed tells nothing") {
		t.Errorf("status: %v, %v", s, err)
	}
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
	if end > maxLog { // it may have been emptied in the middle
		t.Errorf("the next call begins with a log of %d bytes, want %d at most", end, maxLog)
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

// A service has to be stopped, and looked at, also on a node whose state directory is full or broken: there it would be fenced
// otherwise. A start without a record is refused, as always.
func TestAScriptIsStoppedWhereNothingCanBeRecorded(t *testing.T) {
	needRoot(t)
	a, file := newScript(t, daemonScript)
	mustStart(t, a)
	pid, err := os.ReadFile(filepath.Join(filepath.Dir(file), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	p := processOf(t, strings.TrimSpace(string(pid)))
	t.Cleanup(func() { _ = p.kill(unix.SIGKILL) })
	spoil(t, a.stateDir)
	mustBe(t, a, wire.StateRunning)
	wantOutcome(t, a.Start(patient(t)), wire.OutcomeFailed, "could not be recorded")
	mustStop(t, a)
	mustEnd(t, p) // the script sends it SIGKILL and does not wait
	mustBe(t, a, wire.StateStopped)
}

// A disk that hangs is passed by after a while.
func TestAScriptIsStoppedWhileTheDiskHangs(t *testing.T) {
	long(t)
	needRoot(t)
	a, _ := newScript(t, daemonScript)
	mustStart(t, a)
	a.disk.turn <- struct{}{} // something waits for it without end
	mustBe(t, a, wire.StateRunning)
	mustStop(t, a)
	mustBe(t, a, wire.StateStopped)
}

func TestWhatComesLateToADiskIsUndone(t *testing.T) {
	d, hangs, undone := newDisk(), make(chan struct{}), make(chan struct{})
	if err := d.try(func() error { <-hangs; return nil }, func() { close(undone) }); !errors.Is(err, errDiskHangs) {
		t.Errorf("it says %v", err)
	}
	close(hangs)
	select {
	case <-undone:
	case <-time.After(patience):
		t.Fatal("it is not undone")
	}
	if err := d.try(func() error { return nil }, func() {}); err != nil {
		t.Errorf("the disk is well again: %v", err)
	}
}

// immutableFlag is FS_IMMUTABLE_FL (linux/fs.h).
const immutableFlag = 0x10

// spoil has nothing be written into a state directory any more.
func spoil(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, logDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, logDir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	records, err := os.Open(filepath.Join(dir, recordDir))
	if err != nil {
		t.Fatal(err)
	}
	immutable := func(flags int) error {
		return unix.IoctlSetPointerInt(int(records.Fd()), unix.FS_IOC_SETFLAGS, flags)
	}
	before, err := unix.IoctlGetInt(int(records.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		err = immutable(before | immutableFlag)
	}
	if err != nil {
		t.Skip("needs a file system that makes a directory immutable: ", err)
	}
	t.Cleanup(func() {
		if err := immutable(before); err != nil {
			t.Error(err)
		}
		records.Close()
	})
}

// What a script's start leaves running may go on to write to what it was given, for years.
func TestWhatAStartedDaemonWritesDoesNotFillTheDisk(t *testing.T) {
	needRoot(t)
	a, _ := newScript(t, strings.Replace(daemonScript, "sleep 1000 &", "yes 'all is well, and that for a long time' &", 1))
	a.interval = 10 * time.Millisecond
	t.Cleanup(func() { mustStop(t, a) })
	mustStart(t, a)
	w := watch(t, a)
	w.until(t, wire.StateRunning)
	var before int64
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		info, err := os.Stat(filepath.Join(a.stateDir, logDir, a.name+"-start.log"))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() < before {
			return // it was emptied while the daemon wrote
		}
		if before = info.Size(); time.Now().After(end) {
			t.Fatalf("what it wrote has grown to %d bytes", before)
		}
	}
}
