package quorumdisk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"locum/agents/reach"
)

// Port is the way to one disk: a helper process, one operation at a time, and a deadline for each. It never blocks.
type Port struct {
	path    string
	timeout time.Duration
	replies chan Reply
	conn    *net.UnixConn
	cmd     *exec.Cmd

	mu     sync.Mutex
	op     uint64 // under way; 0: none, or the opening if busy
	busy   bool
	late   *time.Timer
	closed bool
}

// Reply is what came of an operation. The first is of the opening, with the number 0.
type Reply struct {
	Op uint64
	// Late says that the deadline has passed and the operation has not returned: it is unknown, and the disk takes no other until
	// it has. That comes as a second reply.
	Late bool
	// Gone says that the helper has ended, and with it what was under way. There is no reply after it.
	Gone bool
	Data []byte // read: the first 512 bytes of each sector
	Err  error
}

// Errors of a Port.
var (
	ErrBusy = errors.New("an operation is under way")
	ErrLate = errors.New("the disk does not answer in time")
)

// PortOptions say which disk, and how.
type PortOptions struct {
	Path    string
	Lock    string        // a file for this node and disk, where nobody else writes: it keeps two helpers of one node apart; "" for a command
	Look    bool          // only to look: nothing can be written
	Timeout time.Duration // of each operation, the opening included
}

// OpenPort starts the helper of a disk. Whether the disk could be opened is the first reply.
func OpenPort(o PortOptions) (*Port, error) {
	ctx, cancel := context.WithTimeout(context.Background(), o.Timeout)
	defer cancel()
	if err := reach.Own(ctx); err != nil { // its disk may hang too, and who forks has the whole heart wait for it
		return nil, fmt.Errorf("disk %s: its helper: %w", o.Path, err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", o.Path, err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "disk"), os.NewFile(uintptr(pair[1]), "disk helper")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", o.Path, err)
	}
	use := useWord
	if o.Look {
		use = lookWord
	}
	cmd := exec.Command(reach.OwnFile, HelperCommand, o.Path, o.Lock, use)
	cmd.Args[0], cmd.Stderr = "locum", os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's ^C is for its maker
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("disk %s: its helper: %w", o.Path, err)
	}
	p := &Port{path: o.Path, timeout: o.Timeout, replies: make(chan Reply, 4), conn: conn.(*net.UnixConn), cmd: cmd}
	p.mu.Lock()
	p.begin(0)
	p.mu.Unlock()
	go p.hear()
	return p, nil
}

// Replies gives what came of operations: at most two for each, and one at the end. It is closed after Gone.
func (p *Port) Replies() <-chan Reply { return p.replies }

// Begin starts an operation, or says ErrBusy as long as another one has not returned or its replies have not been read.
func (p *Port) Begin(r Request) error {
	packet, err := r.encode()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy || len(p.replies) > 0 {
		return ErrBusy
	}
	if _, err := p.conn.Write(packet); err != nil {
		return fmt.Errorf("disk %s: its helper: %w", p.path, err)
	}
	p.begin(r.Op)
	return nil
}

// begin takes note of an operation; p.mu is held.
func (p *Port) begin(op uint64) {
	p.op, p.busy = op, true
	p.late = time.AfterFunc(p.timeout, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.busy && p.op == op && !p.closed {
			p.replies <- Reply{Op: op, Late: true, Err: fmt.Errorf("disk %s: %w (%s)", p.path, ErrLate, p.timeout)}
		}
	})
}

// Close lets the helper end, as soon as the disk lets it, and waits for nothing.
func (p *Port) Close() { _ = p.conn.Close() }

// hear reads what the helper says, until it has ended.
func (p *Port) hear() {
	packet := make([]byte, replyHead+mostRead*blockSize+1)
	for {
		n, err := p.conn.Read(packet)
		if err != nil || n == 0 {
			break
		}
		op, how, data, err := decodeReply(packet[:n])
		if err != nil {
			break
		}
		p.returned(op, how, append([]byte(nil), data...))
	}
	p.ended()
}

func (p *Port) returned(op uint64, how failure, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.busy || p.op != op {
		return
	}
	p.busy = false
	p.late.Stop()
	r := Reply{Op: op, Data: data}
	if how != noFailure {
		r.Data, r.Err = nil, errors.New(string(data))
	}
	p.replies <- r
}

// ended waits until the process is gone, which it is only when the disk has answered what it was asked.
func (p *Port) ended() {
	_ = p.conn.Close()
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late.Stop()
	p.closed = true
	how := fmt.Errorf("disk %s: its helper has ended", p.path)
	if err != nil {
		how = fmt.Errorf("%w: %w", how, err)
	}
	p.replies <- Reply{Op: p.op, Gone: true, Err: how}
	close(p.replies)
}
