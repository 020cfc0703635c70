package fence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/serialhb"
	"locum/wire"
)

func openForTest(device string, baud int) (Port, error) { return serialhb.OpenPort(device, baud) }

// rps10 is a serial switch behind a real pty: it knows modules 0 to 2, all on.
type rps10 struct {
	master *os.File
	device string
	manner string // deaf: takes a command and does nothing; mute: says nothing; chatty: sends on and on; late: obeys and answers the first only after a while; behind: answers the first only when the second has come, and that one never; boastful: does not obey, and says that it has when it is asked for the first time; listing: tells of all modules, line by line; echoing: repeats each command, and boasts

	mu   sync.Mutex
	on   [3]bool
	was  []string // commands
	owed string   // an answer that has not been given yet
}

func newRPS10(t *testing.T, manner string) *rps10 {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pty: ", err)
	}
	raw, err := m.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if e := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); e != nil || err != nil {
		t.Fatal(e, err)
	}
	s := &rps10{master: m, device: fmt.Sprintf("/dev/pts/%d", n), manner: manner, on: [3]bool{true, true, true}}
	// One end stays open, raw, so that the switch sees no hang-up.
	keep, err := serialhb.OpenPort(s.device, 9600)
	if err != nil {
		t.Fatal(err)
	}
	// The test opens the port again, as root, or could not.
	k, err := keep.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = k.Control(func(fd uintptr) {
		_ = unix.Flock(int(fd), unix.LOCK_UN)
		_ = unix.IoctlSetInt(int(fd), unix.TIOCNXCL, 0)
	})
	var ended sync.WaitGroup
	ended.Go(s.serve)
	t.Cleanup(func() { m.Close(); keep.Close(); ended.Wait() })
	return s
}

var rps10Command = regexp.MustCompile("\x02\x18\x18\x02\x18\x18([0-2])([01?])\r")

func (s *rps10) serve() {
	var came []byte
	b := make([]byte, 64)
	if s.manner == "chatty" {
		for {
			if _, err := s.master.WriteString("Plug 1 Off\r\n"); err != nil {
				return
			}
		}
	}
	for {
		n, err := s.master.Read(b)
		if err != nil {
			return
		}
		came = append(came, b[:n]...)
		for m := rps10Command.FindSubmatchIndex(came); m != nil; m = rps10Command.FindSubmatchIndex(came) {
			if s.obey(int(came[m[2]]-'0'), came[m[4]]) != nil {
				return
			}
			came = came[m[1]:]
		}
	}
}

func (s *rps10) obey(plug int, what byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.was = append(s.was, fmt.Sprintf("%d%c", plug, what))
	if s.manner == "listing" && what == '?' {
		for i, on := range s.on {
			if _, err := fmt.Fprintf(s.master, "Plug %d %s\r\n", i, map[bool]string{true: "On", false: "Off"}[on]); err != nil {
				return err
			}
			time.Sleep(20 * time.Millisecond)
		}
		return nil
	}
	if s.manner == "echoing" {
		if _, err := fmt.Fprintf(s.master, "\x02\x18\x18\x02\x18\x18%d%c\r\n", plug, what); err != nil {
			return err
		}
	}
	if s.manner == "boastful" || s.manner == "echoing" {
		if what != '?' {
			s.owed = fmt.Sprintf("\r\nPlug %d Off\r\nComplete\r\n", plug)
			return nil
		}
		if s.owed != "" {
			_, err := s.master.WriteString(s.owed)
			s.owed = ""
			return err
		}
	}
	if s.manner == "late" && len(s.was) == 1 {
		<-time.After(3 * brisk)
	}
	if what != '?' && s.manner != "deaf" {
		s.on[plug] = what == '1'
	}
	if s.manner == "mute" {
		return nil
	}
	if s.manner == "behind" && len(s.was) <= 2 {
		was := s.owed
		s.owed = fmt.Sprintf("\r\nPlug %d %s\r\nComplete\r\n", plug, map[bool]string{true: "On", false: "Off"}[s.on[plug]])
		_, err := s.master.WriteString(was)
		return err
	}
	if s.manner == "halting" { // its line comes in two pieces
		if _, err := fmt.Fprintf(s.master, "Plug %d Off", plug); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
		_, err := fmt.Fprint(s.master, "line since Monday\r\n")
		return err
	}
	_, err := fmt.Fprintf(s.master, "\r\nPlug %d %s\r\nComplete\r\n", plug, map[bool]string{true: "On", false: "Off"}[s.on[plug]])
	return err
}

func (s *rps10) line(outlet int, keys ...string) config.Fence {
	f := config.Fence{Name: "rps", Type: "rps10", Level: 1, Timeout: patience, Keys: map[string]string{"device": s.device, "outlet": fmt.Sprint(outlet)}}
	for i := 0; i+1 < len(keys); i += 2 {
		f.Keys[keys[i]] = keys[i+1]
	}
	return f
}

func TestAnRPS10SwitchesTheNodesModuleAndNoOther(t *testing.T) {
	s := newRPS10(t, "")
	l := ladder(t, []config.Fence{s.line(1)})
	if power, readings := l.Read(context.Background()); power != wire.PowerOn {
		t.Fatalf("%s: %+v", power, readings)
	}
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone {
		t.Fatalf("%s: %s", got, text)
	}
	if s.on != [3]bool{true, false, true} {
		t.Errorf("the modules are %v", s.on)
	}
	if err := l.On(context.Background()); err != nil || !s.on[1] {
		t.Error(err)
	}
	if got := strings.Join(s.was, " "); got != "1? 10 1? 1? 11 1?" {
		t.Errorf("it was told %s", got)
	}
}

func TestTwoOutletsOnOnePortTakeTurns(t *testing.T) {
	s := newRPS10(t, "")
	l := ladder(t, []config.Fence{s.line(0), {Name: "two", Type: "rps10", Level: 1, Timeout: patience, Keys: s.line(2).Keys}})
	got, text := l.Off(context.Background(), always)
	if got != wire.OutcomeDone || s.on != [3]bool{false, true, false} {
		t.Errorf("%s: %s: %v", got, text, s.on)
	}
}

func TestASerialSwitchThatIsNotGoodConfirmsNothing(t *testing.T) {
	for _, tc := range []struct {
		name, manner string
		keys         []string
		want         wire.Outcome
		text         string
	}{
		{"takes the command and does nothing", "deaf", nil, wire.OutcomeFailed, "still on after off"},
		{"says nothing", "mute", nil, wire.OutcomeUnknown, "is not known to be off"},
		{"sends on and on", "chatty", nil, wire.OutcomeUnknown, "it never stops sending"},
		{"a module that is not there", "", []string{"outlet", "7"}, wire.OutcomeUnknown, "is not known to be off"},
		{"no such port", "", []string{"device", "/dev/ttyNOWHERE"}, wire.OutcomeUnknown, "/dev/ttyNOWHERE does not exist: is the adapter plugged in?"},
		{"a rate that is none", "", []string{"baud", "12345"}, wire.OutcomeUnknown, "12345 is not a rate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newRPS10(t, tc.manner)
			f := within(s.line(1, tc.keys...), time.Second)
			got, text := ladder(t, []config.Fence{f}).Off(context.Background(), always)
			if !judged(got, text, tc.want, tc.text) {
				t.Errorf("%s: %s, want %s: %s", got, text, tc.want, tc.text)
			}
		})
	}
}

// What a switch was told, and answers when nobody waits any more, is no answer to what it is asked then.
func TestASerialSwitchThatAnswersLateIsAskedAnew(t *testing.T) {
	s := newRPS10(t, "late")
	if got, text := ladder(t, []config.Fence{within(s.line(1), brisk)}).Off(context.Background(), always); got != wire.OutcomeUnknown {
		t.Errorf("%s: %s", got, text)
	}
	answers(t, func() error {
		power, err := device2(t, s.line(1))
		if err == nil && power != wire.PowerOff {
			err = fmt.Errorf("it was told off, and says %s", power)
		}
		return err
	})
}

// What it was asked when nobody waits for the answer any more is no answer either: the outlet may have been switched since.
func TestAnAnswerToAnOlderQuestionIsNotTakenForThatToANewOne(t *testing.T) {
	s := newRPS10(t, "behind")
	s.on[1] = false
	for asked := false; !asked; { // in time, which a busy machine may miss
		if power, err := device2(t, within(s.line(1), brisk)); power != wire.PowerUnknown || err == nil {
			t.Fatalf("%s, %v", power, err)
		}
		s.mu.Lock()
		asked = len(s.was) > 0
		s.on[1] = asked
		s.mu.Unlock()
	}
	answers(t, func() error {
		power, err := device2(t, s.line(1))
		if err == nil && power != wire.PowerOn {
			t.Errorf("it is on, and an older answer is taken: %s", power)
		}
		return err
	})
}

// Without expect-off= nobody knows what it says to a command, and when that comes; nor where its own echo is what is expected.
func TestAnAnswerToTheCommandIsNotTakenForThatToTheQuestion(t *testing.T) {
	for manner, keys := range map[string][]string{"boastful": nil, "echoing": {"expect-off", "%o0"}} {
		s := newRPS10(t, manner)
		if got, text := ladder(t, []config.Fence{within(s.table(keys...), 1500*time.Millisecond)}).Off(t.Context(), always); got == wire.OutcomeDone {
			t.Errorf("%s: it is on: %s: %s", manner, got, text)
		}
	}
}

// table is the same switch as a table of strings.
func (s *rps10) table(keys ...string) config.Fence {
	f := s.line(1, append([]string{"match-off", "Plug %o Off", "match-on", "Plug %o On"}, keys...)...)
	f.Type = "serial"
	for what, digit := range map[string]string{"send-off": "0", "send-status": "?"} {
		f.Keys[what] = `\x02\x18\x18\x02\x18\x18%o` + digit + `\r`
	}
	return f
}

// Whoever writes match-off=Off for a switch that tells of all its outlets gets no answer, and not that of the first.
func TestALineOfAListIsNoAnswer(t *testing.T) {
	s := newRPS10(t, "listing")
	s.on[0] = false
	unanswered(t, within(s.table("match-off", "Off", "match-on", "On"), time.Second), `says both "Off" and "On"`)
	if power, err := device2(t, s.table()); power != wire.PowerOn || err != nil {
		t.Errorf("%s, %v", power, err)
	}
}

func TestWhatCameBeforeTheQuestionIsNoAnswer(t *testing.T) {
	s := newRPS10(t, "mute")
	if _, err := s.master.WriteString("Plug 1 Off\r\nComplete\r\n"); err != nil {
		t.Fatal(err)
	}
	unanswered(t, within(s.line(1), brisk), "says nothing")
}

// unanswered asks until it is asked in time, which a busy machine may miss, and wants that to be no answer, for that reason.
func unanswered(t *testing.T, f config.Fence, why string) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		power, err := device2(t, f)
		switch {
		case power != wire.PowerUnknown || err == nil:
			t.Fatal(power)
		case strings.Contains(err.Error(), why):
			return
		case !errors.Is(err, context.DeadlineExceeded) || time.Now().After(end):
			t.Fatal(err)
		}
	}
}

func TestTheBeginningOfALineIsNoAnswer(t *testing.T) {
	unanswered(t, within(newRPS10(t, "halting").line(1), time.Second), `says neither "Plug 1 Off" nor`)
}

func TestAQuestionOnALineEndsWhenAShotComes(t *testing.T) {
	s := newRPS10(t, "mute")
	d, err := constructors["rps10"](s.line(1), "beta")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err := d.Status(ctx); err == nil || ctx.Err() == nil {
		t.Error(err)
	}
}

func TestATableOfStringsMakesASwitch(t *testing.T) {
	s := newRPS10(t, "")
	table := config.Fence{Name: "x", Type: "serial", Level: 1, Timeout: patience, Keys: map[string]string{"device": s.device, "outlet": "2",
		"send-off": `\x02\x18\x18\x02\x18\x18%o0\r`, "send-status": `\x02\x18\x18\x02\x18\x18%o?\r`, "match-off": "Plug %o Off", "match-on": "Plug %o On"}}
	l := ladder(t, []config.Fence{table})
	if got, text := l.Off(context.Background(), always); got != wire.OutcomeDone || s.on[2] {
		t.Errorf("%s: %s", got, text)
	}
	if err := l.On(context.Background()); err == nil || !strings.Contains(err.Error(), "no send-on=") {
		t.Error(err)
	}
}

func TestASerialLineThatCannotWorkIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, key, value, want string }{
		{"no port", "device", "", "is no port"},
		{"no rate", "baud", "fast", "baud=fast"},
		{"no outlet", "outlet", "", "no outlet=, which"},
		{"no question", "send-status", "", "no send-status="},
		{"a broken escape", "send-off", `off\x0`, "two hexadecimal digits"},
		{"an unknown escape", "send-off", `off\q`, "two hexadecimal digits"},
		{"a backslash at the end", "match-off", `off\`, "at the end"},
		{"a secret that is not there", "password-file", "/nonexistent/p", "no such file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keys := map[string]string{"device": "/dev/null", "outlet": "1", "send-off": "%o off", "send-status": "%o?", "match-off": "off", "match-on": "on"}
			keys[tc.key] = tc.value
			if _, err := NewSerial(openForTest)(config.Fence{Type: "serial", Keys: keys}, "beta"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func FuzzUnescape(f *testing.F) {
	f.Add(`\x02\r\\`)
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := unescape(text); err == nil && len(got) > len(text) {
			t.Error("longer than it was")
		}
	})
}
