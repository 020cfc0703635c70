//go:build !386 && !arm

// go-fuse does not build for machines of 32 bits. What is tried by it is the same on all.

package quorumdisk

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// faulty is a disk of the test's own: a real file for the kernel, whose every read and write the test may delay, fail, tear, lose,
// answer from the past, or leave without an answer.
type faulty struct {
	fs.Inode
	mu      sync.Mutex
	content []byte
	past    []byte // if not nil, what is read
	tear    int    // a write takes only so many bytes, and says that it took all
	lose    bool   // a write takes nothing, and says that it took all
	err     syscall.Errno
	hang    chan struct{} // if not nil, everything waits until it is closed
	hanging chan struct{} // gets a value from each operation that hangs
	ops     int           // reads and writes, and how many bytes they were
	bytes   int
	path    string
}

// newFaulty mounts a disk with room for a few nodes.
func newFaulty(t *testing.T) *faulty {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting FUSE needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("no /dev/fuse here")
	}
	dir := t.TempDir()
	f := &faulty{content: make([]byte, Geometry(8).Size()), hanging: make(chan struct{}, 100), path: filepath.Join(dir, "disk")}
	root := &fs.Inode{}
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, DirectMount: true, FsName: "locum-faulty", DisableXAttrs: true},
		OnAdd: func(ctx context.Context) {
			root.AddChild("disk", root.NewPersistentInode(ctx, f, fs.StableAttr{Mode: syscall.S_IFREG}), false)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.set(func() {
			if f.hang != nil {
				close(f.hang)
				f.hang = nil
			}
		})
		// Helpers end once the disk has let them; until then the mount is busy, and is only taken out of sight.
		if err := server.Unmount(); err != nil {
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
		server.Wait()
	})
	return f
}

// set changes what is wrong with the disk.
func (f *faulty) set(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// meet is what each operation meets first.
func (f *faulty) meet() syscall.Errno {
	f.mu.Lock()
	hang := f.hang
	f.mu.Unlock()
	if hang != nil {
		f.hanging <- struct{}{}
		<-hang
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *faulty) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return f, fuse.FOPEN_DIRECT_IO, 0
}

func (f *faulty) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o600, uint64(len(f.content))
	return 0
}

func (f *faulty) Setattr(ctx context.Context, h fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return f.Getattr(ctx, h, out)
}

func (f *faulty) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if err := f.meet(); err != 0 {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops, f.bytes = f.ops+1, f.bytes+len(dest)
	from := f.content
	if f.past != nil {
		from = f.past
	}
	return fuse.ReadResultData(dest[:copy(dest, from[min(off, int64(len(from))):])]), 0
}

func (f *faulty) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if err := f.meet(); err != 0 {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops, f.bytes = f.ops+1, f.bytes+len(data)
	took := data
	if f.tear > 0 {
		took = data[:min(f.tear, len(data))]
	}
	if !f.lose {
		copy(f.content[off:], took)
	}
	return uint32(len(data)), 0
}
