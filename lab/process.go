package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrOff is what a node that is off answers.
var ErrOff = errors.New("the node is off")

// keepOutput is how much of a process's output is kept, in bytes; the oldest goes first.
const keepOutput = 4 << 20

// Process is a program that was started in a node. It ends with the node at the latest.
type Process struct {
	Node *Node
	Args []string

	cmd    *exec.Cmd
	output output
	ended  chan struct{}
	err    error // of Wait; read after ended
}

// output collects what a process says on both of its outputs, and hands it on as it comes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	also func(p []byte)
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	if extra := o.text.Len() - keepOutput; extra > 0 {
		o.text.Next(extra)
	}
	if o.also != nil {
		o.also(p)
	}
	return len(p), nil
}

// Start runs a program in the node and leaves it running. Both of its outputs are kept; if said is not nil they are
// handed to it too, from one goroutine at a time, in pieces as they come. Programs of the world are found without a path.
func (n *Node) Start(said func(p []byte), args ...string) (*Process, error) {
	p := &Process{Node: n, Args: args, ended: make(chan struct{})}
	p.output.also = said
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.WaitDelay = time.Second
	if err := n.launch(p.cmd, func() { p.err = p.cmd.Wait(); close(p.ended) }); err != nil {
		return nil, fmt.Errorf("start %s on %s: %w", args[0], n.Name, err)
	}
	return p, nil
}

// Exec runs a program in the node to its end and returns what it said on its standard output. An error contains what it
// said on the other.
func (n *Node) Exec(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.WaitDelay = time.Second
	done := make(chan error, 1)
	if err := n.launch(cmd, func() { done <- cmd.Wait() }); err != nil {
		return nil, fmt.Errorf("%s on %s: %w", args[0], n.Name, err)
	}
	if err := <-done; err != nil {
		return out.Bytes(), fmt.Errorf("%s on %s: %w: %s", args[0], n.Name, err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out.Bytes(), nil
}

// launch starts cmd in the node's namespaces and has wait called, which has to collect it.
func (n *Node) launch(cmd *exec.Cmd, wait func()) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now == nil {
		return ErrOff
	}
	cmd.Env = append(os.Environ(), "LOCUM_LAB="+n.world.id, "PATH="+NodeDir+":"+os.Getenv("PATH"))
	cmd.Dir = NodeDir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	name := cmd.Args[0]
	started := make(chan error, 1)
	fd := int(n.now.pidfd.Fd())
	onOwnThread(func() {
		err := enter(fd)
		if err == nil { // the name is looked up in the node, where its programs are
			cmd.Path, cmd.Err = lookIn(name)
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			wait()
		}
	})
	return <-started
}

// enter takes this thread into the namespaces of a process; its children are born in the PID namespace too.
func enter(pidfd int) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("own root directory: %w", err)
	}
	if err := unix.Setns(pidfd, unix.CLONE_NEWPID|unix.CLONE_NEWNS|unix.CLONE_NEWUTS|unix.CLONE_NEWIPC|unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the node: %w", err)
	}
	return nil
}

func lookIn(name string) (string, error) {
	if own := NodeDir + "/" + name; !bytes.ContainsRune([]byte(name), '/') {
		if _, err := os.Stat(own); err == nil {
			return own, nil
		}
	}
	return exec.LookPath(name)
}

// Pid is the host's number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process, not to its children.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits for the end of the process: nil if its exit status was 0.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("%s on %s: still running: %w", p.Args[0], p.Node.Name, ctx.Err())
	}
}

// Output is what the process has said so far on both of its outputs, the last 4 MiB of it.
func (p *Process) Output() string {
	p.output.mu.Lock()
	defer p.output.mu.Unlock()
	return p.output.text.String()
}

// Running is a program that runs in a node.
type Running struct {
	Pid  int // the host's number
	Args []string
}

// Processes lists what runs in the node, in order of pid.
func (n *Node) Processes() ([]Running, error) {
	first := n.Pid()
	if first == 0 {
		return nil, ErrOff
	}
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", first))
	if err != nil {
		return nil, err
	}
	all, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var list []Running
	for _, entry := range all {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		space, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)) // of one that has just ended, nothing
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if space == own && err == nil && len(line) > 0 {
			list = append(list, Running{pid, strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")})
		}
	}
	slices.SortFunc(list, func(a, b Running) int { return a.Pid - b.Pid })
	return list, nil
}
