package quorumdisk

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == HelperCommand {
		if err := Serve(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == "maker" {
		playMaker(os.Args[2], os.Args[3])
	}
	os.Exit(m.Run())
}

// playMaker is a heart in small: it has a read under way that does not return, says so, and lives on.
func playMaker(path, lock string) {
	p, err := OpenPort(PortOptions{Path: path, Lock: lock, Timeout: time.Hour})
	if err != nil {
		panic(err)
	}
	<-p.Replies()
	if err := p.Begin(Request{Op: 1, Count: 1}); err != nil {
		panic(err)
	}
	fmt.Println("reading")
	select {}
}

// patience bounds a wait that should be short; nothing is judged by it.
const patience = 20 * time.Second

// next gives the next reply.
func next(t *testing.T, p *Port) Reply {
	t.Helper()
	select {
	case r := <-p.Replies():
		return r
	case <-time.After(patience):
		t.Fatal("no reply")
		return Reply{}
	}
}

// open opens a port and has its opening told.
func open(t *testing.T, path string) *Port {
	t.Helper()
	p := start(t, path, filepath.Join(t.TempDir(), "lock"), patience)
	if r := returned(t, p); r.Err != nil {
		t.Fatal(r.Err)
	}
	return p
}

// returned gives the next reply that is final.
func returned(t *testing.T, p *Port) Reply {
	t.Helper()
	for {
		if r := next(t, p); !r.Late {
			return r
		}
	}
}

func start(t *testing.T, path, lock string, timeout time.Duration) *Port {
	t.Helper()
	p, err := OpenPort(PortOptions{Path: path, Lock: lock, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// do has one operation done.
func do(t *testing.T, p *Port, r Request) Reply {
	t.Helper()
	if err := p.Begin(r); err != nil {
		t.Fatal(err)
	}
	reply := returned(t, p)
	if reply.Op != r.Op {
		t.Errorf("a reply to %d, want %d: %+v", reply.Op, r.Op, reply)
	}
	return reply
}

// emptyFile makes a file of the size of a disk.
func emptyFile(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "locum-disk-")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.Write(make([]byte, Geometry(4).Size())); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// loop makes a block device of a file.
func loop(t *testing.T, file string, args ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loop devices need root")
	}
	out, err := exec.Command("losetup", append(args, "--find", "--show", file)...).CombinedOutput()
	if err != nil {
		t.Skipf("losetup: %v: %s", err, out)
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", dev).CombinedOutput(); err != nil {
			t.Errorf("losetup --detach %s: %v: %s", dev, err, out)
		}
	})
	return dev
}

// memory is a directory of a file system in memory.
func memory(t *testing.T) string {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		t.Skip("/dev/shm is no tmpfs here")
	}
	return "/dev/shm"
}

func TestWhatOneNodeWritesAnotherReads(t *testing.T) {
	for name, make := range map[string]func(t *testing.T) string{
		"a file on a disk":       func(t *testing.T) string { return emptyFile(t, t.TempDir()) },
		"a file in memory":       func(t *testing.T) string { return emptyFile(t, memory(t)) },
		"a block device":         func(t *testing.T) string { return loop(t, emptyFile(t, t.TempDir())) },
		"one with blocks of 4 K": func(t *testing.T) string { return loop(t, emptyFile(t, t.TempDir()), "--sector-size", "4096") },
	} {
		t.Run(name, func(t *testing.T) {
			path := make(t)
			one, two := open(t, path), open(t, path)
			record := bytes.Repeat([]byte("locum-1\n"), blockSize/8)
			if r := do(t, one, Request{Op: 1, Place: 3, Write: record}); r.Err != nil {
				t.Fatal(r.Err)
			}
			r := do(t, two, Request{Op: 1, Place: 2, Count: 3})
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			if len(r.Data) != 3*blockSize || !bytes.Equal(r.Data[blockSize:2*blockSize], record) || bytes.Contains(r.Data[:blockSize], []byte("locum")) {
				t.Errorf("%d bytes were read, %q", len(r.Data), r.Data[blockSize:blockSize+16])
			}
		})
	}
}

// The kernel cannot end a thread that waits for a disk, nor its process. This one is the helper's.
func TestWhatCannotBeADiskIsRefusedWithTheReason(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "does not exist",
		dir:                        "neither a block device nor a file",
		fifo:                       "neither a block device nor a file",
		"/dev/null":                "neither a block device nor a file",
		"/proc/version":            "past the cache (O_DIRECT)",
	} {
		p := start(t, path, filepath.Join(dir, "lock"), patience)
		if r := next(t, p); r.Err == nil || !strings.Contains(r.Err.Error(), want) || !strings.Contains(r.Err.Error(), path) {
			t.Errorf("%s: %v", path, r.Err)
		}
		if r := next(t, p); !r.Gone {
			t.Errorf("%s: %+v after it", path, r)
		}
	}
}

// Behind its end, and when it is gone, a device has no space: not a file system that is full. A file is not made longer.
func TestNothingIsWrittenBehindTheEndOfADisk(t *testing.T) {
	behind := Request{Op: 1, Place: Geometry(4).Sectors(), Write: make([]byte, blockSize)}
	dev := open(t, loop(t, emptyFileOf(t, 4)))
	if r := do(t, dev, behind); r.Err == nil || !strings.Contains(r.Err.Error(), "the device has become shorter, or is gone: is it plugged in?") {
		t.Errorf("a device: %v", r.Err)
	}
	if r := do(t, open(t, emptyFileOf(t, 4)), behind); r.Err == nil || !strings.Contains(r.Err.Error(), "the disk ends at") {
		t.Errorf("a file: %v", r.Err)
	}
}
