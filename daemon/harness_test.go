package daemon

import (
	"bytes"
	"cmp"
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
	"sync"
	"syscall"
	"testing"
	"time"

	"locum/console"
	"locum/wire"
)

// testNode is a real node of a cluster of one: a heart with its engine, and a service that is a script.
type testNode struct {
	t       *testing.T
	dir     string
	options Options
	env     []string
	shell   string // what a shell does before it becomes the heart
	program string // what it becomes, "" this very program
	cmd     *exec.Cmd
	ended   chan error
	log     lockedBuffer
}

// lockedBuffer is a log that can be read while it grows.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// theScript notes each start and stop, and is what its state file says. A stop hangs while there is a file "hang".
const theScript = `#!/bin/sh
cd %s || exit 1
case $1 in
start) echo start >> calls; echo up > up ;;
stop) echo stop >> calls; while [ -e hang ]; do sleep 0.02; done; rm -f up ;;
status) if [ -e up ]; then exit 0; fi; exit 3 ;;
esac
`

const theFile = `cluster lab
key %s/key
node 1 alpha
beat every=20ms dead=200ms
service web nodes=alpha
resource web script %s/script interval=1s
`

func newNode(t *testing.T) *testNode {
	t.Helper()
	dir := t.TempDir()
	n := &testNode{t: t, dir: dir, options: Options{ConfigFile: dir + "/locum.conf", Node: "alpha", StateDir: dir + "/state", Socket: dir + "/sock"}}
	key, err := wire.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	n.write("key", key, 0o600)
	n.write("script", fmt.Sprintf(theScript, dir), 0o700)
	n.write("locum.conf", fmt.Sprintf(theFile, dir, dir), 0o644)
	return n
}

// ownProgram is this very program, for a test that gives a node one of its own to spoil.
func ownProgram(t *testing.T) []byte {
	t.Helper()
	own, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	return own
}

func (n *testNode) write(name, text string, mode os.FileMode) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), mode); err != nil {
		n.t.Fatal(err)
	}
}

func (n *testNode) read(name string) string {
	text, err := os.ReadFile(filepath.Join(n.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		n.t.Error(err)
	}
	return string(text)
}

// startOf is start with a program of the node's own.
func (n *testNode) startOf(own []byte) {
	n.t.Helper()
	n.program = n.dir + "/locum"
	n.replace("locum", own)
	n.start()
	n.serving()
}

// start begins the heart. It dies with the test, however that ends: its parent is a thread that lives as long.
func (n *testNode) start() {
	n.t.Helper()
	o := n.options
	cmd := exec.Command("/bin/sh", "-c", n.shell+`
exec "$0"`, cmp.Or(n.program, os.Args[0]))
	cmd.Env = append(append(os.Environ(), n.env...), fmt.Sprintf("%s=%q %q %q %q", runVariable, o.ConfigFile, o.Node, o.StateDir, o.Socket))
	cmd.Stderr = &n.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		n.t.Fatal(err)
	}
	n.cmd, n.ended = cmd, ended
	n.t.Cleanup(func() {
		n.endAll()
		if n.t.Failed() {
			n.t.Logf("the log:\n%s", n.log.String())
		}
	})
}

// endAll ends the heart and what it has started, also in groups and sessions of their own, and waits until nothing of it is left that could still write below
// the directory that the test removes next.
func (n *testNode) endAll() {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		left := n.processes()
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			n.t.Errorf("the processes %v do not end", left)
			return
		}
		for _, pid := range left { // so that they start nothing more
			_ = syscall.Kill(pid, syscall.SIGSTOP)
		}
		for _, pid := range append(left, childrenOf(left)...) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// childrenOf finds whom processes have started. A gate that waits for its order names no directory yet.
func childrenOf(parents []int) (list []int) {
	for _, parent := range parents {
		of, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
		for _, file := range of {
			text, _ := os.ReadFile(file)
			for word := range strings.FieldsSeq(string(text)) {
				if pid, err := strconv.Atoi(word); err == nil {
					list = append(list, pid)
				}
			}
		}
	}
	return list
}

// tellStuck has a test that has failed say where each thread of its processes stands, and then what their goroutines do.
func (n *testNode) tellStuck() {
	if !n.t.Failed() {
		return
	}
	for _, pid := range n.processes() {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		for _, of := range threads {
			name, _ := os.ReadFile(of + "/comm")
			stack, _ := os.ReadFile(of + "/stack")
			n.t.Logf("%s %s stands in\n%s", of, bytes.TrimSpace(name), stack)
		}
		_ = syscall.Kill(pid, syscall.SIGQUIT)
	}
	time.Sleep(time.Second) // what the runtime writes then stands in the log
}

// processes are those that have the test's directory among their words or in their environment.
func (n *testNode) processes() (list []int) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, of := range all {
		words, _ := os.ReadFile(of + "/cmdline")
		environment, _ := os.ReadFile(of + "/environ")
		pid, err := strconv.Atoi(filepath.Base(of))
		if err == nil && pid != os.Getpid() && (bytes.Contains(words, []byte(n.dir)) || bytes.Contains(environment, []byte(n.dir))) {
			list = append(list, pid)
		}
	}
	return list
}

func (n *testNode) signal(s os.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

// exit waits for the heart's end and gives its exit status.
func (n *testNode) exit() int {
	n.t.Helper()
	select {
	case <-n.ended:
		return n.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		n.t.Fatalf("the heart has not ended within %s", patience)
	}
	return -1
}

func (n *testNode) ask(r console.Request) (*console.Reply, error) {
	return console.Client{Socket: n.options.Socket}.Ask(context.Background(), r)
}

// serving waits until the service runs, and gives the status.
func (n *testNode) serving() *console.Reply {
	n.t.Helper()
	var got *console.Reply
	until(n.t, "web is running", func() bool {
		r, err := n.ask(console.Request{Verb: "status"})
		if err != nil || r.Status == nil || len(r.Status.Services) == 0 {
			return false
		}
		got = r
		return r.Status.Quorate && r.Status.Services[0].State == "running"
	})
	return got
}

// engine finds the process of the engine: the heart's only child.
func (n *testNode) engine() int {
	return onlyChild(n.cmd.Process.Pid)
}

func onlyChild(of int) int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", of))
	for _, f := range tasks {
		text, _ := os.ReadFile(f)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return pid
		}
	}
	return 0
}

func notifySocket(t *testing.T, n *testNode) net.PacketConn {
	t.Helper()
	path := n.dir + "/notify"
	conn, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	n.env = append(n.env, "NOTIFY_SOCKET="+path)
	return conn
}

// heard waits for a word on the notify socket.
func heard(t *testing.T, conn net.PacketConn, want string) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		k, _, err := conn.ReadFrom(buf)
		if err != nil {
			t.Fatalf("%s was never said: %v", want, err)
		}
		if strings.Contains(string(buf[:k]), want) {
			return
		}
	}
}
