package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"locum/cluster"
	"locum/console"
	"locum/wire"
)

func TestANodeSaysReadyServesAndLeavesInOrder(t *testing.T) {
	n := newNode(t)
	notify := notifySocket(t, n)
	n.start()
	heard(t, notify, "READY=1")
	r := n.serving()
	if r.Heart == nil || !r.Heart.EngineUp || r.Heart.Node != "alpha" || r.Heart.Incarnation != 1 || r.Heart.Lease != wire.LeaseHeld {
		t.Errorf("the heart says %+v", r.Heart)
	}
	heard(t, notify, "web running on alpha")
	if info, err := os.Stat(n.options.Socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the control socket: %v, %v", info.Mode(), err)
	}
	n.signal(syscall.SIGTERM)
	heard(t, notify, "STOPPING=1")
	if code := n.exit(); code != 0 {
		t.Errorf("exit status %d after leaving in order", code)
	}
	if got := n.read("calls"); got != "start\nstop\n" {
		t.Errorf("the service saw %q", got)
	}
	run, err := openRunDir(n.options.StateDir+"/run", "alpha")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := run.load(); err != nil || s == nil || !s.Left || s.MayRun {
		t.Errorf("who left in order must be admitted anew: %+v, %v", s, err)
	}
	if _, err := os.Stat(n.options.Socket); !os.IsNotExist(err) {
		t.Errorf("the control socket is still there: %v", err)
	}
}

func TestAnEngineThatIsKilledIsStartedAnewAndTouchesNothing(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	for range 3 {
		old := n.engine()
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		until(t, "another engine", func() bool { now := n.engine(); return now != 0 && now != old })
		if r := n.serving(); !r.Heart.EngineUp {
			t.Errorf("status says that the engine is down: %+v", r.Heart)
		}
	}
	if got := n.read("calls"); got != "start\n" {
		t.Errorf("the service saw %q", got)
	}
	if !strings.Contains(n.log.String(), "signal: killed") {
		t.Error("the log does not say how the engine ended")
	}
}

func TestAnEngineThatHangsIsKilledAndStatusIsAnsweredMeanwhile(t *testing.T) {
	n := newNode(t)
	n.write("locum.conf", n.read("locum.conf")+"engine grace=1s\n", 0o644)
	n.start()
	n.serving()
	old := n.engine()
	if err := syscall.Kill(old, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "each of its threads stands", func() bool { return standsStill(old) }) // the signal only asks for it
	r, err := n.ask(console.Request{Verb: "status"})
	if err != nil || r.Status != nil || r.Heart == nil || r.Heart.EngineUp {
		t.Errorf("while the engine hangs: %+v, %v", r, err)
	}
	until(t, "another engine", func() bool { now := n.engine(); return now != 0 && now != old })
	n.serving()
	if got := n.read("calls"); got != "start\n" {
		t.Errorf("the service saw %q", got)
	}
}

// standsStill reports whether all threads of a process are stopped.
func standsStill(pid int) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, task := range tasks {
		tid, err := strconv.Atoi(filepath.Base(task))
		if state := stateOf(tid); err != nil || state != "T" && state != "" {
			return false
		}
	}
	return len(tasks) > 0
}

func TestAnEngineEndsWithItsHeart(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	engine := n.engine()
	n.signal(syscall.SIGKILL)
	n.exit()
	until(t, "the engine is gone", func() bool { return stateOf(engine) == "" || stateOf(engine) == "Z" })
	if got := n.read("calls"); got != "start\n" {
		t.Errorf("the service saw %q", got)
	}
	// The next heart resumes within its lease, and serves on.
	n.start()
	if r := n.serving(); r.Heart.Incarnation != 2 {
		t.Errorf("the next heart has incarnation %d, want 2", r.Heart.Incarnation)
	}
	if got := n.read("calls"); got != "start\n" {
		t.Errorf("after the next heart has begun the service saw %q", got)
	}
}

func TestAnEngineThatCannotNoticeEndsWithItsHeartAllTheSame(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	engine := n.engine()
	t.Cleanup(func() { _ = syscall.Kill(engine, syscall.SIGKILL) })
	if err := syscall.Kill(engine, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	n.signal(syscall.SIGKILL)
	n.exit()
	until(t, "the engine is gone", func() bool { return stateOf(engine) == "" || stateOf(engine) == "Z" })
}

// stateOf gives a process's state of proc_pid_stat(5), "" if there is none.
func stateOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

func TestAReloadExecutesAnewInThisProcessAndTouchesNothing(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	n.signal(syscall.SIGHUP)
	until(t, "the next incarnation serves", func() bool {
		r, err := n.ask(console.Request{Verb: "status"})
		return err == nil && r.Heart != nil && r.Heart.Incarnation == 2 && r.Status != nil && r.Status.Quorate
	})
	n.serving()
	if got := n.read("calls"); got != "start\n" {
		t.Errorf("the service saw %q", got)
	}
	n.signal(syscall.SIGTERM)
	if code := n.exit(); code != 0 {
		t.Errorf("exit status %d after a reload and a leave", code)
	}
}

func TestASecondSIGTERMLeavesTheServicesAsTheyAre(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	n.write("hang", "", 0o600)
	n.signal(syscall.SIGTERM)
	until(t, "the stop is under way", func() bool { return strings.Contains(n.read("calls"), "stop") })
	n.signal(syscall.SIGTERM)
	if code := n.exit(); code != 1 {
		t.Errorf("exit status %d, want 1: it did not leave in order", code)
	}
	if n.read("up") == "" {
		t.Error("the service was stopped")
	}
	if err := os.Remove(n.dir + "/hang"); err != nil {
		t.Fatal(err)
	}
}

func TestASecondHeartOnTheSameStateOrSocketSaysSo(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	for _, tt := range []struct {
		name  string
		other Options
		want  string
	}{
		{"the same state directory", Options{ConfigFile: n.options.ConfigFile, Node: "alpha", StateDir: n.options.StateDir, Socket: n.dir + "/other"}, "--state-dir"},
		{"the same socket", Options{ConfigFile: n.options.ConfigFile, Node: "alpha", StateDir: n.dir + "/other", Socket: n.options.Socket}, "--socket"},
	} {
		other := &testNode{t: t, dir: n.dir, options: tt.other}
		other.start()
		if code := other.exit(); code != 1 || !strings.Contains(other.log.String(), tt.want) {
			t.Errorf("%s: exit status %d, %q", tt.name, code, other.log.String())
		}
	}
	n.serving()
}

func TestAWrongFileOrNodeEndsWithStatusTwo(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		spoil      func(n *testNode)
	}{
		{"a file with an error", "locum.conf:1", func(n *testNode) { n.write("locum.conf", "clutser lab\n", 0o600) }},
		{"no file", "no such file", func(n *testNode) { n.options.ConfigFile = n.dir + "/none" }},
		{"a node that the file does not name", "--node", func(n *testNode) { n.options.Node = "zeta" }},
	} {
		n := newNode(t)
		tt.spoil(n)
		n.start()
		if code := n.exit(); code != console.ExitUsage || !strings.Contains(n.log.String(), tt.want) {
			t.Errorf("%s: exit status %d, %q", tt.name, code, n.log.String())
		}
	}
}

func TestWhatIsEditedAndNotAppliedIsReportedAndNotFollowed(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	edited := n.read("locum.conf") + "service db nodes=alpha\nresource db script " + n.dir + "/script start=50s\n"
	n.write("locum.conf", edited, 0o644)
	r := n.serving()
	if !strings.Contains(r.Heart.ConfigDrift, "locum apply") || len(r.Status.Services) != 1 {
		t.Errorf("drift %q, %d services", r.Heart.ConfigDrift, len(r.Status.Services))
	}
	n.signal(syscall.SIGKILL)
	n.exit()
	n.start()
	if r := n.serving(); !strings.Contains(r.Heart.ConfigDrift, "locum apply") || len(r.Status.Services) != 1 {
		t.Errorf("after a restart: drift %q, %d services", r.Heart.ConfigDrift, len(r.Status.Services))
	}
	// Applied, it is in force, after a restart of the processes that touches nothing.
	client := console.Client{Socket: n.options.Socket}
	reply, err := client.Ask(context.Background(), console.Request{Verb: "command", Command: &cluster.Command{Verb: "apply", Text: edited, By: "a test"}})
	if err != nil || reply.Result == nil || reply.Result.Code != 0 {
		t.Fatalf("apply: %+v, %v", reply, err)
	}
	until(t, "the new file is in force", func() bool {
		r, err := n.ask(console.Request{Verb: "status"})
		return err == nil && r.Status != nil && len(r.Status.Services) == 2 && r.Heart.ConfigDrift == ""
	})
	if got := strings.Split(n.read("calls"), "\n"); slices.Contains(got, "stop") {
		t.Errorf("the service saw %q", got)
	}
}

func TestEventsAreKeptAndFollowed(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	ctx, end := context.WithTimeout(context.Background(), patience)
	defer end()
	old := n.engine()
	enough := errors.New("enough")
	var texts []string
	killed := false
	err := console.Client{Socket: n.options.Socket}.Each(ctx, console.Request{Verb: "events", Follow: true}, func(r *console.Reply) error {
		texts = append(texts, r.Event.Text)
		if strings.Contains(r.Event.Text, "web is started") && !killed {
			killed = true
			return syscall.Kill(old, syscall.SIGKILL)
		}
		return nil
	})
	// The engine that was followed is gone: that is said, as unknown.
	if err == nil || !strings.Contains(err.Error(), "the engine went down") {
		t.Errorf("%v, after %q", err, texts)
	}
	n.serving()
	var again []string
	err = console.Client{Socket: n.options.Socket}.Each(ctx, console.Request{Verb: "events"}, func(r *console.Reply) error {
		again = append(again, r.Event.Text)
		if len(again) > len(texts) {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) || len(again) <= len(texts) || !slices.Equal(again[:len(texts)], texts) {
		t.Errorf("kept %q of %q (%v)", again, texts, err)
	}
}
