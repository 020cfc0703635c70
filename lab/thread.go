package lab

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// onOwnThread runs f on a thread that ends with it, so that f may leave the thread in whatever namespaces it likes.
func onOwnThread(f func()) {
	go func() {
		runtime.LockOSThread() // and never unlocked, with one exception: the thread dies
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		// The main thread cannot end. It is held until f has another.
		locked := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(locked)
			f()
		}()
		<-locked
		runtime.UnlockOSThread()
	}()
}

// onThread runs f on a thread of its own and waits for it.
func onThread(f func() error) error {
	done := make(chan error, 1)
	onOwnThread(func() { done <- f() })
	return <-done
}

// keeper is the thread that a world hangs on: its mount namespace is the world's, and the first process of every node is
// its child and dies with it.
type keeper struct {
	jobs   chan func()
	closed chan struct{}
	close  func()
}

// newKeeper starts the thread in a mount namespace of its own, with an empty tmpfs on /run.
func newKeeper() (*keeper, error) {
	k := &keeper{jobs: make(chan func()), closed: make(chan struct{})}
	k.close = sync.OnceFunc(func() { close(k.closed) })
	ready := make(chan error, 1)
	onOwnThread(func() {
		err := ownMounts()
		ready <- err
		if err != nil {
			return
		}
		for {
			select {
			case job := <-k.jobs:
				job()
			case <-k.closed:
				return
			}
		}
	})
	return k, <-ready
}

func ownMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return fmt.Errorf("own mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return fmt.Errorf("tmpfs on /run: %w", err)
	}
	return nil
}

// do runs f on the keeper's thread.
func (k *keeper) do(f func() error) error {
	done := make(chan error, 1)
	select {
	case k.jobs <- func() { done <- f() }:
		return <-done
	case <-k.closed:
		return errors.New("the world is closed")
	}
}
