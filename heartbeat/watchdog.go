package heartbeat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// Watchdog is an open watchdog device (the kernel's Documentation/watchdog/watchdog-api.rst). To open it starts it; from then
// on it resets the machine unless it is petted, also when this process is gone.
type Watchdog struct {
	Path     string
	Identity string        // the driver's name for it
	Timeout  time.Duration // as the device grants it, read back
	NoWayOut string        // why it cannot be stopped, and what to do about that; "" if it can
	fd       int
	magic    bool // it is stopped by the letter V before it is closed
}

// ErrPetLate is a pet that came, or would have come, when it was too late for one.
var ErrPetLate = errors.New("too late to pet the watchdog")

// softIdentity is what softdog calls itself: a timer of the kernel, which stops when the kernel does.
const softIdentity = "Software Watchdog"

// Software reports whether the device is only a timer of the kernel's.
func (w *Watchdog) Software() bool { return w.Identity == softIdentity }

// OpenWatchdog opens and starts a device. An error names who holds it, if somebody does.
func OpenWatchdog(path string, timeout time.Duration) (*Watchdog, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("%s is held by %s", path, holderOf(path))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w%s", path, err, openHint(err))
	}
	w, err := lookAt(fd)
	switch {
	case w == nil:
		return nil, errors.Join(err, unix.Close(fd))
	case err == nil && w.Timeout != timeout:
		err = w.Set(timeout)
	}
	if err != nil {
		return nil, errors.Join(err, w.Disarm())
	}
	return w, nil
}

func openHint(err error) string {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return ": load the driver of this machine's watchdog (for example: modprobe i6300esb), or take the watchdog line out"
	}
	return ""
}

// TakeUpWatchdog takes an open device that counts, and touches it in no way. The descriptor belongs to the Watchdog; after an error it is closed, and
// a device that counts goes on counting: this machine may be just about to be reset.
func TakeUpWatchdog(fd int) (*Watchdog, error) {
	w, err := lookAt(fd)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return w, nil
}

// lookAt reads what an open file is; the Watchdog is nil if it is none, and comes with an error if it does not say its time.
func lookAt(fd int) (*Watchdog, error) {
	unix.CloseOnExec(fd)
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	w := &Watchdog{Path: path, fd: fd}
	if err == nil {
		err = w.know()
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no watchdog: %w", path, err)
	}
	w.Timeout, err = w.granted()
	return w, err
}

// Set asks the device for another time, which pets it, and reads back what it grants. A device that refuses keeps the time that it has.
func (w *Watchdog) Set(timeout time.Duration) (err error) {
	_ = unix.IoctlSetPointerInt(w.fd, unix.WDIOC_SETTIMEOUT, int(timeout/time.Second))
	w.Timeout, err = w.granted()
	return err
}

func (w *Watchdog) granted() (time.Duration, error) {
	have, err := unix.IoctlGetInt(w.fd, unix.WDIOC_GETTIMEOUT)
	if err != nil || have <= 0 {
		return 0, fmt.Errorf("%s does not say its time (%d, %v), so that nobody can rely on it", w.Path, have, err)
	}
	return time.Duration(have) * time.Second, nil
}

// OtherDevice reports whether an open device is certainly not the one that a name leads to.
func OtherDevice(fd int, path string) bool {
	var open, named unix.Stat_t
	return unix.Fstat(fd, &open) == nil && unix.Stat(path, &named) == nil && open.Rdev != named.Rdev
}

// watchdogInfo is struct watchdog_info of linux/watchdog.h.
type watchdogInfo struct {
	options, firmware uint32
	identity          [32]byte
}

// know reads the driver's word on the device, and sysfs's on whether it can be stopped.
func (w *Watchdog) know() error {
	var info watchdogInfo
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.fd), unix.WDIOC_GETSUPPORT, uintptr(unsafe.Pointer(&info))); errno != 0 {
		return errno
	}
	w.Identity = unix.ByteSliceToString(info.identity[:])
	w.magic = info.options&unix.WDIOF_MAGICCLOSE != 0
	w.NoWayOut = NoWayOut(w.Path)
	return nil
}

// NoWayOut says why a watchdog could not be stopped any more once it was opened, and what to do about that; "" if it could be, or
// nobody knows. It opens nothing.
func NoWayOut(path string) string {
	place := filepath.Join("/sys/class/watchdog", sysfsName(path))
	text, err := os.ReadFile(filepath.Join(place, "nowayout"))
	if err != nil || strings.TrimSpace(string(text)) != "1" {
		return ""
	}
	identity, _ := os.ReadFile(filepath.Join(place, "identity"))
	return fmt.Sprintf("%s cannot be stopped (nowayout): load its driver, %q, with nowayout=0", path, strings.TrimSpace(string(identity)))
}

// sysfsName is the device's name below /sys/class/watchdog: /dev/watchdog is another name for the first one.
func sysfsName(path string) string {
	if path, err := filepath.EvalSymlinks(path); err == nil && filepath.Base(path) != "watchdog" {
		return filepath.Base(path)
	}
	return "watchdog0"
}

// Pet pets the watchdog unless an instant has come, 0 none. It reads the clock before and after: a process that was
// stopped in between has petted after its time, which is ErrPetLate, as is one that comes too late to begin with.
func (w *Watchdog) Pet(until wire.Instant) error {
	return petWithin(Now, until, func() error {
		if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(w.fd), unix.WDIOC_KEEPALIVE, 0); errno != 0 {
			return fmt.Errorf("%s: %w", w.Path, errno)
		}
		return nil
	})
}

func petWithin(now func() wire.Instant, until wire.Instant, pet func() error) error {
	if until != 0 && now() >= until {
		return ErrPetLate
	}
	err := pet()
	if until != 0 && now() >= until {
		return ErrPetLate
	}
	return err
}

// Disarm stops the device, if it can be stopped, and closes it. It stops only when nobody else holds it either.
func (w *Watchdog) Disarm() error {
	var err error
	if w.magic {
		_, err = unix.Write(w.fd, []byte("V"))
	}
	return errors.Join(err, unix.Close(w.fd))
}

// FD is the device's descriptor, to be stored with systemd.
func (w *Watchdog) FD() int { return w.fd }

// HeldBy reports whether a process has this device open too: then the end of this one does not touch it. To close a
// watchdog for the last time pets it, or even stops it.
func (w *Watchdog) HeldBy(pid int) bool {
	var own unix.Stat_t
	if unix.Fstat(w.fd, &own) != nil {
		return false
	}
	fds, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	for _, fd := range fds {
		var is unix.Stat_t
		if unix.Stat(fd, &is) == nil && is.Rdev == own.Rdev && is.Mode&unix.S_IFMT == unix.S_IFCHR {
			return true
		}
	}
	return false
}

// holderOf names the process that has a watchdog open, and what to do about it.
func holderOf(path string) string {
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		to, err := os.Readlink(fd)
		if err != nil || !strings.HasPrefix(to, "/dev/watchdog") || sysfsName(to) != sysfsName(path) {
			continue
		}
		pid := strings.Split(fd, "/")[2]
		name, _ := os.ReadFile("/proc/" + pid + "/comm")
		return holderHint(strings.TrimSpace(string(name)), pid)
	}
	return "a process that cannot be found, perhaps of another container, or by the kernel: end it, or take the watchdog line out"
}

func holderHint(name, pid string) string {
	is := fmt.Sprintf("%s (process %s): ", name, pid)
	switch name {
	case "systemd":
		return is + "set RuntimeWatchdogSec=0 in /etc/systemd/system.conf, then: systemctl daemon-reexec"
	case "watchdog", "wd_keepalive", "watchdogd":
		return is + "systemctl disable --now " + name
	case "sbd", "corosync":
		return is + "one machine is one cluster's: disable " + name + ", or take the watchdog line out"
	case "locum":
		return is + "another locum runs on this machine: one node has the watchdog"
	}
	return is + "end it, or take the watchdog line out"
}
