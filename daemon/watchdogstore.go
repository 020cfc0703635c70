package daemon

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The descriptor of an open watchdog lies with systemd too, so that the end of this process does not feed the device
// (systemd.service(5), FileDescriptorStoreMax=).

// storedName begins the names of watchdogs in systemd's file-descriptor store.
const storedName = "watchdog"

// firstPassed is the first descriptor that systemd passes on: sd_listen_fds(3).
const firstPassed = 3

// handedOn names the descriptors that a heart hands to the one that it executes itself anew as, with commas between them.
const handedOn = "LOCUM_WATCHDOG_FD"

// findLeft looks what systemd, or this process before it executed itself anew, has left.
func findLeft() (fds []int) {
	defer func() {
		for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", handedOn} {
			os.Unsetenv(name)
		}
	}()
	for text := range strings.SplitSeq(os.Getenv(handedOn), ",") {
		if fd, err := strconv.Atoi(text); err == nil {
			unix.CloseOnExec(fd) // before any child is started: a device stops only when nobody else holds it
			fds = append(fds, fd)
		}
	}
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return fds
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for i := range min(count, len(names)) {
		fd := firstPassed + i
		unix.CloseOnExec(fd)
		if strings.HasPrefix(names[i], storedName) {
			fds = append(fds, fd)
		}
	}
	return fds
}

// nameOf is a device's name in systemd's store.
func nameOf(fd int) string {
	var is unix.Stat_t
	if unix.Fstat(fd, &is) != nil {
		return storedName
	}
	return fmt.Sprintf("%s-%d.%d", storedName, unix.Major(is.Rdev), unix.Minor(is.Rdev))
}

// keep gives a descriptor to systemd: sd_pid_notify_with_fds(3).
func keep(fd int) {
	tellStore("FDSTORE=1\nFDNAME="+nameOf(fd), unix.UnixRights(fd))
}

// forget has systemd forget a device by its name there.
func forget(name string) { tellStore("FDSTOREREMOVE=1\nFDNAME="+name, nil) }

// tellStore writes to systemd's socket, without waiting for it: what it does not take is found missing.
func tellStore(text string, rights []byte) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:]
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.Sendmsg(fd, []byte(text), rights, &unix.SockaddrUnix{Name: name}, unix.MSG_NOSIGNAL)
}
