//go:build !386 && !arm

package health

import (
	"context"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"locum/cluster"
)

// server is a file system whose server may leave statfs without an answer.
type server struct {
	fs.Inode
	mu     sync.Mutex
	silent chan struct{} // while it is silent; closed when it answers again
	asked  int
}

func (s *server) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	s.mu.Lock()
	s.asked++
	silent := s.silent
	s.mu.Unlock()
	if silent != nil {
		<-silent
	}
	out.Bsize, out.Frsize, out.Blocks, out.Bavail = 4096, 4096, 1<<20, 1<<19
	return 0
}

func (s *server) be(silent chan struct{}) (asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = silent
	return s.asked
}

// A real file system whose server does not answer: its own reading is unknown, all others come, and it is asked no second time.
func TestAFileSystemWithoutAServerHangsAlone(t *testing.T) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("it needs FUSE: ", err)
	}
	inside(t, func(t *testing.T) {
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		dir, root := t.TempDir(), &server{}
		mounted, err := fs.Mount(dir, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, DirectMount: true, FsName: "locum-silent"}})
		must(t, err)
		defer func() { must(t, mounted.Unmount()) }()
		s := newSampler(parsed(t, "limit disk="+dir+":1G\n"), 1, "/proc", sourceOf)
		s.within = time.Second
		for i, a := range s.askers {
			go a.run(t.Context(), s.sources[i])
		}
		read := func(what string, so func(cluster.Sampled) bool) {
			t.Helper()
			for end := time.Now().Add(20 * time.Second); ; {
				x := s.sample()
				if so(x) {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("never %s: %+v", what, x)
				}
			}
		}
		well := func(x cluster.Sampled) bool { return x.Limits[0] == cluster.Reading{Known: true, Value: 2 << 30} }
		read("well", well)
		silent := make(chan struct{})
		before := root.be(silent)
		for range 3 {
			if x := s.sample(); x.Limits[0].Known || !x.Load.Known || !x.Memory.Known {
				t.Errorf("while it is silent: %+v", x)
			}
		}
		if asked := root.be(silent) - before; asked != 1 {
			t.Errorf("it was asked %d times", asked)
		}
		root.be(nil)
		close(silent)
		read("well again", well)
	})
}
