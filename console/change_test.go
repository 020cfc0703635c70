package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"locum/cluster"
)

// answering is a node that answers each request by a function; what it was asked is in the list that it gives.
func answering(t *testing.T, answer func(r Request, nth int) *Reply) (socket string, asked func() []string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var verbs []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			var r Request
			line, _ := bufio.NewReader(conn).ReadBytes('\n')
			_ = json.Unmarshal(line, &r)
			nth := 0
			for _, v := range verbs {
				if v == r.Verb {
					nth++
				}
			}
			verbs = append(verbs, r.Verb)
			if reply := answer(r, nth); reply != nil {
				_ = json.NewEncoder(conn).Encode(reply)
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return socket, func() []string { l.Close(); <-done; return verbs }
}

// runChange runs a command against a socket and gives what it said, and the exit status.
func runChange(ctx context.Context, socket string, c Change) (said string, code int, text string) {
	var out bytes.Buffer
	c.Client.Socket, c.Out = socket, &out
	var f *Failure
	if err := c.Run(ctx); errors.As(err, &f) {
		return out.String(), f.Code, f.Text
	} else if err != nil {
		return out.String(), -1, err.Error()
	}
	return out.String(), 0, ""
}

func TestACommandThatMeetsAChangeOfTheLeaderIsRepeated(t *testing.T) {
	socket, asked := answering(t, func(r Request, nth int) *Reply {
		switch {
		case r.Verb == "status":
			return &Reply{Version: 1, Status: seen("running", "alpha")}
		case nth < 2:
			return &Reply{Version: 1, Result: &cluster.Result{Code: 1, Text: leaderChanged}}
		}
		return &Reply{Version: 1, Result: &cluster.Result{Text: "web is to run"}}
	})
	said, code, text := runChange(t.Context(), socket, Change{Command: Command{Verb: "start", Service: "web"}, NoWait: true})
	if want := []string{"status", "command", "command", "command"}; code != 0 || said != "web is to run\n" || !slices.Equal(asked(), want) {
		t.Errorf("%d %s, said %q, asked %q", code, text, said, asked())
	}
}

// What becomes of a command that nobody has answered in its time is unknown: a node that does not take the connection may be at it.
func TestACommandThatNobodyAnswersInItsTimeIsUnknown(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, timeout := range []time.Duration{time.Nanosecond, 50 * time.Millisecond} {
		_, code, text := runChange(t.Context(), socket, Change{Command: Command{Verb: "stop", Service: "web"}, Timeout: timeout})
		if code != ExitFailed || !strings.HasPrefix(text, "unknown: no answer in time") {
			t.Errorf("after %s: %d %q", timeout, code, text)
		}
	}
}

func TestACommandEndsWithTheStatusAndTheWordsOfItsAnswer(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer *Reply
		asks   int // after so many requests of one kind the time is over, 0 for never
		code   int
		text   string
	}{
		{"refused", &Reply{Result: &cluster.Result{Code: 3, Text: "not quorate"}}, 0, 3, "not quorate"},
		{"not done everywhere is not repeated", &Reply{Result: &cluster.Result{Code: 1, Text: "not done everywhere: see that it can, and repeat the command"}}, 0, 1, "not done everywhere"},
		{"an error", &Reply{Error: &Error{Code: 3, Text: "the engine is down"}}, 0, 3, "the engine is down"},
		{"no answer", nil, 0, 3, "closed the connection without an answer"},
		{"an answer to something else", &Reply{}, 0, 1, "says nothing of the command"},
		{"the leader changes without end", &Reply{Result: &cluster.Result{Code: 1, Text: leaderChanged}}, 3, 1, ""},
		{"acknowledged and never so", &Reply{Result: &cluster.Result{Text: "web is to be stopped"}}, 3, 1, "unknown: it is acknowledged and not so yet (web is running on alpha: for a reason)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, over := context.WithCancel(t.Context())
			defer over()
			socket, _ := answering(t, func(r Request, nth int) *Reply {
				if nth == tc.asks && tc.asks > 0 {
					over()
				}
				if r.Verb == "status" {
					return &Reply{Version: 1, Status: seen("running", "alpha")}
				}
				return tc.answer
			})
			_, code, text := runChange(ctx, socket, Change{Command: Command{Verb: "stop", Service: "web"}})
			if code != tc.code || !strings.Contains(text, tc.text) {
				t.Errorf("%d %q, want %d %q", code, text, tc.code, tc.text)
			}
		})
	}
}

// Where there is no terminal, what a command ends with is what is so, and not the last that it waited for.
func TestACommandEndsWithWhatIsSo(t *testing.T) {
	for _, tc := range []struct {
		name    string
		command Command
		answer  string
		seen    []*cluster.Status // before, and then with each look; the last one stays
		code    int
		said    string
	}{
		{"a start", Command{Verb: "start", Service: "web"}, "web is to run", []*cluster.Status{seen("stopped", ""), seen("starting", "alpha"), seen("running", "alpha")}, 0,
			"web is to run\nweb is starting on alpha: for a reason\nweb is running on alpha\n"},
		{"a start of what runs", Command{Verb: "start", Service: "web"}, "web is to run", []*cluster.Status{seen("running", "alpha")}, 0, "web is to run\nweb is running on alpha\n"},
		{"a start that fails", Command{Verb: "start", Service: "web"}, "web is to run", []*cluster.Status{seen("stopped", ""), seen("starting", "alpha"), seen("failed", "alpha")}, ExitFailed,
			"web is to run\nweb is starting on alpha: for a reason\nweb is failed on alpha: for a reason\n"},
		{"a stop", Command{Verb: "stop", Service: "web"}, "web is to be stopped", []*cluster.Status{seen("running", "alpha"), seen("stopping", "alpha"), seen("stopped", "")}, 0,
			"web is to be stopped\nweb is stopping on alpha: for a reason\nweb is stopped\n"},
		{"a move", Command{Verb: "move", Service: "web"}, "web is moved to beta", []*cluster.Status{seen("running", "alpha"), seen("starting", "beta"), seen("running", "beta")}, 0,
			"web is moved to beta\nweb is starting on beta: for a reason\nweb is running on beta\n"},
		{"a move, asked of a node that does not know yet that the last one has ended", Command{Verb: "move", Service: "web"}, "web is moved to beta",
			[]*cluster.Status{seen("running", "beta"), seen("running", "alpha"), seen("starting", "beta"), seen("running", "beta")}, 0,
			"web is moved to beta\nweb is running on alpha: for a reason\nweb is starting on beta: for a reason\nweb is running on beta\n"},
		{"a standby", Command{Verb: "standby", Node: "alpha"}, "alpha stands by", []*cluster.Status{seen("running", "alpha", cluster.InstanceStatus{Node: "alpha", State: "running"}), seen("running", "beta")}, 0,
			"alpha stands by\nalpha runs no service\n"},
		{"maintenance, which is so by the word", Command{Verb: "maintenance", On: true}, "maintenance is on", []*cluster.Status{seen("running", "alpha")}, 0, "maintenance is on\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			socket, _ := answering(t, func(r Request, nth int) *Reply {
				if r.Verb == "status" {
					return &Reply{Version: 1, Status: tc.seen[min(nth, len(tc.seen)-1)]}
				}
				result := &cluster.Result{Text: tc.answer}
				if _, to, moved := strings.Cut(tc.answer, " is moved to "); moved {
					result.To = to
				}
				return &Reply{Version: 1, Result: result}
			})
			said, code, text := runChange(t.Context(), socket, Change{Command: tc.command})
			if code != tc.code || said != tc.said {
				t.Errorf("%d %s, said\n%s\nwant %d and\n%s", code, text, said, tc.code, tc.said)
			}
		})
	}
}
