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

// TestAnAgentWhoseDiskHangsKeepsNoOtherProgramFromBeingStarted: else no service could be stopped any more.
func TestAnAgentWhoseDiskHangsKeepsNoOtherProgramFromBeingStarted(t *testing.T) {
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		t.Skip("mounting FUSE needs root and /dev/fuse")
	}
	f, dir := program(t, "echo Status: ON; exit 0"), t.TempDir()
	top := &hangingNode{LoopbackNode: fs.LoopbackNode{RootData: &fs.LoopbackRoot{Path: filepath.Dir(f.Agent)}}, holds: new(atomic.Bool), goes: make(chan struct{})}
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
