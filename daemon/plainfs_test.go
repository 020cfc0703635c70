//go:build !386 && !arm

package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"locum/wire"
)

// plainNode is a file or directory of a file system like vfat: without second names, and with one mode for all files.
type plainNode struct {
	fs.LoopbackNode
	mode uint32
}

// WrapChild makes what lies below it the same.
func (n *plainNode) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &plainNode{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, mode: n.mode}
}

func (n *plainNode) Link(context.Context, fs.InodeEmbedder, string, *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (n *plainNode) Create(ctx context.Context, name string, flags, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	return n.LoopbackNode.Create(ctx, name, flags, n.mode, out)
}

func (n *plainNode) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if mode, ok := in.GetMode(); ok && mode&0o777 != n.mode {
		return syscall.EPERM
	}
	return n.LoopbackNode.Setattr(ctx, f, in, out)
}

// plainFS mounts one, whose files have a mode.
func plainFS(t *testing.T, mode uint32) string {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		t.Skip("mounting FUSE needs root and /dev/fuse")
	}
	old := syscall.Umask(0) // its files have the mode it says
	t.Cleanup(func() { syscall.Umask(old) })
	dir, root := t.TempDir(), &fs.LoopbackRoot{Path: t.TempDir()}
	top := &plainNode{LoopbackNode: fs.LoopbackNode{RootData: root}, mode: mode}
	root.RootNode = top
	server, err := fs.Mount(dir, top, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, DirectMount: true, FsName: "locum-plain"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if server.Unmount() != nil {
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")); !os.IsPermission(err) {
		t.Fatalf("it knows second names: %v", err)
	}
	return dir
}

func TestAStateIsKeptWhereAFileHasOneNameOnly(t *testing.T) {
	d := &stateDir{path: plainFS(t, 0o700)}
	if _, err := d.machine(); err != nil {
		t.Fatal(err)
	}
	s := openStore(d.path)
	for _, ceiling := range []wire.Epoch{1024, 2048, 3072} {
		if err := s.save(durable(ceiling)); err != nil {
			t.Fatalf("%d: %v", ceiling, err)
		}
		if got, err := s.load(); err != nil || !cmp.Equal(got, durable(ceiling)) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if old, err := readDurable(s.path + ".old"); err != nil || old.Ceiling != 2048 {
		t.Errorf("the generation before: %+v, %v", old, err)
	}
}

func TestAStateThatOthersMayReadIsRefusedAtTheStartWithWhatToDo(t *testing.T) {
	d := &stateDir{path: plainFS(t, 0o755)}
	if _, err := d.machine(); err == nil || !strings.Contains(err.Error(), "Mount it with umask=077") {
		t.Errorf("%v", err)
	}
}
