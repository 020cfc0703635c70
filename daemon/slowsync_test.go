//go:build !386 && !arm

package daemon

import (
	"context"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"locum/cluster"
	"locum/console"
)

// slowNode is a file or directory of a file system that takes a given number of fsyncs of the file with the incarnation, and lets all that follow wait, and
// whoever opens a program.
type slowNode struct {
	fs.LoopbackNode
	disk *slowDisk
}

type slowDisk struct {
	takes atomic.Int64
	holds atomic.Bool   // who opens "locum"
	goes  chan struct{} // closed: it is quick
}

// WrapChild makes what lies below it the same.
func (n *slowNode) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &slowNode{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, disk: n.disk}
}

// slowFile is an open file whose writes come through here: else the kernel would take them to the file below, and O_SYNC with them.
type slowFile struct{ *fs.LoopbackFile }

func (slowFile) PassthroughFd() (int, bool) { return -1, false }

func slowly(f fs.FileHandle) fs.FileHandle {
	if f, ok := f.(*fs.LoopbackFile); ok {
		return slowFile{f}
	}
	return f
}

func (n *slowNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if n.Path(nil) == "locum" && n.disk.holds.Load() {
		<-n.disk.goes
	}
	f, how, err := n.LoopbackNode.Open(ctx, flags)
	return slowly(f), how, err
}

func (n *slowNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, f, how, err := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return inode, slowly(f), how, err
}

// Fsync is that of files; those of directories are the library's.
func (n *slowNode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if n.Path(nil) == "incarnation" && n.disk.takes.Add(-1) < 0 {
		<-n.disk.goes
	}
	return 0
}

// slowFS mounts one at a directory.
func slowFS(t *testing.T, dir string) *slowDisk {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		t.Skip("mounting FUSE needs root and /dev/fuse")
	}
	root := &fs.LoopbackRoot{Path: t.TempDir()}
	d := &slowDisk{goes: make(chan struct{})}
	d.takes.Store(1 << 40)
	top := &slowNode{LoopbackNode: fs.LoopbackNode{RootData: root}, disk: d}
	root.RootNode = top
	server, err := fs.Mount(dir, top, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, DirectMount: true, FsName: "locum-slow"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if server.Unmount() != nil {
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return d
}

// TestAHeartThatBeginsAnewWaitsForNoDisk: what has to be durable before its first beat was made so by the heart before, while that still sent beats.
func TestAHeartThatBeginsAnewWaitsForNoDisk(t *testing.T) {
	n := newNode(t)
	if err := os.Mkdir(n.options.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	d := slowFS(t, n.options.StateDir)
	n.start()
	t.Cleanup(func() { close(d.goes) }) // before its end is waited for
	n.serving()
	d.takes.Store(1)
	n.signal(syscall.SIGHUP)
	until(t, "the next heart answers", func() bool {
		r, err := n.ask(console.Request{Verb: "status"})
		return err == nil && r.Heart != nil && r.Heart.Incarnation == 2
	})
	if d.takes.Load() > 0 {
		t.Errorf("its incarnation was stored by nobody: %d", d.takes.Load())
	}
	if strings.Count(n.log.String(), "the heart of alpha begins") != 2 {
		t.Error("it did not begin anew")
	}
}

// TestAProgramWhoseDiskHangsHoldsTheHeartNotUp: whoever forks waits until the child has begun to execute the program, and the heart with him.
func TestAProgramWhoseDiskHangsHoldsTheHeartNotUp(t *testing.T) {
	own := ownProgram(t)
	n := newNode(t)
	if err := os.Mkdir(n.dir+"/bin", 0o700); err != nil {
		t.Fatal(err)
	}
	d := slowFS(t, n.dir+"/bin")
	n.write("bin/locum", string(own), 0o700)
	n.program = n.dir + "/bin/locum"
	n.write("script", strings.Replace(n.read("script"), "status)", "status) echo status >> asked;", 1), 0o700)
	n.start()
	n.serving()
	goes := sync.OnceFunc(func() { close(d.goes) })
	t.Cleanup(goes) // before its end is waited for
	t.Cleanup(n.tellStuck)
	asked := n.read("asked")
	until(t, "the script is asked", func() bool { return n.read("asked") != asked }) // who is between the reading and the forking just then waits all the same
	d.holds.Store(true)
	n.signal(syscall.SIGHUP)
	until(t, "it says that it waits", func() bool { return strings.Contains(n.log.String(), "one of them hangs") })
	for range 500 { // so much garbage is collected meanwhile, for which everybody waits
		n.serving()
	}
	goes()
	until(t, "it executes itself anew", func() bool { return strings.Count(n.log.String(), "the heart of alpha begins") == 2 })
	n.serving()
}

// TestAProgramToBeNotifiedWhoseDiskHangsHoldsNoServiceUp: one that is being started keeps every other program of the process from that.
func TestAProgramToBeNotifiedWhoseDiskHangsHoldsNoServiceUp(t *testing.T) {
	n := newNode(t)
	if err := os.Mkdir(n.dir+"/bin", 0o700); err != nil {
		t.Fatal(err)
	}
	d := slowFS(t, n.dir+"/bin")
	n.write("bin/locum", "#!/bin/sh\ncat >/dev/null\n", 0o700)
	n.write("locum.conf", n.read("locum.conf")+"notify exec "+n.dir+"/bin/locum\n", 0o644)
	n.start()
	n.serving()
	goes := sync.OnceFunc(func() { close(d.goes) })
	t.Cleanup(goes) // before its end is waited for
	d.holds.Store(true)
	for _, verb := range []string{"stop", "start", "stop", "start"} {
		if _, err := n.ask(console.Request{Verb: "command", Command: &cluster.Command{Verb: verb, Service: "web", By: "a test"}}); err != nil {
			t.Fatal(err)
		}
		until(t, "the service is "+verb+"ed", func() bool { return strings.HasSuffix(n.read("calls"), verb+"\n") })
	}
	n.serving()
}
