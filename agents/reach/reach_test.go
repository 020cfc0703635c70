package reach

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestAProgramIsReadOrTheReasonIsSaid(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "program"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, c := range []struct {
		name string
		want error
	}{{"program", nil}, {"none", os.ErrNotExist}, {"pipe", nil}, {"", nil}} {
		if err := Program(ctx, filepath.Join(dir, c.name)); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestAReadThatHangsIsNotBegunTwice: each would keep a thread.
func TestAReadThatHangsIsNotBegunTwice(t *testing.T) {
	hangs := &read{over: make(chan struct{})}
	reads.of["/hangs"] = hangs
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Program(ctx, "/hangs"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	if reads.of["/hangs"] != hangs || len(reads.of) != 1 {
		t.Errorf("%d reads", len(reads.of))
	}
	delete(reads.of, "/hangs")
}
