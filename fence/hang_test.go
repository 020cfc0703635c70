//go:build !386 && !arm

package fence

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"locum/config"
	"locum/wire"
)

// hangingNode is a file or directory of a file system on which nobody opens anything while it holds.
type hangingNode struct {
	fs.LoopbackNode
	holds *atomic.Bool
	goes  chan struct{}
}

// WrapChild makes what lies below it the same.
func (n *hangingNode) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &hangingNode{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, holds: n.holds, goes: n.goes}
}

func (n *hangingNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if n.holds.Load() {
		<-n.goes
	}
	return n.LoopbackNode.Open(ctx, flags)
}

// newHanging mounts a directory at another place.
func newHanging(t *testing.T, of string) (top *hangingNode, dir string) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		t.Skip("mounting FUSE needs root and /dev/fuse")
	}
	dir = t.TempDir()
	top = &hangingNode{LoopbackNode: fs.LoopbackNode{RootData: &fs.LoopbackRoot{Path: of}}, holds: new(atomic.Bool), goes: make(chan struct{})}
	top.RootData.RootNode = top
	server, err := fs.Mount(dir, top, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, DirectMount: true, FsName: "locum-hangs"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(top.goes)
		if server.Unmount() != nil {
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return top, dir
}

// TestAnAgentThatCannotBeEndedKeepsNoOtherLevelFromBeingTried: the kernel ends nobody who waits for a disk. Nothing else of the agent is begun meanwhile.
func TestAnAgentThatCannotBeEndedKeepsNoOtherLevelFromBeingTried(t *testing.T) {
	of := t.TempDir()
	if err := os.WriteFile(of+"/list", []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	top, dir := newHanging(t, of)
	f, plug := program(t, "echo begun >> "+of+"/calls; read x < "+dir+"/list; echo Status: OFF; exit 2"), newPlug(t, nil)
	f.Timeout = brisk
	l := ladder(t, []config.Fence{f}, []config.Fence{plug.line("pdu", 2)})
	top.holds.Store(true)
	for range 2 {
		ended := make(chan Result, 1)
		go func() { ended <- l.Shoot(t.Context(), always) }()
		select {
		case r := <-ended:
			if r.Outcome != wire.OutcomeDone || r.Devices[0].Err == nil {
				t.Errorf("%s: %s", r.Outcome, r)
			}
		case <-time.After(patience):
			t.Fatal("it is waited for")
		}
	}
	if calls, err := os.ReadFile(of + "/calls"); err != nil || string(calls) != "begun\n" {
		t.Errorf("%q, %v", calls, err)
	}
	top.holds.Store(false)
	top.goes <- struct{}{}
	answers(t, func() error {
		_, _, err := l.levels[0][0].ask(t.Context())
		return err
	})
}

// TestAnAgentWhoseDiskHangsKeepsNoOtherProgramFromBeingStarted: else no service could be stopped any more.
func TestAnAgentWhoseDiskHangsKeepsNoOtherProgramFromBeingStarted(t *testing.T) {
	f := program(t, "echo Status: ON; exit 0")
	top, dir := newHanging(t, filepath.Dir(f.Agent))
	f.Agent = filepath.Join(dir, filepath.Base(f.Agent))
	d := device(t, f)
	if _, err := d.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	top.holds.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	ended := make(chan error, 2)
	go func() {
		_, err := d.Status(ctx)
		ended <- err
		ended <- exec.Command("true").Run()
	}()
	for _, want := range []error{context.DeadlineExceeded, nil} {
		select {
		case err := <-ended:
			if !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("it is waited for")
		}
	}
}
