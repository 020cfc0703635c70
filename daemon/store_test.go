package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

func durable(ceiling wire.Epoch) cluster.Durable {
	return cluster.Durable{Known: true, Ceiling: ceiling, Boot: wire.ID{1}, Incarnation: 3, Lives: []wire.Life{{Node: 2, Machine: wire.ID{9}}}}
}

func TestAStateComesBackAsItWasSaved(t *testing.T) {
	s := openStore(t.TempDir())
	if d, err := s.load(); err != nil || d.Known {
		t.Fatalf("a node's first start: %+v, %v", d, err)
	}
	for _, ceiling := range []wire.Epoch{1024, 2048} {
		if err := s.save(durable(ceiling)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.load(); err != nil || !cmp.Equal(got, durable(ceiling)) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if old, err := readDurable(s.path + ".old"); err != nil || old.Ceiling != 1024 {
		t.Errorf("the generation before: %+v, %v", old, err)
	}
}

func TestAStateWithAnyByteChangedOrMissingIsNeitherBelievedNorWrittenOver(t *testing.T) {
	s := openStore(t.TempDir())
	if err := s.save(durable(1024)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, at int, text []byte) {
		if err := os.WriteFile(s.path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err := s.load(); err == nil || d.Known {
			t.Errorf("%s %d: taken as %+v, %v", what, at, d, err)
		} else if !strings.Contains(err.Error(), s.path) || !strings.Contains(err.Error(), "remove") {
			t.Errorf("%s %d: the error names no file or no remedy: %v", what, at, err)
		}
		if err := s.save(durable(4096)); err == nil {
			t.Errorf("%s %d: written over", what, at)
		}
		if now, err := os.ReadFile(s.path); err != nil || !bytes.Equal(now, text) {
			t.Errorf("%s %d: the file was changed (%v)", what, at, err)
		}
	}
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 0x20
		check("byte changed at", i, flipped)
		check("cut at", i, whole[:i])
	}
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	if err := s.save(durable(4096)); err != nil {
		t.Errorf("after an operator has removed it: %v", err)
	}
}

func TestAFullDiskLeavesTheOldState(t *testing.T) {
	dir := t.TempDir()
	if !inOwnMounts(t) {
		return
	}
	mount(t, "tmpfs", dir, "tmpfs", 0, "size=64k")
	s := openStore(dir)
	if err := s.save(durable(1024)); err != nil {
		t.Fatal(err)
	}
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	big := durable(2048)
	for range 100 {
		big.Lives = append(big.Lives, wire.Life{Node: 2})
	}
	if err := s.save(big); err == nil {
		t.Error("saved on a full disk")
	}
	if got, err := s.load(); err != nil || got.Ceiling != 1024 {
		t.Errorf("what is left: %+v, %v", got, err)
	}
	state := &stateDir{path: dir}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := s.save(big); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if _, err := state.nextIncarnation(0); err != nil {
		t.Fatal(err)
	}
	_ = os.WriteFile(fill, make([]byte, 1<<20), 0o600)
	if got, err := state.nextIncarnation(0); err != nil || got != 2 {
		t.Errorf("a heart must be able to start on a full disk: incarnation %d, %v", got, err)
	}
}

func TestAReadOnlyDiskIsSaidAndTheStateIsStillRead(t *testing.T) {
	dir := t.TempDir()
	if !inOwnMounts(t) {
		return
	}
	mount(t, "tmpfs", dir, "tmpfs", 0, "size=64k")
	s := openStore(dir)
	if err := s.save(durable(1024)); err != nil {
		t.Fatal(err)
	}
	mount(t, "tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	if err := s.save(durable(2048)); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("saved on a read-only disk: %v", err)
	}
	if got, err := s.load(); err != nil || got.Ceiling != 1024 {
		t.Errorf("what is left: %+v, %v", got, err)
	}
}

// FuzzDurable: whatever stands in the state file, nothing panics, and what is believed is what was written.
func FuzzDurable(f *testing.F) {
	for _, body := range []string{`{}`, `{"ceiling":1024,"incarnation":3,"lives":[{"node":2}]}`, `{"intents":{"services":[{"service":"web","stopped":true}]}}`, `[]`, ``} {
		f.Add([]byte(body), true)
	}
	f.Add([]byte("locum durable 1 00000000\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, whole bool) {
		if whole { // the checksum is right, and what it is of may be anything
			text = framed(text)
		}
		d, err := parseDurable(text)
		if err != nil {
			if d.Known || d.Ceiling != 0 {
				t.Errorf("%q is refused (%v), and yet taken as %+v", text, err, d)
			}
			return
		}
		body, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseDurable(framed(body))
		if err != nil || !cmp.Equal(again, d, cmpopts.EquateEmpty()) {
			t.Errorf("%q: read as %+v, written and read as %+v, %v", text, d, again, err)
		}
	})
}

// A state that is saved while a new file is adopted must not bring the old one back.
func TestAStateThatIsSavedBringsNoOldFileBack(t *testing.T) {
	dir := t.TempDir()
	n := &engine{setup: setup{StateDir: dir, ConfigFile: filepath.Join(dir, "etc")}, log: quiet, ctx: context.Background(),
		cfg: &config.Config{Text: "old"}, store: openStore(dir)}
	if err := n.force("new"); err != nil {
		t.Fatal(err)
	}
	if ev := n.stored(cluster.Store{ID: 1, Durable: cluster.Durable{Known: true, Incarnation: wire.Incarnation(3)}}); !ev.OK {
		t.Fatal(ev.Detail)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, forceFile)); string(got) != "new" {
		t.Errorf("in force is %q", got)
	}
}

func TestAFileThatIsReplacedKeepsItsMode(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "locum.conf")
	if got := modeOf(path, 0o644); got != 0o644 {
		t.Errorf("a new one: %v", got)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := modeOf(path, 0o644); got != 0o600 {
		t.Errorf("one that only its owner could read: %v", got)
	}
}
