package main

import (
	"path/filepath"
	"testing"

	"locum/daemon"
)

// Resources refuse a state directory that is not absolute, so that a heart started with one ran, was quorate, and could start nothing.
func TestAStateDirectoryMayBeRelative(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	o := &daemon.Options{StateDir: "state"}
	if err := absolute(o); err != nil || o.StateDir != filepath.Join(dir, "state") {
		t.Errorf("%q, %v", o.StateDir, err)
	}
}
