package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"locum/heartbeat"
	"locum/wire"
)

func openRun(t *testing.T, dir string) *runFile {
	t.Helper()
	f, err := openRunDir(dir, "alpha")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return f
}

// saved writes so many states, each with its own number as the epoch below which nothing is granted.
func saved(t *testing.T, dir string, states int) {
	t.Helper()
	f := openRun(t, dir)
	for i := range states {
		if err := f.save(heartbeat.RunState{Below: wire.Epoch(i + 1)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheNewestRunStateThatIsWholeIsResumed(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(path string) error // done to the slot that was written last
		want  wire.Epoch
	}{
		{"of two that are whole, the newer", func(string) error { return nil }, 5},
		{"of one cut short, the one before", func(path string) error { return os.Truncate(path, 40) }, 4},
		{"of an empty one, the one before", func(path string) error { return os.Truncate(path, 0) }, 4},
		{"of one half overwritten, the one before", func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte("locum run 1 0000000000000007"), 0)
			return err
		}, 4},
		{"of one that is gone, the one before", os.Remove, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			saved(t, dir, 5)
			if err := c.spoil(filepath.Join(dir, "alpha", "heart.1")); err != nil {
				t.Fatal(err)
			}
			f := openRun(t, dir)
			s, err := f.load()
			if err != nil || s == nil || s.Below != c.want {
				t.Fatalf("%+v, %v; want the state of %d", s, err, c.want)
			}
			if err := f.save(heartbeat.RunState{Below: 9}); err != nil {
				t.Fatal(err)
			}
			if s, err := openRun(t, dir).load(); err != nil || s.Below != 9 {
				t.Errorf("what was written after that is not the newest: %+v, %v", s, err)
			}
		})
	}
}

func TestARunStateOfWhichNothingIsWholeIsAnErrorAndNoneIsNone(t *testing.T) {
	dir := t.TempDir()
	if s, err := openRun(t, dir).load(); s != nil || err != nil {
		t.Fatalf("of none: %+v, %v", s, err)
	}
	saved(t, dir, 2)
	for _, name := range []string{"heart.0", "heart.1"} {
		if err := os.WriteFile(filepath.Join(dir, "alpha", name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := openRun(t, dir).load(); s != nil || err == nil {
		t.Errorf("of two spoiled: %+v, %v", s, err)
	}
}

func TestAStateIsWrittenAgainWhereItsFileWasRemoved(t *testing.T) {
	dir := t.TempDir()
	f := openRun(t, dir)
	for below := range wire.Epoch(6) {
		if err := f.save(heartbeat.RunState{Below: below}); err != nil {
			t.Fatal(err)
		}
		for _, s := range f.slots {
			_ = os.Remove(s.path) // one may not be there yet
		}
	}
	if err := f.save(heartbeat.RunState{Below: 7}); err != nil {
		t.Fatal(err)
	}
	if s, err := openRun(t, dir).load(); err != nil || s == nil || s.Below != 7 {
		t.Errorf("%+v, %v", s, err)
	}
}

// FuzzRunSlots: whatever stands in a slot, nothing panics, and what counts as whole is what was written.
func FuzzRunSlots(f *testing.F) {
	for _, text := range [][]byte{nil, runSlotText(7, []byte(`{"below":3}`)), append(runSlotText(8, nil), "left of a longer one"...)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		count, body, whole := readRunSlot(text)
		if !whole {
			return
		}
		again, same, ok := readRunSlot(runSlotText(count, body))
		if !ok || again != count || !bytes.Equal(same, body) {
			t.Errorf("%q is read as %d, %q, and written and read as %d, %q", text, count, body, again, same)
		}
	})
}
