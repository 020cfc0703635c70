package agents

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// patience bounds a wait that ends by an event; only a test that fails comes to its end.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if engine := os.Getenv("LOCUM_TEST_ENGINE"); engine != "" {
		os.Exit(runTestEngine(engine))
	}
	status := m.Run()
	for _, mount := range groupMounts {
		_ = os.Remove(filepath.Join(mount, groupParent)) // stays if another's groups are in it
	}
	os.Exit(status)
}

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: other users' environments are read and control groups made")
	}
}

// fifo is a named pipe by which a command tells of itself; reading it waits for no clock.
type fifo struct {
	name  string
	lines *bufio.Reader
}

func newFifo(t *testing.T) *fifo {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0) // both ways, so that neither side waits for the other to open
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &fifo{name: name, lines: bufio.NewReader(f)}
}

func (f *fifo) line(t *testing.T) string {
	t.Helper()
	s, err := f.lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the command did not tell of itself: %v", err)
	}
	return strings.TrimSpace(s)
}

func (f *fifo) process(t *testing.T) process {
	t.Helper()
	pid, err := strconv.Atoi(f.line(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := readStat(pid)
	if err != nil {
		t.Fatal(err)
	}
	return s.process
}

func mustLive(t *testing.T, p process, want bool) {
	t.Helper()
	got, err := p.lives()
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("process %d lives: %v, want %v", p.PID, got, want)
	}
}

// mustEnd waits until a process that somebody has killed is gone.
func mustEnd(t *testing.T, p process) {
	t.Helper()
	for ctx := patient(t); ; time.Sleep(time.Millisecond) {
		switch lives, err := p.lives(); {
		case err != nil:
			t.Fatal(err)
		case !lives:
			return
		case ctx.Err() != nil:
			t.Fatalf("process %d does not end", p.PID)
		}
	}
}

func mustBe(t *testing.T, a Agent, want wire.State) {
	t.Helper()
	got, err := a.Probe(patient(t))
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	if got != want {
		t.Fatalf("the state is %v, want %v", got, want)
	}
}

func mustStart(t *testing.T, a Agent) {
	t.Helper()
	if err := a.Start(patient(t)); err != nil {
		t.Fatal(err)
	}
}

func mustStop(t *testing.T, a Agent) {
	t.Helper()
	if err := a.Stop(patient(t)); err != nil {
		t.Fatal(err)
	}
}

// told is what a Watch has said.
type told struct {
	states chan wire.State
}

// watch runs Watch until the test ends.
func watch(t testing.TB, a Agent) *told {
	ctx, cancel := context.WithCancel(context.Background())
	w := &told{states: make(chan wire.State, 1000)}
	done := make(chan error, 1)
	go func() { done <- a.Watch(ctx, func(s wire.State) { w.states <- s }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("Watch ended with %v, want ctx's error", err)
		}
	})
	return w
}

// until reads what is told until it is want, and fails the test if never comes before that.
func (w *told) until(t testing.TB, want wire.State, never ...wire.State) {
	t.Helper()
	var seen []wire.State
	timeout := time.After(patience)
	for {
		select {
		case s := <-w.states:
			seen = append(seen, s)
			for _, n := range never {
				if s == n {
					t.Fatalf("%v was told, which is not so (told: %v)", s, seen)
				}
			}
			if s == want {
				return
			}
		case <-timeout:
			t.Fatalf("%v was never told, only %v", want, seen)
		}
	}
}

// sweepAfter ends, when the test is over, whatever a failed test has left of children with records in stateDir, served
// or not, and their groups.
func sweepAfter(t *testing.T, stateDir string) {
	t.Helper()
	t.Cleanup(func() {
		names, _ := recordNames(stateDir)
		for _, name := range names {
			if r, err := loadRecord(stateDir, name); err == nil && r != nil {
				if err := endNow(r, stateDir); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// endNow needs no context of a test that is over.
func endNow(r *record, stateDir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.end(ctx, stateDir)
}

// stateDir is a state directory that is swept.
func stateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	sweepAfter(t, dir)
	return dir
}

// runName keeps this run's processes apart from those of others at the same time; a test's engine is told it.
var runName = cmp.Or(os.Getenv("LOCUM_TEST_NAME"), rand.Text())

// sh is a process resource that runs a shell.
func sh(command string) config.Resource {
	return config.Resource{Service: "web", Type: "process", Args: []string{"/bin/sh", "-c", command},
		Keys: map[string]string{"name": "test-" + runName}, Start: patience, Stop: patience}
}

func kill(t testing.TB, p process) {
	t.Helper()
	if err := p.kill(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// run runs a program and gives what it printed.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func wantOutcome(t *testing.T, err error, want wire.Outcome, words ...string) {
	t.Helper()
	if got := Outcome(err); got != want {
		t.Fatalf("the outcome is %v, want %v (%v)", got, want, err)
	}
	for _, word := range words {
		if !strings.Contains(fmt.Sprint(err), word) {
			t.Errorf("the error %q does not say %q", err, word)
		}
	}
}

func processOf(t *testing.T, pid string) process {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	s, err := readStat(n)
	if err != nil {
		t.Fatal(err)
	}
	return s.process
}

// open lets every user write to the pipe; the directories above it are the test's own.
func (f *fifo) open(t *testing.T) {
	t.Helper()
	if err := os.Chmod(f.name, 0o666); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(f.name); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
