package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/cluster"
	"locum/console"
)

func quiet(string, string) {}

// idleHistory makes a history that is used in the test's own goroutine.
func idleHistory(dir string) *history {
	return newHistory(&engine{setup: setup{StateDir: dir}, log: quiet, ctx: context.Background()})
}

// keepNow takes an event and writes it down.
func (h *history) keepNow(x cluster.History) {
	h.take(x, time.Unix(0, 0).UTC())
	h.file.write(<-h.lines)
}

func TestTheHistoryIsBoundedAndGoesOnWhereItEnded(t *testing.T) {
	dir := t.TempDir()
	h := idleHistory(dir)
	long := strings.Repeat("x", 1000)
	for i := range 3 * maxHistory / 1000 {
		h.keepNow(cluster.History{Kind: "view", Text: fmt.Sprint(i, long)})
	}
	for _, name := range []string{"events", "events.old"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() > maxHistory+2000 {
			t.Errorf("%s: %v, %v", name, info.Size(), err)
		}
	}
	if len(h.recent) > 2*shownEvents {
		t.Errorf("%d events in memory", len(h.recent))
	}
	// A line that was cut by a crash is left out.
	f, err := os.OpenFile(h.file.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"version":1,"seq":99999`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	next := idleHistory(dir)
	next.load()
	next.file.open()
	if next.seq != h.seq {
		t.Errorf("it goes on at %d, want %d", next.seq, h.seq)
	}
	next.keepNow(cluster.History{Kind: "view", Text: "after"})
	again := idleHistory(dir)
	again.load()
	if last := again.recent[len(again.recent)-1]; last.Text != "after" || last.Seq != h.seq+1 {
		t.Errorf("the line after a cut one: number %d, want %d", last.Seq, h.seq+1)
	}
}

// A full file whose last line a crash has cut ends that line, and takes the next one all the same.
func TestTheLineAfterACutOneInAFullFileIsKept(t *testing.T) {
	dir := t.TempDir()
	h := idleHistory(dir)
	if err := os.WriteFile(h.file.path, bytes.Repeat([]byte("x"), maxHistory), 0o600); err != nil {
		t.Fatal(err)
	}
	h.keepNow(cluster.History{Kind: "view", Text: "after"})
	again := idleHistory(dir)
	again.load()
	if len(again.recent) != 1 || again.recent[0].Text != "after" {
		t.Errorf("%d events are kept", len(again.recent))
	}
}

func TestAHistoryThatCannotBeWrittenIsStillShown(t *testing.T) {
	dir := t.TempDir()
	h := idleHistory(dir)
	if err := os.Mkdir(h.file.path, 0o700); err != nil {
		t.Fatal(err)
	}
	h.keepNow(cluster.History{Kind: "view", Text: "one"})
	if len(h.recent) != 1 {
		t.Errorf("%d events are shown", len(h.recent))
	}
	if err := os.Remove(h.file.path); err != nil {
		t.Fatal(err)
	}
	h.keepNow(cluster.History{Kind: "view", Text: "two"})
	if text, err := os.ReadFile(h.file.path); err != nil || !strings.Contains(string(text), "two") {
		t.Errorf("once it can be written again: %q, %v", text, err)
	}
}

func TestANotifiedProgramGetsEachEventAndEndsWithAllItStarted(t *testing.T) {
	dir := t.TempDir()
	got := filepath.Join(dir, "got")
	line, err := json.Marshal(console.Event{Version: 1, Seq: 7, History: cluster.History{Text: "alpha is off"}})
	if err != nil {
		t.Fatal(err)
	}
	p := newProgram([]string{"/bin/sh", "-c", `cat > "$1"`, "sh", got}, quiet)
	if err := p.give(t.Context(), line); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(got); err != nil || !bytes.Equal(text, line) {
		t.Errorf("it got %q (%v)", text, err)
	}
	slow := newProgram([]string{"/bin/sh", "-c", `sleep 100 & echo $! > "$1"; wait`, "sh", got}, quiet)
	slow.within = 300 * time.Millisecond
	if err := slow.give(t.Context(), line); err == nil || !strings.Contains(err.Error(), "within 300ms") {
		t.Errorf("one that does not end: %v", err)
	}
	text, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	until(t, "what it had started is gone", func() bool { s := stateOf(pid); return s == "" || s == "Z" })
}

// What keeps events on a disk that hangs is one thing; that people hear of it another.
func TestAHistoryWhoseDiskHangsGoesOnToTellPeople(t *testing.T) {
	// A pipe that nobody reads takes some lines, and then hangs as a disk does.
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	logged := make(chan string, 1)
	// No directory: what is written once the pipe is closed must not come into one that is being removed.
	h := newHistory(&engine{setup: setup{StateDir: t.TempDir() + "/none"}, ctx: ctx, log: func(_, text string) { logged <- text }})
	h.file.file = write
	go h.run()
	long := strings.Repeat("x", 1000)
	for i := range 2 * historyQueue {
		text := fmt.Sprint(i, long)
		h.add(cluster.History{Kind: "view", Text: text})
		select {
		case got := <-logged:
			if got != text {
				t.Fatalf("%.20s is logged, want %.20s", got, text)
			}
		case <-time.After(patience):
			t.Fatalf("event %d is not logged", i)
		}
	}
}

// A history whose disk hangs must not hold the engine up when somebody asks for events, or goes away.
func TestAHistoryThatHangsHoldsNobodyUp(t *testing.T) {
	h := idleHistory(t.TempDir())
	here, there := net.Pipe()
	defer here.Close()
	answers := make(chan []byte, 1)
	go func() {
		b := make([]byte, maxPacket)
		k, _ := there.Read(b)
		answers <- b[:k]
	}()
	h.n.conn = here
	h.queue = make(chan func(), 1)
	h.queue <- func() {}
	done := make(chan struct{})
	go func() {
		h.replay(1, true)
		h.unfollow(1)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("it waits for the disk, with the engine's turn")
	}
	if said := <-answers; !bytes.Contains(said, []byte("cannot be shown")) {
		t.Errorf("the client is told %q", said)
	}
	if len(h.followers) != 0 {
		t.Errorf("it is still followed: %v", h.followers)
	}
}
