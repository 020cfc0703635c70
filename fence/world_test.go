package fence

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

const (
	// insideKey marks a test process that has a network namespace of its own.
	insideKey = "LOCUM_FENCE_INSIDE"
	// deviceAddress is where the devices of the tests listen, inside.
	deviceAddress = "192.0.2.50"
	// patience is how long a test waits for what must happen, much longer than it takes.
	patience = 10 * time.Second
	// brisk is the time limit of a device that is to miss it. Those that answer have patience, and take none of it.
	brisk = 400 * time.Millisecond
)

// within is the line with another time limit.
func within(f config.Fence, limit time.Duration) config.Fence {
	f.Timeout = limit
	return f
}

// judged reports whether a shot ended as wanted. A device that stays on ends as failed, or as unknown if the machine is so busy
// that the very last question was not answered in time: neither confirms anything.
func judged(got wire.Outcome, text string, want wire.Outcome, wantText string) bool {
	if want == wire.OutcomeFailed && got == wire.OutcomeUnknown {
		return strings.Contains(text, "did not say off: no answer in time")
	}
	return got == want && strings.Contains(text, wantText)
}

// inside runs body in a child of the test binary that has network and mount namespaces of its own, in which programs is
// installed and deviceAddress is the child's. All that the child starts ends with it.
func inside(t *testing.T, program string, body func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideKey) != "" {
		for _, line := range []string{"link set lo up", "addr add " + deviceAddress + "/32 dev lo"} {
			if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
				t.Fatalf("ip %s: %v: %s", line, err, out)
			}
		}
		body(t)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	for _, name := range []string{"ip", program} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs the program %s", name)
		}
	}
	runtime.LockOSThread() // Pdeathsig is about the thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), insideKey+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")) {
		t.Fatalf("%v\n%s", err, out)
	}
	if testing.Verbose() {
		t.Logf("%s", out)
	}
}

// start runs a program until the test ends, and shows what it printed if the test failed. It gives its process.
func start(t *testing.T, env []string, name string, args ...string) *os.Process {
	t.Helper()
	cmd := exec.Command(name, args...)
	var out bounded
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread would end too early
		started <- cmd.Start()
		_ = cmd.Wait()
		started <- nil
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-started
		if t.Failed() {
			t.Logf("%s: %s", name, out.String())
		}
	})
	return cmd.Process
}

// answers waits until a device that was just started answers.
func answers(t *testing.T, ask func() error) {
	t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("the device does not come up: %v", err)
		}
	}
}
