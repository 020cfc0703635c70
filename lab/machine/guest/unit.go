package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const notifySocket = "/run/notify"

// restartAfter is RestartSec of locum.service.
const restartAfter = 100 * time.Millisecond

// unit keeps locum running as systemd keeps a service with Restart=always, NotifyAccess=main and a file-descriptor store.
type unit struct {
	reaper *reaper
	mu     sync.Mutex
	wanted bool // it is started again when it ends
	pid    int  // 0: it does not run
	starts int
	store  []stored
}

// stored is one descriptor of the store, under the name it was given.
type stored struct {
	name string
	file *os.File
}

func newUnit(r *reaper) *unit {
	u := &unit{reaper: r}
	go u.listen()
	return u
}

// listen takes what locum says of itself, by the rules of sd_notify(3).
func (u *unit) listen() {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notifySocket, Net: "unixgram"})
	if err != nil {
		say(err.Error())
		return
	}
	text, control := make([]byte, 4096), make([]byte, 256)
	for {
		n, k, _, _, err := conn.ReadMsgUnix(text, control)
		if err != nil {
			say(err.Error())
			return
		}
		u.heard(string(text[:n]), descriptors(control[:k]))
	}
}

func descriptors(control []byte) (list []*os.File) {
	messages, _ := unix.ParseSocketControlMessage(control)
	for _, m := range messages {
		fds, _ := unix.ParseUnixRights(&m)
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			list = append(list, os.NewFile(uintptr(fd), "stored"))
		}
	}
	return list
}

func (u *unit) heard(text string, files []*os.File) {
	u.mu.Lock()
	defer u.mu.Unlock()
	said := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		said[key] = value
	}
	name := said["FDNAME"]
	switch {
	case said["FDSTORE"] == "1" && name != "":
		for _, f := range files {
			u.store = append(u.store, stored{name, f})
		}
		return
	case said["FDSTOREREMOVE"] == "1":
		u.forget(name)
	}
	for _, f := range files {
		f.Close()
	}
}

// forget closes what is stored under a name.
func (u *unit) forget(name string) {
	var rest []stored
	for _, s := range u.store {
		if s.name == name {
			s.file.Close()
		} else {
			rest = append(rest, s)
		}
	}
	u.store = rest
}

// begin starts locum and has it started again whenever it ends.
func (u *unit) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.wanted = true; u.pid == 0 {
		u.start()
	}
}

// leaveDead has locum not started again when it ends.
func (u *unit) leaveDead() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wanted = false
}

// start starts it once; the lock is held.
func (u *unit) start() {
	env := []string{"PATH=/", "NOTIFY_SOCKET=" + notifySocket}
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	var names []string
	for _, s := range u.store {
		files, names = append(files, s.file), append(names, s.name)
	}
	if len(names) > 0 {
		env = append(env, fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	pid, end, err := u.reaper.start([]string{"/init", "become", "/locum", "run"}, env, files)
	if err != nil {
		say(err.Error())
		return
	}
	u.pid = pid
	u.starts++
	go func() {
		status := <-end
		say(fmt.Sprintf("locum has ended: exit %d, signal %d", status.ExitStatus(), status.Signal()))
		time.Sleep(restartAfter)
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.pid = 0; u.wanted {
			u.start()
		}
	}()
}

// state is what a test may want to know of it.
func (u *unit) state() (pid, starts int, store []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.store {
		store = append(store, s.name)
	}
	return u.pid, u.starts, store
}
