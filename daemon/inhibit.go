package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// sleepLock keeps logind from putting this machine to sleep while something runs here: a machine that sleeps has no watchdog
// that counts (org.freedesktop.login1(5), Inhibit). Its methods may be called from any goroutine and never wait.
type sleepLock struct {
	log logFunc

	mu      sync.Mutex
	wanted  bool
	working bool // a goroutine is at it
	said    string
	held    *os.File
}

const (
	inhibitTimeout = 5 * time.Second
	inhibitAgain   = 10 * time.Second
)

// want says whether the lock is to be held.
func (l *sleepLock) want(wanted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = wanted
	if !l.working && wanted != (l.held != nil) {
		l.working = true
		go l.work()
	}
}

// work takes or drops the lock until that is as it is wanted.
func (l *sleepLock) work() {
	for !l.settled() {
		f, err := inhibitSleep()
		l.mu.Lock()
		l.held = f
		text := ""
		if err != nil {
			text = "this machine can be put to sleep while services run: " + err.Error()
		}
		news := text != "" && text != l.said
		l.said = text
		l.mu.Unlock()
		if news {
			l.log("warn", text)
		}
		if err != nil {
			time.Sleep(inhibitAgain)
		}
	}
}

// settled drops a lock that is not wanted any more, and reports whether nothing is left to do.
func (l *sleepLock) settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.wanted && l.held != nil {
		l.held.Close()
		l.held = nil
	}
	l.working = l.wanted && l.held == nil
	return !l.working
}

// inhibitSleep gives the lock: it holds until the file is closed, by whomever. Without a system bus, or without logind on
// it, there is nobody who would put the machine to sleep in an orderly way; that is no error, and the lock an empty one.
func inhibitSleep() (*os.File, error) {
	ctx, end := context.WithTimeout(context.Background(), inhibitTimeout)
	defer end()
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if errors.Is(err, os.ErrNotExist) {
		return os.Open(os.DevNull)
	}
	if err != nil {
		return nil, fmt.Errorf("the system bus: %w", err)
	}
	defer bus.Close()
	var fd dbus.UnixFD
	err = bus.Object("org.freedesktop.login1", "/org/freedesktop/login1").CallWithContext(ctx, "org.freedesktop.login1.Manager.Inhibit", 0,
		"sleep", "locum", "services of the cluster run here: locum standby moves them", "block").Store(&fd)
	var known dbus.Error
	switch {
	case errors.As(err, &known) && known.Name == "org.freedesktop.DBus.Error.ServiceUnknown":
		return os.Open(os.DevNull)
	case err != nil:
		return nil, fmt.Errorf("logind: %w", err)
	}
	unix.CloseOnExec(int(fd))
	return os.NewFile(uintptr(fd), "sleep lock"), nil
}
