//go:build !386 && !arm

// Package faultydisk is a disk of a test's own: a real file for the kernel (FUSE, read and written directly), whose every read and write
// the test may delay, fail, tear, lose, answer from the past, or leave without an answer. go-fuse does not build for machines of 32 bits; what
// is tried by it is the same on all.
package faultydisk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Disk is one such disk. Its faults and counts are looked at and changed within Set.
type Disk struct {
	fs.Inode
	Path string

	mu      sync.Mutex
	Content []byte
	Past    []byte        // if not nil, what is read
	Tear    int           // a write takes only so many bytes, and says that it took all
	Lose    bool          // a write takes nothing, and says that it took all
	Err     syscall.Errno // what everything fails with, 0 if it does not
	Delay   time.Duration // of each read and write
	Hang    chan struct{} // if not nil, everything waits until it is closed
	Hanging chan struct{} // gets a value from each operation that hangs, as long as there is room
	Ops     int           // reads and writes that were done
	Bytes   int           // that were read and written
	server  *fuse.Server
}

// ErrCannot says that this machine, or this user, can mount none.
var ErrCannot = errors.New("mounting FUSE needs root and /dev/fuse")

// Mount makes a disk of so many zeros, as the file "disk" of a directory.
func Mount(dir string, size int64) (*Disk, error) {
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		return nil, ErrCannot
	}
	d := &Disk{Path: filepath.Join(dir, "disk"), Content: make([]byte, size), Hanging: make(chan struct{}, 100)}
	root := &fs.Inode{}
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, DirectMount: true, FsName: "locum-faulty", DisableXAttrs: true},
		OnAdd: func(ctx context.Context) {
			root.AddChild("disk", root.NewPersistentInode(ctx, d, fs.StableAttr{Mode: syscall.S_IFREG}), false)
		},
	})
	d.server = server
	return d, err
}

// Heal ends all faults.
func (d *Disk) Heal() {
	d.Set(func() {
		if d.Hang != nil {
			close(d.Hang)
		}
		d.Past, d.Tear, d.Lose, d.Err, d.Delay, d.Hang = nil, 0, false, 0, 0, nil
	})
}

// Close ends all faults, and the mount. Who has the file open ends once the disk lets him; until then the mount is busy, and only
// taken out of sight.
func (d *Disk) Close() {
	d.Heal()
	if err := d.server.Unmount(); err != nil {
		_ = syscall.Unmount(filepath.Dir(d.Path), syscall.MNT_DETACH)
	}
	d.server.Wait()
}

// Set changes what is wrong with the disk, or looks at what it counted.
func (d *Disk) Set(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
}

// meet is what each operation meets first.
func (d *Disk) meet() syscall.Errno {
	d.mu.Lock()
	hang, delay := d.Hang, d.Delay
	d.mu.Unlock()
	time.Sleep(delay)
	if hang != nil {
		select {
		case d.Hanging <- struct{}{}:
		default:
		}
		<-hang
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Err
}

// Open opens it for direct reads and writes.
func (d *Disk) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return d, fuse.FOPEN_DIRECT_IO, 0
}

// Getattr says how large it is.
func (d *Disk) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o600, uint64(len(d.Content))
	return 0
}

// Setattr changes nothing.
func (d *Disk) Setattr(ctx context.Context, h fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return d.Getattr(ctx, h, out)
}

// Read reads.
func (d *Disk) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if err := d.meet(); err != 0 {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Ops, d.Bytes = d.Ops+1, d.Bytes+len(dest)
	from := d.Content
	if d.Past != nil {
		from = d.Past
	}
	return fuse.ReadResultData(dest[:copy(dest, from[min(off, int64(len(from))):])]), 0
}

// Write writes.
func (d *Disk) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if err := d.meet(); err != 0 {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Ops, d.Bytes = d.Ops+1, d.Bytes+len(data)
	took := data
	if d.Tear > 0 {
		took = data[:min(d.Tear, len(data))]
	}
	if !d.Lose {
		copy(d.Content[off:], took)
	}
	return uint32(len(data)), 0
}
