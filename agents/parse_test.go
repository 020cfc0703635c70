package agents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"

	"locum/wire"
)

func TestOutcomeOfAnError(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want wire.Outcome
	}{
		"no error is done":                             {nil, wire.OutcomeDone},
		"a definite answer is failed":                  {named(sh(""), "start", failed("exit 1")), wire.OutcomeFailed},
		"a refusal is failed":                          {refused("enabled"), wire.OutcomeFailed},
		"a deadline is unknown":                        {named(sh(""), "stop", context.DeadlineExceeded), wire.OutcomeUnknown},
		"a lost connection is unknown":                 {errLost, wire.OutcomeUnknown},
		"any other error is unknown":                   {errors.New("?"), wire.OutcomeUnknown},
		"a definite answer with a deadline is unknown": {errors.Join(failed("x"), context.DeadlineExceeded), wire.OutcomeUnknown},
		"a definite answer around a deadline too":      {failed("x: %w", context.Canceled), wire.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Outcome(c.err); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestStateOfAUnit(t *testing.T) {
	const job, left = true, true
	for _, c := range []struct {
		active, sub string
		job, left   bool
		want        wire.State
	}{
		{"active", "running", false, false, wire.StateRunning},
		{"active", "exited", false, false, wire.StateRunning},
		{"active", "listening", false, false, wire.StateRunning},
		{"active", "running", job, false, wire.StateRunning},
		{"reloading", "reload", false, false, wire.StateRunning},
		{"refreshing", "refresh", false, false, wire.StateRunning},
		{"activating", "start", job, false, wire.StateUnknown},
		{"activating", "start-pre", false, false, wire.StateUnknown},
		{"activating", "auto-restart", false, false, wire.StateFailed},
		{"activating", "auto-restart-queued", false, false, wire.StateFailed},
		{"activating", "auto-restart", job, false, wire.StateFailed},
		{"deactivating", "stop-sigterm", job, false, wire.StateUnknown},
		{"deactivating", "stop-post", false, false, wire.StateFailed},
		{"failed", "failed", false, false, wire.StateFailed},
		{"failed", "failed", job, false, wire.StateUnknown},
		{"maintenance", "", false, false, wire.StateFailed},
		{"inactive", "dead", false, false, wire.StateStopped},
		{"inactive", "dead", job, false, wire.StateUnknown},
		{"inactive", "dead", false, left, wire.StateFailed},
		{"inactive", "dead-before-auto-restart", false, false, wire.StateFailed},
		{"inactive", "dead-resources-pinned", false, false, wire.StateStopped},
		{"", "", false, false, wire.StateUnknown},
		{"from the future", "?", false, false, wire.StateUnknown},
	} {
		t.Run(fmt.Sprintf("%s %s job=%v left=%v is %v", c.active, c.sub, c.job, c.left, c.want), func(t *testing.T) {
			s := unitStatus{Active: c.active, Sub: c.sub}
			if c.job {
				s.Job = 7
			}
			if got := s.state(c.left); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestUnitsThatTheSystemStartsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		s       unitStatus
		says    string // "": allowed
		refused bool
	}{
		"a disabled unit is allowed":          {unitStatus{Load: "loaded", Enabled: "disabled"}, "", false},
		"a static unit is allowed":            {unitStatus{Load: "loaded", Enabled: "static"}, "", false},
		"one that another unit needs too":     {unitStatus{Load: "loaded", WantedBy: []string{"app.service"}}, "", false},
		"an enabled unit is refused":          {unitStatus{ID: "x.service", Load: "loaded", Enabled: "enabled"}, "systemctl disable x.service", true},
		"one enabled until the next boot too": {unitStatus{ID: "x.service", Load: "loaded", Enabled: "enabled-runtime"}, "systemctl disable x.service", true},
		"one that a target wants is refused":  {unitStatus{Load: "loaded", Enabled: "static", WantedBy: []string{"multi-user.target"}}, "multi-user.target", true},
		"one that does not exist fails":       {unitStatus{Load: "not-found"}, "no unit of that name", false},
		"a masked one fails":                  {unitStatus{ID: "x.service", Load: "masked"}, "systemctl unmask x.service", false},
		"one that cannot be loaded fails":     {unitStatus{Load: "bad-setting"}, "bad-setting", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := refusal(c.s)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			var r *Refused
			if errors.As(err, &r) != c.refused {
				t.Errorf("refused: %v, want %v", !c.refused, c.refused)
			}
			if err != nil && Outcome(err) != wire.OutcomeFailed {
				t.Errorf("the outcome is %v", Outcome(err))
			}
		})
	}
}

func TestExitStatusOfAScript(t *testing.T) {
	for status, want := range map[int]wire.State{0: wire.StateRunning, 1: wire.StateFailed, 2: wire.StateFailed, 3: wire.StateStopped,
		4: wire.StateUnknown, 126: wire.StateUnknown, 127: wire.StateUnknown, 200: wire.StateUnknown, -1: wire.StateUnknown} {
		t.Run(fmt.Sprintf("%d is %v", status, want), func(t *testing.T) {
			if got, err := scriptState(result{status: status}); got != want || (err == nil) == (want == wire.StateUnknown) {
				t.Errorf("%v (%v), want %v", got, err, want)
			}
		})
	}
}

const goodStat = "42 (a) b\n(c)) S 1 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 9 10\n"

func TestStatOfAProcess(t *testing.T) {
	s, err := parseStat([]byte(goodStat))
	if want := (stat{process{42, 987654}, 'S', 42, 1}); err != nil || s != want {
		t.Errorf("%+v (%v), want %+v", s, err, want)
	}
	for name, text := range map[string]string{
		"an empty one":                  "",
		"one without a name":            "42 S 1",
		"one with the brackets crossed": "42 )(",
		"one that is cut off":           "42 (a) S 1 42",
		"a number that is none":         "x" + goodStat,
		"a number below zero":           "-" + goodStat,
		"a start that is none":          strings.Replace(goodStat, "987654", "soon", 1),
		"a session that is none":        strings.Replace(goodStat, "1 42 42", "1 42 x", 1),
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			if s, err := parseStat([]byte(text)); err == nil {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestAProcessWhoseFirstThreadHasEndedIsNotDead(t *testing.T) {
	for _, c := range []struct {
		state   byte
		threads int
		want    bool
	}{{'Z', 1, true}, {'Z', 2, false}, {'X', 0, true}, {'S', 1, false}, {'D', 1, false}} {
		if got := (stat{State: c.state, Threads: c.threads}).dead(); got != c.want {
			t.Errorf("state %c with %d threads is dead: %v, want %v", c.state, c.threads, got, c.want)
		}
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte(goodStat))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := parseStat(raw); err == nil && s.PID < 0 {
			t.Errorf("%+v", s)
		}
	})
}

func goodRecord() record {
	return record{Version: 1, Name: "process-web-x", Title: "web/process /x", Phase: phaseServing, Boot: "b", Leader: process{42, 7},
		Mark: "process-web-x-ABC", Group: "/sys/fs/cgroup/locum/process-web-x-ABC"}
}

func TestRecordsAreReadStrictly(t *testing.T) {
	for name, spoil := range map[string]func(*record){
		"another version":                 func(r *record) { r.Version = 2 },
		"another name than the file's":    func(r *record) { r.Name = "x" },
		"a phase that does not exist":     func(r *record) { r.Phase = "resting" },
		"process 1":                       func(r *record) { r.Leader.PID = 1 },
		"a process below zero":            func(r *record) { r.Leader.PID = -42 },
		"no start time":                   func(r *record) { r.Leader.Start = 0 },
		"no boot":                         func(r *record) { r.Boot = "" },
		"no mark":                         func(r *record) { r.Mark = "" },
		"a group that is not ours":        func(r *record) { r.Group = "/sys/fs/cgroup/system.slice" },
		"a group that climbs out of ours": func(r *record) { r.Group = "/sys/fs/cgroup/locum/../system.slice" },
		"a group of another mark":         func(r *record) { r.Group += "D" },
		"our groups' parent":              func(r *record) { r.Group = "/sys/fs/cgroup/locum" },
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			r := goodRecord()
			if _, err := parseRecord(marshal(t, r), r.Name); err != nil {
				t.Fatalf("the sound record: %v", err)
			}
			spoil(&r)
			if _, err := parseRecord(marshal(t, r), "process-web-x"); err == nil {
				t.Error("it was taken")
			}
		})
	}
	if _, err := parseRecord([]byte(`{"version":1,"surprise":1}`), "x"); err == nil {
		t.Error("an unknown field was taken")
	}
}

func marshal(t testing.TB, r record) []byte {
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func FuzzRecord(f *testing.F) {
	f.Add(marshal(f, goodRecord()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := parseRecord(raw, "process-web-x")
		if err == nil && (r.Leader.PID < 2 || r.Group != "" && !ownGroup(r.Group)) {
			t.Errorf("%+v", r)
		}
	})
}

func TestAForeignSignalIsDropped(t *testing.T) {
	good := []any{uint32(7), dbus.ObjectPath("/j/7"), "x.service", "done"}
	if job, unit, result, ok := parseJobRemoved(good); !ok || job != "/j/7" || unit != "x.service" || result != "done" {
		t.Errorf("%v %v %v %v", job, unit, result, ok)
	}
	for name, body := range map[string][]any{
		"an empty body": nil, "a short body": good[:3], "a job that is no path": {uint32(7), "j", "x", "done"},
		"a unit that is no text": {uint32(7), dbus.ObjectPath("/j/7"), 5, "done"},
	} {
		if _, _, _, ok := parseJobRemoved(body); ok {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestWhatIsPrintedFitsIntoAMessage(t *testing.T) {
	if got := printable("a\x1b[31mb\n\xff" + strings.Repeat("é", 300)); strings.ContainsAny(got, "\x1b\n") || !utf8.ValidString(got) || len([]rune(got)) > 201 {
		t.Errorf("%q", got)
	}
}
