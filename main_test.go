package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"locum": func() { os.Exit(run(os.Args[1:])) }})
}

// TestTheCommandLine runs the scripts in testdata/script. None of them needs a daemon; those that do are in lab.
func TestTheCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"status": wantStatus, "mode": wantMode},
	})
}

// wantStatus is "status CODE PROGRAM ARGS…": it runs the program and wants that exit status.
func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if failed, ok := err.(*exec.ExitError); ok {
		code = strconv.Itoa(failed.ExitCode())
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != args[0] {
		ts.Fatalf("%s: exit status %s, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// wantMode is "mode 0600 FILE".
func wantMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode MODE FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// A heart has to hear of an end that is asked for at its first moment.
func TestNobodyTakesAHeartsSignalsFromIt(t *testing.T) {
	for _, args := range [][]string{{"run"}, {"run", "--node", "alpha"}, {"status"}, {}} {
		ctx, stop := contextOf(args)
		if own := ctx.Done() == nil; own != (len(args) > 0 && args[0] == "run") {
			t.Errorf("%q: heard by itself: %t", args, own)
		}
		stop()
	}
}
