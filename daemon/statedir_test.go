package daemon

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"locum/wire"
)

func TestTwoHeartsCannotHoldOneStateDirectory(t *testing.T) {
	dir := t.TempDir()
	first, err := openStateDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openStateDir(dir); err == nil || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("the second: %v; it should name the process that holds it", err)
	}
	first.close()
	second, err := openStateDir(dir)
	if err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
	second.close()
}

func TestTheMachineIDIsMadeOnce(t *testing.T) {
	d := &stateDir{path: t.TempDir()}
	first, err := d.machine()
	if err != nil || first.IsZero() {
		t.Fatal(first, err)
	}
	if again, err := d.machine(); err != nil || again != first {
		t.Errorf("%v, then %v (%v)", first, again, err)
	}
	if err := os.WriteFile(d.file("machine"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := d.machine(); err == nil {
		t.Errorf("rubbish was taken as %v", id)
	}
}

func TestTheIncarnationOnlyRises(t *testing.T) {
	d := &stateDir{path: t.TempDir()}
	want := wire.Incarnation(0)
	next := func(least wire.Incarnation) {
		t.Helper()
		want = max(want+1, least)
		if got, err := d.nextIncarnation(least); err != nil || got != want {
			t.Fatalf("%d, %v; want %d", got, err, want)
		}
	}
	next(0)
	next(0)
	next(40)
	next(7)
	// A write that was torn leaves the slot before it.
	file, err := os.ReadFile(d.file("incarnation"))
	if err != nil {
		t.Fatal(err)
	}
	newest := strings.Index(string(file), "incarnation 41 ")
	for cut := range 25 {
		torn := append([]byte(nil), file...)
		clear(torn[newest+cut : newest+slotSize])
		if err := os.WriteFile(d.file("incarnation"), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := d.nextIncarnation(0); err != nil || got != 41 && got != 42 {
			t.Errorf("torn after %d bytes: %d, %v", cut, got, err)
		}
	}
	if err := os.WriteFile(d.file("incarnation"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := d.nextIncarnation(0); err == nil {
		t.Errorf("rubbish was taken as %d", got-1)
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	path := t.TempDir() + "/key"
	text, err := wire.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want       string // "" is taken
	}{
		{"mode 0600 is taken", text, 0o600, ""},
		{"mode 0400 is taken", text, 0o400, ""},
		{"mode 0640 is refused with the command that helps", text, 0o640, "chmod 600 " + path},
		{"mode 0604 is refused", text, 0o604, "chmod 600 " + path},
		{"rubbish is refused and not shown", "sesame", 0o600, "locum keygen"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(path, 0o600)
			_, err := readKey(path)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), strings.TrimSpace(tt.text)) {
				t.Errorf("%v; want %q", err, tt.want)
			}
		})
	}
	if _, err := readKey(path + "x"); err == nil || !strings.Contains(err.Error(), "locum keygen") {
		t.Errorf("a missing key: %v", err)
	}
}

// A disk that cannot be read is not a new one: to begin again at 1 would be to repeat what others have seen.
func TestAnIncarnationThatCannotBeReadIsNotBegunAnew(t *testing.T) {
	f, err := os.Open("/proc/self/mem") // its first bytes give EIO
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if v, _, err := storedIncarnation(f); err == nil {
		t.Errorf("read as incarnation %d, without an error", v)
	}
}

// TestAnIncarnationThatIsHandedOnIsTakenOnce, and only while it is the newest.
func TestAnIncarnationThatIsHandedOnIsTakenOnce(t *testing.T) {
	d := &stateDir{path: t.TempDir()}
	if _, err := d.nextIncarnation(7); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		handed string
		want   wire.Incarnation
	}{{"7", 7}, {"", 8}, {"7", 9}, {"10", 10}, {"0", 11}, {"rubbish", 12}, {"4294967308", 13}, {"13", 13}, {"", 14}} {
		t.Setenv(incarnationVariable, c.handed)
		if got, err := d.incarnation(); err != nil || got != c.want {
			t.Errorf("handed on %q: %d, %v; want %d", c.handed, got, err, c.want)
		}
		if os.Getenv(incarnationVariable) != "" {
			t.Error("the next program would take it too")
		}
	}
}
