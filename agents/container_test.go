package agents

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// insideMark is set for the tests that run in the container, as a unit of its systemd.
const insideMark = "LOCUM_TEST_INSIDE"

const insideDir = "/run/locum-test"

// TestWithARealSystemd boots a container with a systemd of its own and runs the tests named TestInside… and their
// benchmark in it, of a short run the quick ones alone.
func TestWithARealSystemd(t *testing.T) {
	if os.Getenv(insideMark) != "" {
		t.Skip("this is the container")
	}
	root, dir := containerRoot(t), t.TempDir()
	build := exec.Command("go", "test", "-c", "-o", filepath.Join(dir, "agents.test"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v: %s", err, out)
	}
	leader := boot(t, root, dir)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	which := []string{"-test.short"}
	if !testing.Short() {
		which = []string{"-test.bench=^BenchmarkInside", "-test.benchtime=50x"}
	}
	args := append([]string{"-t", strconv.Itoa(leader), "-a", "--", "systemd-run", "--quiet", "--wait", "--pipe", "--collect",
		"--setenv=" + insideMark + "=1", insideDir + "/agents.test", "-test.v", "-test.run=^TestInside", "-test.timeout=4m"}, which...)
	out, err := exec.CommandContext(ctx, "nsenter", args...).CombinedOutput()
	// The exit status alone is not enough: systemd-run loses it when systemd executes itself again, as a test makes it do.
	if err != nil || !bytes.HasSuffix(out, []byte("\nPASS\n")) || !bytes.Contains(out, []byte("--- PASS: TestInside")) {
		t.Fatalf("in the container: %v\n%s", err, out)
	}
	if testing.Verbose() {
		t.Logf("%s", out)
	}
}

// containerRoot gives the directory that lab/container/build.sh made.
func containerRoot(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to boot a container")
	}
	for _, program := range []string{"systemd-nspawn", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s: %v", program, err)
		}
	}
	cache := os.Getenv("LOCUM_LAB_CACHE")
	if cache == "" {
		cache = "/var/cache/locum-lab"
	}
	root := filepath.Join(cache, "debian-root")
	if _, err := os.Stat(root + ".stamp"); err != nil {
		t.Skipf("needs a container's root: run lab/container/build.sh (%v)", err)
	}
	return root
}

// boot boots the container and returns its process 1 when systemd says that it is ready; nothing of it outlives the test.
func boot(t *testing.T, root, bind string) int {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ready.Close() })
	log, err := os.Create(filepath.Join(t.TempDir(), "console"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	cmd := exec.Command("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network", "--volatile=overlay",
		"--notify-ready=yes", "--console=pipe", "--machine="+fmt.Sprintf("locum-agents-%d", os.Getpid()), "--directory="+root,
		"--bind-ro="+bind+":"+insideDir)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	runtime.LockOSThread() // the signal of its parent's death is sent when this thread ends
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	leader := 0
	t.Cleanup(func() {
		defer runtime.UnlockOSThread()
		shutDown(t, cmd, leader)
	})
	leader, err = awaitReady(ready)
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("the container does not boot: %v\n%s", err, text)
	}
	go drain(ready)
	return leader
}

// drain takes what else is told, of long jobs: nspawn waits for whoever does not, and process 1 for nspawn.
func drain(ready *net.UnixConn) {
	err := ready.SetReadDeadline(time.Time{})
	for buf := make([]byte, 4096); err == nil; {
		_, err = ready.Read(buf)
	}
}

// awaitReady reads what nspawn tells: sd_notify(3), X_NSPAWN_LEADER_PID.
func awaitReady(ready *net.UnixConn) (leader int, err error) {
	if err := ready.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	isReady := false
	for leader == 0 || !isReady {
		buf := make([]byte, 4096)
		n, err := ready.Read(buf)
		if err != nil {
			return leader, err
		}
		for _, line := range strings.Split(string(buf[:n]), "\n") {
			if pid, ok := strings.CutPrefix(line, "X_NSPAWN_LEADER_PID="); ok {
				if leader, err = strconv.Atoi(pid); err != nil {
					return 0, err
				}
			}
			isReady = isReady || line == "READY=1"
		}
	}
	return leader, nil
}

// shutDown kills process 1, with which everything in the container ends; nspawn then clears up and ends by itself.
func shutDown(t *testing.T, cmd *exec.Cmd, leader int) {
	if leader > 1 {
		if err := unix.Kill(leader, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			t.Error(err)
		}
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the container did not end by itself")
		_ = cmd.Process.Kill()
		<-ended
	}
}

// long leaves a test out of those that a person runs all day (make quick); make test runs it.
func long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a while: make test, or go test without -short, runs it")
	}
}

func needInside(t testing.TB) {
	t.Helper()
	if os.Getenv(insideMark) == "" {
		t.Skip("runs in the container that TestWithARealSystemd boots")
	}
}
