package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"locum/wire"
)

func TestMain(m *testing.M) {
	playParts()
	os.Exit(m.Run())
}

func TestTheLongestPauseCounts(t *testing.T) {
	ms := wire.Instant(time.Millisecond)
	for _, c := range []struct {
		beats []wire.Instant
		want  time.Duration
	}{
		{nil, 0},
		{[]wire.Instant{7}, 0},
		{[]wire.Instant{0, 5 * ms, 9 * ms}, 0},
		{[]wire.Instant{0, 5 * ms, 17 * ms, 22 * ms}, 7 * time.Millisecond},
	} {
		if got := late(c.beats, 5*time.Millisecond); got != c.want {
			t.Errorf("%v: %s", c.beats, got)
		}
	}
}

// TestEachLoadBeginsAndEnds with a window that no load can fool: what is tried is that the cells work, not the figures.
func TestEachLoadBeginsAndEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while: make test, or go test without -short, runs it")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make a world")
	}
	s := settings{binary: filepath.Join(t.TempDir(), "locum"), cell: 300 * time.Millisecond, every: 50 * time.Millisecond, dead: 5 * time.Second}
	build := exec.Command("go", "build", "-o", s.binary, "locum")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatal(err, string(said))
	}
	b, err := begin(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for _, name := range loadNames() {
		c, err := b.cell(context.WithoutCancel(t.Context()), s, name)
		if err != nil || c.moved != "" {
			t.Errorf("%s: %q, %v", name, c.moved, err)
		}
	}
}
