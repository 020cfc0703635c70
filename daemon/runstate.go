package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"locum/heartbeat"
)

// DefaultRunDir holds what must outlive a heart but not a boot, a directory a node.
const DefaultRunDir = "/run/locum"

const maxRunState = 1 << 20

// runFile is where the heart keeps its heartbeat.RunState.
type runFile struct{ path string }

// openRunDir makes the directory for a node's run state.
func openRunDir(dir, node string) (runFile, error) {
	dir = filepath.Join(dir, node)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return runFile{}, fmt.Errorf("run directory: %w", err)
	}
	return runFile{filepath.Join(dir, "heart.json")}, nil
}

// remove forgets the state; what is not there is forgotten.
func (f runFile) remove() error { return ignoreMissing(os.Remove(f.path)) }

// load gives what the heart before has left, nil if nothing. What cannot be read is an error and counts as nothing.
func (f runFile) load() (*heartbeat.RunState, error) {
	text, err := readBounded(f.path, maxRunState)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var s heartbeat.RunState
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("run state %s: %w", f.path, err)
	}
	return &s, nil
}

// save puts the state in its place at once or not at all. It is not fsynced: it does not outlive the boot.
func (f runFile) save(s heartbeat.RunState) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("run state: %w", err)
	}
	tmp := f.path + ".new"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return fmt.Errorf("run state: %w", err)
	}
	if err := os.Rename(tmp, f.path); err != nil {
		return fmt.Errorf("run state: %w", err)
	}
	return nil
}
