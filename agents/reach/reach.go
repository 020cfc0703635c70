// Package reach finds out whether a program can be read, before somebody starts it.
//
// Its one idea: whoever forks stands still until the child has begun to execute its program (vfork(2)), and in Go all others of his process who want to
// fork stand with him, and at the next collection of garbage everybody. Where the program's disk, or its file server, hangs, that would be a heart without
// beats, or an engine that stops no service. So the program is read first, where nobody stands still but who reads.
//
// It is used by whoever starts a program: the daemon, the agents, the fences, and the quorum disk for its helper. Locum's own program can hang as well.
package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
)

// reads are those under way, by path: one that hangs is not begun a second time.
var reads = struct {
	sync.Mutex
	of map[string]*read
}{of: map[string]*read{}}

type read struct {
	over chan struct{} // closed when it has ended
	err  error         // valid then
}

// Program reads the program at a path as a whole, and returns when that is done or ctx ends. Nil says nothing of whether it can be executed.
func Program(ctx context.Context, path string) error { return within(ctx, path, math.MaxInt64) }

// OwnFile names the file of this very program, also when its path has got a new one.
const OwnFile = "/proc/self/exe"

// ownHead is as much of this program as whoever forks waits for: where its parts lie. The rest is there, because it runs, or is waited for by the child.
const ownHead = 4096

// Own opens this very program as the kernel does when it is executed once more, and returns when that is done or ctx ends.
func Own(ctx context.Context) error { return within(ctx, OwnFile, ownHead) }

func within(ctx context.Context, path string, most int64) error {
	r := begin(path, most)
	select {
	case <-r.over:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("%s cannot be read: %w", path, ctx.Err())
	}
}

func begin(path string, most int64) *read {
	reads.Lock()
	defer reads.Unlock()
	r := reads.of[path]
	if r == nil {
		r = &read{over: make(chan struct{})}
		reads.of[path] = r
		go func() {
			r.err = through(path, most)
			reads.Lock()
			defer reads.Unlock()
			delete(reads.of, path)
			close(r.over)
		}()
	}
	return r
}

// through reads a file to its end, or most bytes of it. What is no file is left to whoever would execute it: to open it may take for ever.
func through(path string, most int64) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrPermission) {
		return nil // who may not read it may execute it all the same
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(f, most))
	return errors.Join(err, f.Close())
}
