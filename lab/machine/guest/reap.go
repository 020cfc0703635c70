package main

import (
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// reaper waits for every child: a first process gets those of others too, and whoever looks for a process by its number
// must not find it because nobody has waited for it.
type reaper struct {
	mu   sync.Mutex
	told map[int]chan unix.WaitStatus
}

func newReaper() *reaper {
	r := &reaper{told: map[int]chan unix.WaitStatus{}}
	ends := make(chan os.Signal, 16)
	signal.Notify(ends, unix.SIGCHLD)
	go func() {
		for range ends {
			r.reap()
		}
	}()
	return r
}

func (r *reaper) reap() {
	for {
		var status unix.WaitStatus
		r.mu.Lock()
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		end := r.told[pid]
		delete(r.told, pid)
		r.mu.Unlock()
		if err != nil || pid <= 0 {
			return
		}
		if end != nil {
			end <- status
		}
	}
}

// start starts a program; its end is told once. files are its first descriptors.
func (r *reaper) start(args, env []string, files []*os.File) (pid int, end <-chan unix.WaitStatus, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := os.StartProcess(args[0], args, &os.ProcAttr{Env: env, Files: files})
	if err != nil {
		return 0, nil, err
	}
	pid = p.Pid
	told := make(chan unix.WaitStatus, 1)
	r.told[pid] = told
	return pid, told, p.Release()
}
