package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/console"
	"locum/lab"
	"locum/quorumdisk"
)

// TestMain lets the test binary be the program: with runVariable set it is "locum run", and a heart starts its engine as
// its own binary with one word.
func TestMain(m *testing.M) {
	lab.Main()
	switch {
	case len(os.Args) == 2 && os.Args[1] == EngineCommand && os.Getenv(errandVariable) != "":
		exitWith(runErrand())
	case len(os.Args) == 2 && os.Args[1] == EngineCommand:
		exitWith(RunEngine(context.Background()))
	case len(os.Args) > 1 && os.Args[1] == quorumdisk.HelperCommand:
		exitWith(quorumdisk.Serve(os.Args[2:]))
	case len(os.Args) == 2 && os.Args[1] == versionCommand:
		os.Exit(0)
	case len(os.Args) == 5 && os.Args[1] == WouldRunCommand:
		var o Options
		for i, at := range []*string{&o.ConfigFile, &o.Node, &o.StateDir} {
			_, *at, _ = strings.Cut(os.Args[2+i], "=")
		}
		exitWith(WouldRun(o))
	case os.Getenv(runVariable) != "":
		rest(os.Getenv(restVariable))
		o := Options{}
		if _, err := fmt.Sscanf(os.Getenv(runVariable), "%q %q %q %q", &o.ConfigFile, &o.Node, &o.StateDir, &o.Socket); err != nil {
			exitWith(err)
		}
		exitWith(Run(context.Background(), o))
	}
	os.Exit(m.Run())
}

const runVariable = "LOCUM_TEST_RUN"

// restVariable names a directory. A program that finds a file "rest" there removes it, and goes on when there is a file "on".
const restVariable = "LOCUM_TEST_REST"

func rest(dir string) {
	if dir == "" || os.Remove(dir+"/rest") != nil {
		return
	}
	for {
		if _, err := os.Stat(dir + "/on"); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func exitWith(err error) {
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "ended:", err)
	var f *console.Failure
	if errors.As(err, &f) {
		os.Exit(f.Code)
	}
	os.Exit(1)
}

// inOwnMounts runs the rest of a test in a process with mounts of its own, which vanish with it however it ends.
func inOwnMounts(t *testing.T) (inside bool) {
	t.Helper()
	if os.Getenv("LOCUM_TEST_MOUNTS") == t.Name() {
		mount(t, "", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") // nothing gets out
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a small file system")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "LOCUM_TEST_MOUNTS="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func mount(t *testing.T, source, dir, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, dir, kind, flags, data); err != nil {
		t.Fatalf("mount %s %s: %v", kind, dir, err)
	}
	if flags == 0 {
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
}

// patience bounds every wait of these tests; it is much longer than any takes.
const patience = 15 * time.Second

// until looks again and again until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so within %s: %s", patience, what)
		}
	}
}
