package fence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// plug is a real HTTP plug with manners.
type plug struct {
	mu     sync.Mutex
	on     bool
	manner string
	asked  []string
	server *httptest.Server
}

func newPlug(t *testing.T, manner string) *plug {
	p := &plug{on: true, manner: manner}
	release := make(chan struct{})
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, r.URL.Path)
		switch {
		case p.manner == "hang":
			p.mu.Unlock()
			select {
			case <-r.Context().Done():
			case <-release:
			}
			p.mu.Lock()
			return
		case p.manner == "fail":
			http.Error(w, "no", http.StatusInternalServerError)
			return
		case p.manner == "endless" && r.URL.Path == "/status":
			for range 100 {
				w.Write(make([]byte, 4096))
			}
			return
		case p.manner == "password":
			if _, pass, _ := r.BasicAuth(); pass != "right" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
		}
		if r.URL.Path == "/off" && p.manner != "ignore" {
			p.on = false
		}
		if r.URL.Path == "/off" && p.manner == "breaks" {
			panic(http.ErrAbortHandler) // obeys, and closes in the middle of its answer
		}
		fmt.Fprintf(w, "outlet is %s\n", map[bool]string{true: "ON", false: "OFF"}[p.on])
	}))
	t.Cleanup(func() { close(release); p.server.CloseClientConnections(); p.server.Close() })
	return p
}

func (p *plug) line(name string, level int, keys ...string) config.Fence {
	f := config.Fence{Name: name, Type: "http", Level: level, Timeout: 300 * time.Millisecond, Keys: map[string]string{
		"url-off": p.server.URL + "/off", "url-status": p.server.URL + "/status"}}
	for i := 0; i+1 < len(keys); i += 2 {
		f.Keys[keys[i]] = keys[i+1]
	}
	return f
}

func ladder(t *testing.T, levels ...[]config.Fence) *Ladder {
	t.Helper()
	l, err := NewLadder("beta", levels, map[string]Constructor{"http": NewHTTP, "manual": NewManual, "agent": NewAgent})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func always() error { return nil }

func TestOnlyADeviceThatSaysOffWhenAskedAgainIsDone(t *testing.T) {
	for _, tc := range []struct {
		manner string
		want   wire.Outcome
		text   string
	}{
		{"ok", wire.OutcomeDone, "pdu: said off"},
		{"ignore", wire.OutcomeFailed, "still on after off"},
		{"hang", wire.OutcomeUnknown, "no answer"},
		{"fail", wire.OutcomeUnknown, "500"},
		{"breaks", wire.OutcomeDone, "said off"},
		{"endless", wire.OutcomeUnknown, "not confirmed off"},
		{"password", wire.OutcomeUnknown, "user or password are wrong"},
	} {
		t.Run(tc.manner, func(t *testing.T) {
			p := newPlug(t, tc.manner)
			got, text := ladder(t, []config.Fence{p.line("pdu", 1)}).Off(context.Background(), always)
			if got != tc.want || tc.manner != "endless" && !strings.Contains(text, tc.text) {
				t.Errorf("%s: %s, want %s: %s", got, text, tc.want, tc.text)
			}
		})
	}
}

func TestAPlugThatAnswersAtOnceCostsTwoRequests(t *testing.T) {
	p := newPlug(t, "ok")
	ladder(t, []config.Fence{p.line("pdu", 1)}).Off(context.Background(), always)
	if got := strings.Join(p.asked, " "); got != "/off /status" {
		t.Errorf("asked %s", got)
	}
}

func TestTheNextLevelIsTriedWhenTheFirstDoesNotConfirm(t *testing.T) {
	bad, good := newPlug(t, "ignore"), newPlug(t, "ok")
	l := ladder(t, []config.Fence{bad.line("pdu", 1)}, []config.Fence{good.line("board", 2)})
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone || text != "board: said off" {
		t.Errorf("%s: %s", got, text)
	}
}

func TestOfTwoSuppliesBothMustBeOff(t *testing.T) {
	bad, good := newPlug(t, "ignore"), newPlug(t, "ok")
	l := ladder(t, []config.Fence{bad.line("left", 1), good.line("right", 1)})
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeFailed {
		t.Errorf("%s: %s", got, text)
	}
	if power, _ := l.Read(context.Background()); power != wire.PowerOn {
		t.Errorf("one of two supplies is on, and the node reads %s", power)
	}
	bad.mu.Lock()
	bad.manner = "ok"
	bad.mu.Unlock()
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Errorf("%s: %s", got, text)
	}
	if power, _ := l.Read(context.Background()); power != wire.PowerOff {
		t.Errorf("both off, and the node reads %s", power)
	}
}

func TestAShotThatIsCalledOffTellsNoDevice(t *testing.T) {
	p := newPlug(t, "ok")
	got, _ := ladder(t, []config.Fence{p.line("pdu", 1)}).Off(context.Background(), func() error { return errors.New("heard again") })
	if got == wire.OutcomeDone || len(p.asked) > 0 {
		t.Errorf("%s, asked %v", got, p.asked)
	}
}

func TestASecretIsReadFromAFileThatOthersCannotRead(t *testing.T) {
	p := newPlug(t, "password")
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := ladder(t, []config.Fence{p.line("pdu", 1, "user", "locum", "password-file", file)})
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Errorf("%s: %s", got, text)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewHTTP(p.line("pdu", 1, "password-file", file), "beta"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v", err)
	}
}

func TestAManualFenceIsNeverDoneByItself(t *testing.T) {
	got, text := ladder(t, []config.Fence{{Name: "hand", Type: "manual", Level: 1, Timeout: time.Second}}).Off(context.Background(), always)
	if got != wire.OutcomeUnknown || !strings.Contains(text, "locum fence beta --confirm") {
		t.Errorf("%s: %s", got, text)
	}
}

func TestADeviceThatStopsAnsweringIsReportedOnceAndWhenItIsBack(t *testing.T) {
	p := newPlug(t, "ok")
	reports := make(chan error, 10)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	l := ladder(t, []config.Fence{p.line("pdu", 1)})
	go func() {
		defer close(done)
		l.Keep(ctx, 10*time.Millisecond, func(_ string, err error, _ time.Duration) { reports <- err })
	}()
	p.mu.Lock()
	p.manner = "fail"
	p.mu.Unlock()
	if err := <-reports; err == nil {
		t.Error("the failure is not reported")
	}
	p.mu.Lock()
	p.manner = "ok"
	p.mu.Unlock()
	if err := <-reports; err != nil {
		t.Errorf("its return is reported as %v", err)
	}
	cancel()
	<-done
}

func TestWordsAreFoundByThemselves(t *testing.T) {
	for _, tc := range []struct {
		text, word string
		want       bool
	}{
		{"state: off", "off", true}, {"OFF", "off", true}, {"offline", "off", false}, {"turnoff off", "off", true},
		{"", "on", false}, {"front on", "on", true}, {"offoff", "off", false}, {"on/off", "on", true}, {"\"on\"", "on", true},
	} {
		if got := hasWord(tc.text, tc.word); got != tc.want {
			t.Errorf("%q in %q: %v", tc.word, tc.text, got)
		}
	}
}

func TestExitStatusTwoAloneIsNotOff(t *testing.T) {
	for _, tc := range []struct {
		code int
		out  string
		want wire.Power
	}{
		{0, "Status: ON", wire.PowerOn}, {2, "Status: OFF", wire.PowerOff}, {2, "Failed: missing argument", wire.PowerUnknown},
		{0, "Status: OFF", wire.PowerUnknown}, {2, "ON and OFF", wire.PowerUnknown}, {0, "", wire.PowerUnknown},
	} {
		if got, _ := agentPower(tc.code, tc.out); got != tc.want {
			t.Errorf("%d %q: %s, want %s", tc.code, tc.out, got, tc.want)
		}
	}
}

func TestAnAgentGetsItsKeysOnStandardInputAndItsSecretsNowhereElse(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	program := filepath.Join(dir, "fence_test")
	seen := filepath.Join(dir, "seen")
	script := "#!/bin/sh\nin=$(cat)\nprintf '%s\\n' \"$in\" >>" + seen + "\ncase $in in\n*action=off*) exit 0;;\n" +
		"*action=status*) echo 'Status: OFF'; exit 2;;\n*) echo \"bad $in\"; exit 1;; esac\n"
	for name, text := range map[string]string{file: "s3cret\n", program: script} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
	f := config.Fence{Name: "board", Type: "agent", Agent: program, Level: 1, Timeout: 5 * time.Second,
		Keys: map[string]string{"ip": "192.0.2.9", "plug": "2", "password-file": file}}
	l := ladder(t, []config.Fence{f})
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Fatalf("%s: %s", got, text)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nodename=beta", "ip=192.0.2.9", "plug=2", "password=s3cret", "action=off", "action=status"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	d, err := NewAgent(f, "beta")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.On(context.Background()); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error shows the secret, or there is none: %v", err)
	}
}

func FuzzHasWord(f *testing.F) {
	f.Add("Status: OFF", "off")
	f.Fuzz(func(t *testing.T, text, word string) {
		if word == "" {
			return
		}
		if hasWord(text, word) && !strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
			t.Error("found what is not there")
		}
	})
}

func BenchmarkOffAndConfirmation(b *testing.B) {
	on := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		on = on && r.URL.Path != "/off"
		fmt.Fprint(w, map[bool]string{true: "on", false: "off"}[on])
	}))
	defer s.Close()
	l, err := NewLadder("beta", [][]config.Fence{{{Name: "pdu", Type: "http", Level: 1, Timeout: time.Second, Keys: map[string]string{
		"url-off": s.URL + "/off", "url-status": s.URL + "/status"}}}}, map[string]Constructor{"http": NewHTTP})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		on = true
		if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
			b.Fatal(text)
		}
	}
}
