package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"locum/config"
	"locum/lab"
)

func TestMain(m *testing.M) {
	Main()
	if filepath.Base(os.Args[0]) == "locum" {
		if err := playLocum(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(lab.ErrNotRoot)
	}
}

// long leaves a test out of those that a person runs all day: make quick.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a while: make test, or go test without -short, runs it")
	}
}

func TestTheDemoShowsAStandInAndItsTimes(t *testing.T) {
	long(t)
	needsRoot(t)
	var out bytes.Buffer
	start := time.Now()
	err := run(t.Context(), &out, Options{}, 0)
	t.Logf("after %s:\n%s", time.Since(start), &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cuts the network between", "hear each other over the serial cable alone", "kills alpha", "alpha: dead", "has cut the power of alpha", "asked again, says of alpha: off",
		"is answered by beta", "cuts both cables", "alpha was off", "the client is answered by beta"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if strings.Contains(out.String(), "not seen") {
		t.Error("a time was not seen")
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > width+1 && !strings.Contains(line, "url-") {
			t.Errorf("%d characters: %s", len(line)-1, line)
		}
	}
}

func TestTheDemoFailsWhenThereAreTwoOwners(t *testing.T) {
	long(t)
	needsRoot(t)
	t.Setenv(carelessKey, "1")
	var out bytes.Buffer
	err := run(t.Context(), &out, Options{}, 0)
	if err == nil || !strings.Contains(err.Error(), "before the power switch had confirmed alpha off") {
		t.Fatalf("a locum that does not fence, and the demo ends with %v:\n%s", err, &out)
	}
}

func TestTheDemoEndsWhenItIsInterrupted(t *testing.T) {
	needsRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	started := &trigger{when: "is answered by alpha", do: cancel}
	start := time.Now()
	if err := run(ctx, started, Options{}, time.Minute); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("after %s", took)
	}
}

func TestAKeptDemoStaysUntilItIsInterrupted(t *testing.T) {
	long(t)
	needsRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	kept := &trigger{when: "# be the client", do: cancel}
	if err := run(ctx, kept, Options{Keep: true}, 0); err != nil {
		t.Error(err)
	}
}

// trigger does something once a text was written.
type trigger struct {
	when string
	do   func()
	all  strings.Builder
}

func (x *trigger) Write(p []byte) (int, error) {
	x.all.Write(p)
	if strings.Contains(x.all.String(), x.when) {
		x.do()
	}
	return len(p), nil
}

func TestTheDemosFileIsRight(t *testing.T) {
	needsRoot(t)
	w, err := lab.New(lab.Options{Nodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if cfg, problems := config.Parse("locum.conf", file(w, [2]string{"/dev/ttyS0", "/dev/ttyS0"}, true)); cfg == nil {
		t.Error(problems)
	}
}

func TestLinesAreWrappedAtSpaces(t *testing.T) {
	long := strings.Repeat("word ", 30)
	got := wrap(long, "   1.000 s  alpha  ", strings.Repeat(" ", 19))
	for i, line := range strings.Split(strings.TrimRight(got, "\n"), "\n") {
		if len(line) > width || strings.HasSuffix(line, " ") {
			t.Errorf("line %d is %q", i, line)
		}
		if i > 0 && !strings.HasPrefix(line, strings.Repeat(" ", 20)+"word") {
			t.Errorf("line %d is not indented: %q", i, line)
		}
	}
	if n := strings.Count(got, "word"); n != 30 {
		t.Errorf("%d words of 30", n)
	}
	if got := wrap("a  b", "", ""); got != "a b\n" {
		t.Errorf("a short line became %q", got)
	}
}

var _ io.Writer = (*trigger)(nil)
