package fence

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/config"
	"locum/wire"
)

// program writes a fence agent in sh. It finds its own directory in $d and its input in $in.
func program(t *testing.T, script string) config.Fence {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "fence_test")
	script = "#!/bin/sh\nd=" + dir + "\nin=$(cat)\n" + script
	if err := os.WriteFile(file, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return config.Fence{Name: "board", Type: "agent", Agent: file, Level: 1, Timeout: 10 * time.Second,
		Keys: map[string]string{"ip": "192.0.2.9", "plug": "2"}}
}

func device(t *testing.T, f config.Fence) Device {
	t.Helper()
	d, err := NewAgent(f, "beta")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAnAgentsStatusNeedsItsExitStatusAndItsWordOnStandardOutput(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		want         wire.Power
		text         string
	}{
		{"on", "echo 'Status: ON'", wire.PowerOn, ""},
		{"off", "echo 'Status: OFF'; exit 2", wire.PowerOff, ""},
		{"a wrong argument exits with 2 as well", "echo 'Failed: missing argument' >&2; exit 2", wire.PowerUnknown,
			`fence_test status: exit status 2: "Failed: missing argument": says neither "OFF" nor "ON"`},
		{"a log that says off", "echo 'cannot log OFF' >&2; exit 2", wire.PowerUnknown, "says neither"},
		{"the word without the exit status", "echo 'Status: OFF'", wire.PowerUnknown, "does not go with the word OFF"},
		{"on with the exit status of off", "echo 'Status: ON'; exit 2", wire.PowerUnknown, "does not go with the word ON"},
		{"off with another exit status", "echo 'Status: OFF'; exit 1", wire.PowerUnknown, "exit status 1"},
		{"both words", "echo 'ON OFF'; exit 2", wire.PowerUnknown, "says both"},
		{"part of a word", "echo 'OFFLINE'; exit 2", wire.PowerUnknown, "says neither"},
		{"killed", "echo 'Status: OFF'; kill -9 $$", wire.PowerUnknown, "signal: killed"},
		{"a flood", "echo 'Status: OFF'; head -c 70000 /dev/zero; exit 2", wire.PowerUnknown, "printed more than 65536 bytes"},
		{"a flood of errors", "echo 'Status: OFF'; head -c 70000 /dev/zero >&2; exit 2", wire.PowerUnknown, "printed more than 65536 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := device(t, program(t, tc.script)).Status(context.Background())
			if got != tc.want || (err == nil) != (tc.text == "") || err != nil && !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func TestAnAgentsCommandIsJudgedByItsExitStatus(t *testing.T) {
	f := program(t, `case $in in *action=off*) echo 'bad
	[2J' >&2; exit 5;; esac`)
	d := device(t, f)
	if err := d.On(context.Background()); err != nil {
		t.Error(err)
	}
	if err := d.Off(context.Background()); err == nil || err.Error() != `fence_test off: exit status 5: "[2J"` {
		t.Error(err)
	}
}

func TestAnAgentGetsItsKeysOnStandardInputAndItsSecretsNowhereElse(t *testing.T) {
	t.Setenv("LOCUM_TEST_SECRET", "of the environment")
	f := program(t, `echo "$in" >>$d/input; tr '\0' '\n' </proc/$$/cmdline >$d/arguments; env >$d/environment
case $in in *action=off*) exit 0;; *action=status*) echo 'Status: OFF'; exit 2;; esac; echo "bad: $in" | tr '\n' ' ' >&2; exit 1`)
	f.Keys["password-file"] = secretFile(t, "s3cret")
	f.Keys["ssl-insecure"] = "1"
	f.Keys["identity-file"] = "/root/.ssh/id"
	dir := filepath.Dir(f.Agent)
	got, text := ladder(t, []config.Fence{f}).Off(context.Background(), always)
	if got != wire.OutcomeDone || text != "fence beta by board: outlet 2: said off" {
		t.Fatalf("%s: %s", got, text)
	}
	lines := "nodename=beta\nidentity-file=/root/.ssh/id\nip=192.0.2.9\npassword=s3cret\nplug=2\nssl-insecure=1\n"
	if got := read(t, dir+"/input"); got != lines+"action=off\n"+lines+"action=status\n" {
		t.Errorf("input: %s", got)
	}
	for _, file := range []string{"arguments", "environment"} {
		if got := read(t, filepath.Join(dir, file)); strings.Contains(got, "s3cret") || strings.Contains(got, "of the environment") {
			t.Errorf("%s: %s", file, got)
		}
	}
	err := device(t, f).On(context.Background())
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "password=***") {
		t.Errorf("the error shows the secret, or there is none: %v", err)
	}
}

func TestALineThatAnAgentMustNotGetIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, key, value, want string }{
		{"a second line", "plug", "2\naction=on", "the value of plug holds a control character"},
		{"the end of a line of others", "plug", "2\raction=on", "control character"},
		{"a line in the key", "plug\naction", "on", "a key holds"},
		{"a comment", "#plug", "2", "a key holds"},
		{"the action", "action", "on", "action= is set by locum itself"},
		{"the action from a file", "action-file", "/dev/null", "set by locum itself"},
		{"a password", "password", "s3cret", "write password-file=/path"},
		{"a community", "snmp_community", "s3cret", "put the secret into a file with mode 0600"},
		{"a space that gets lost", "plug", "2 ", "begins or ends with a space"},
		{"quotes that get lost", "plug", `"2"`, "stands in quotes"},
		{"no text", "plug", "\xff", "not UTF-8"},
		{"a secret that is not there", "password-file", "/nonexistent/s", "no such file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := program(t, "exit 0")
			f.Keys[tc.key] = tc.value
			_, err := NewAgent(f, "beta")
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	f := program(t, "exit 0")
	f.Keys["password-file"] = secretFile(t, "s3cret\x01")
	if _, err := NewAgent(f, "beta"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a secret with a control character: %v", err)
	}
	for _, name := range []string{"", "fence_no_such_program", "../fence_x", "/nonexistent/fence_x"} {
		if _, err := NewAgent(config.Fence{Agent: name}, "beta"); err == nil {
			t.Errorf("the agent %q is found", name)
		}
	}
}

func TestAnAgentThatHangsEndsWithItsDeadlineAndSoDoAllItStarted(t *testing.T) {
	f := program(t, `sleep 1000 & echo $$ $! >$d/pids.new; mv $d/pids.new $d/pids; wait`)
	f.Timeout = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pids := filepath.Join(filepath.Dir(f.Agent), "pids")
	done := make(chan error, 1)
	go func() { done <- device(t, f).Off(ctx) }()
	appears(t, pids)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ends with %v", err)
	}
	gone(t, pids)
}

func TestWhatAnAgentLeavesBehindEndsWithIt(t *testing.T) {
	f := program(t, `sleep 1000 & echo $! >$d/pids; echo 'Status: OFF'; exit 2`)
	got, err := device(t, f).Status(context.Background())
	if got != wire.PowerOff || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	gone(t, filepath.Join(filepath.Dir(f.Agent), "pids"))
}

func TestAnAgentDiesWithTheProcessThatWaitsForIt(t *testing.T) {
	if file := os.Getenv("LOCUM_TEST_AGENT"); file != "" {
		_ = device(t, config.Fence{Agent: file}).Off(context.Background())
		return
	}
	f := program(t, `echo $$ >$d/pids.new; mv $d/pids.new $d/pids; exec sleep 1000`)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	waiter := exec.Command(self, "-test.run=^"+t.Name()+"$")
	waiter.Env = append(os.Environ(), "LOCUM_TEST_AGENT="+f.Agent)
	if err := waiter.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = waiter.Wait() }()
	pids := filepath.Join(filepath.Dir(f.Agent), "pids")
	appears(t, pids)
	if err := waiter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gone(t, pids)
}

// appears waits for a file.
func appears(t *testing.T, file string) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatal("the agent does not start")
		}
	}
}

// gone waits until the processes whose numbers stand in a file are none any more, or only wait to be reaped.
func gone(t *testing.T, file string) {
	t.Helper()
	for _, word := range strings.Fields(read(t, file)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		for until := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(until) {
				t.Errorf("process %d lives on", pid)
				_ = syscall.Kill(pid, syscall.SIGKILL)
				break
			}
		}
	}
}

func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestASecretOfACloudsAgentIsNoPartOfTheFile(t *testing.T) {
	for _, key := range []string{"secret_key", "apikey", "api_key", "password", "snmp_priv_passwd"} {
		if _, err := (&agent{}).line(key, "hunter2"); err == nil {
			t.Errorf("%s=hunter2 is taken", key)
		}
	}
}
