package lab

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// bootPatience is how long a node may take to boot. It takes about 20 ms on an idle machine.
const bootPatience = 20 * time.Second

// lastGasp is how long the processes of a crashed node may take to die before its link goes down.
const lastGasp = 20 * time.Millisecond

// Node is one machine that runs services. Its methods may be called from any goroutine.
type Node struct {
	Name   string
	Number int
	Addr   netip.Addr // 192.0.2.n
	Addr6  netip.Addr // 2001:db8::n
	// OnBoot, if set, is called after each Boot that the power switch does: it starts again what the node runs.
	OnBoot func(*Node) error

	world *World
	mu    sync.Mutex // one Boot or Crash at a time
	now   *life      // nil when the node is off
	swept chan error // gives one error or nil when the last life's remains are cleared away; nil if there was none
	wrong error      // of an end that nobody asked for
}

// life is one boot of a node.
type life struct {
	first  *exec.Cmd // the first process: everything in the node dies with it
	pidfd  *os.File
	line   io.Closer // its standard input
	space  *netspace
	bootID string
	over   chan struct{} // closed when the first process has been collected: nothing else runs then
	leader int           // of a container: its process 1, a child of the first process
	groups []string      // of a container: its control groups
}

// pid is the process that is first in the node's own namespaces.
func (l *life) pid() int {
	if l.leader != 0 {
		return l.leader
	}
	return l.first.Process.Pid
}

func newNode(w *World, name string, number int) *Node {
	return &Node{Name: name, Number: number, world: w, Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(number)}), Addr6: address6(number)}
}

// dir is the node's own directory as the world's mount namespace has it; the node sees it as NodeDir.
func (n *Node) dir() string { return filepath.Join(nodesDir, n.Name) }

// Boot switches the node on and returns when its network is up and its echo answers. Its own directory is as it was,
// everything else is new, the boot id too.
func (n *Node) Boot() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now != nil {
		return fmt.Errorf("boot %s: it is on", n.Name)
	}
	if err := n.sweep(); err != nil {
		return fmt.Errorf("boot %s: %w", n.Name, err)
	}
	l := &life{bootID: newBootID(), over: make(chan struct{})}
	start := n.start
	if n.world.root != "" {
		start = n.startSystem
	}
	if err := start(l); err != nil {
		return fmt.Errorf("boot %s: %w", n.Name, err)
	}
	return nil
}

// start makes the first process, gives it a network, and only then tells it what to be.
func (n *Node) start(l *life) (err error) {
	cmd := exec.Command(filepath.Join(programDir, programName), "node")
	cmd.Args[0] = programName
	cmd.Env = append(os.Environ(), "LOCUM_LAB="+n.world.id)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setsid: true, Cloneflags: unix.CLONE_NEWPID |
		unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET}
	orders, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	if err := n.world.keeper.do(cmd.Start); err != nil {
		return err
	}
	l.first, l.line = cmd, orders
	n.now = l
	go n.collect(l)
	defer func() {
		if err != nil {
			err = errors.Join(err, n.end())
			if complaint.Len() > 0 { // complete: the process is gone
				err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(complaint.Bytes()))
			}
		}
	}()
	if l.pidfd, err = openPidfd(cmd.Process.Pid); err != nil {
		return err
	}
	if err := n.connect(l); err != nil {
		return err
	}
	if err := json.NewEncoder(orders).Encode(bootOrder{n.Name, n.dir(), l.bootID}); err != nil {
		return err
	}
	return awaitReady(said)
}

func openPidfd(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd of %d: %w", pid, err)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

func awaitReady(said io.ReadCloser) error {
	if f, ok := said.(*os.File); ok {
		if err := f.SetReadDeadline(time.Now().Add(bootPatience)); err != nil {
			return err
		}
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil || line != "ready\n" {
		return fmt.Errorf("the first process did not come up: %q, %w", line, err)
	}
	return nil
}

// Crash kills everything in the node and takes its switch port down, without a word to anybody. It returns when nothing of
// it is left, after some 2 ms. A node that is off stays off.
func (n *Node) Crash() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now == nil {
		return nil
	}
	if err := n.end(); err != nil {
		return fmt.Errorf("crash %s: %w", n.Name, err)
	}
	return nil
}

func (n *Node) end() error {
	l := n.now
	killed := l.first.Process.Kill()
	if errors.Is(killed, os.ErrProcessDone) {
		killed = nil
	}
	n.world.Observer.crashed(n)
	l.line.Close()
	// All processes die within about 1 ms, and none of them is to live to see its link go down: a power failure shows
	// nobody anything. One that cannot die at once must not go on being heard.
	select {
	case <-l.over:
	case <-time.After(lastGasp):
	}
	down := n.world.Wires.carrier(n.Name, false)
	<-l.over
	n.now = nil
	unused := n.world.Observer.gone(n)
	// What is left are the world's own things. Giving them back takes the kernel some 30 ms, which a fence that has done
	// its work need not wait for.
	n.swept = make(chan error, 1)
	go func() {
		for _, fd := range unused {
			unix.Close(fd)
		}
		l.pidfd.Close()
		err := errors.Join(n.world.Wires.unplug(n.Name), removeGroups(l.groups))
		l.space.close()
		n.swept <- err
	}()
	return errors.Join(down, killed)
}

// collect waits for the end of a node's first process. If nobody asked for it, then somebody has killed it, or has
// called reboot(2) inside: the node is off all the same.
func (n *Node) collect(l *life) {
	_ = l.first.Wait() // its status is the signal; it ends only when all other processes of the node have
	close(l.over)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now == l {
		n.wrong = errors.Join(n.wrong, n.end())
	}
}

// sweep waits until the last life's remains are cleared away.
func (n *Node) sweep() error {
	if n.swept == nil {
		return nil
	}
	err := errors.Join(<-n.swept, n.wrong)
	n.swept, n.wrong = nil, nil
	return err
}

// off ends the node for good.
func (n *Node) off() error {
	crashed := n.Crash()
	n.mu.Lock()
	defer n.mu.Unlock()
	return errors.Join(crashed, n.sweep())
}

// Reboot is Crash and Boot.
func (n *Node) Reboot() error {
	if err := n.Crash(); err != nil {
		return err
	}
	return n.Boot()
}

// On reports whether the node is switched on.
func (n *Node) On() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now != nil
}

// Pid is the host's number of the node's first process, for nsenter; 0 when the node is off.
func (n *Node) Pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now == nil {
		return 0
	}
	return n.now.pid()
}

// BootID is the id of this boot, as the node reads it in /proc/sys/kernel/random/boot_id; "" when it is off.
func (n *Node) BootID() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now == nil {
		return ""
	}
	return n.now.bootID
}

// Flap takes the node's link down and up again.
func (n *Node) Flap() error {
	return errors.Join(n.world.Wires.carrier(n.Name, false), n.world.Wires.carrier(n.Name, true))
}

// WriteFile writes a file of the node's own directory, whether the node is on or off. The name is relative to NodeDir.
func (n *Node) WriteFile(name string, data []byte, mode os.FileMode) error {
	return n.world.keeper.do(func() error {
		path := filepath.Join(n.dir(), name)
		if err := os.WriteFile(path, data, mode); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	})
}

// Move gives a file of the node's own directory another name, in the place of what had it.
func (n *Node) Move(from, to string) error {
	return n.world.keeper.do(func() error { return os.Rename(filepath.Join(n.dir(), from), filepath.Join(n.dir(), to)) })
}

// ReadFile reads a file of the node's own directory, whether the node is on or off.
func (n *Node) ReadFile(name string) (data []byte, err error) {
	err = n.world.keeper.do(func() (err error) {
		data, err = os.ReadFile(filepath.Join(n.dir(), name))
		return err
	})
	return data, err
}

func newBootID() string {
	var id wire.ID
	rand.Read(id[:])
	h := id.String()
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
