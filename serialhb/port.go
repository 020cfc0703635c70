package serialhb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

var speeds = map[int]uint32{9600: unix.B9600, 19200: unix.B19200, 38400: unix.B38400, 57600: unix.B57600,
	115200: unix.B115200, 230400: unix.B230400, 460800: unix.B460800, 921600: unix.B921600}

// openPort opens a port for this process alone, raw, 8N1. The descriptor does not block.
func openPort(device string, baud int, rtscts bool) (int, error) {
	if err := CheckPort(device); err != nil {
		return -1, err
	}
	if err := checkHolder(device); err != nil {
		return -1, err
	}
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return -1, fmt.Errorf("%s does not exist: is the adapter plugged in?", device)
	case errors.Is(err, unix.EBUSY):
		return -1, fmt.Errorf("%s is held by another process; end that (fuser -v %s names it)", device, device)
	case err != nil:
		return -1, fmt.Errorf("open %s: %w", device, err)
	}
	if err := setUp(fd, device, baud, rtscts); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func setUp(fd int, device string, baud int, rtscts bool) error {
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%s is locked by another process: %w; end that (fuser -v %s names it)", device, err, device)
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return fmt.Errorf("%s is no serial port: %w", device, err)
	}
	return setSpeed(fd, device, baud, rtscts)
}

// setSpeed makes the port raw: eight bits, no parity, one stop bit, no carrier asked for (termios(3)).
func setSpeed(fd int, device string, baud int, rtscts bool) error {
	speed, ok := speeds[baud]
	if !ok {
		return fmt.Errorf("%s: %d is not a rate that serial ports have", device, baud)
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("%s is no serial port: %w", device, err)
	}
	t.Iflag, t.Oflag, t.Lflag = unix.IGNBRK, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | speed
	if rtscts {
		t.Cflag |= unix.CRTSCTS
	}
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	t.Ispeed, t.Ospeed = speed, speed
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return fmt.Errorf("%s does not take %d baud: %w", device, baud, err)
	}
	return nil
}

// memoryDevices is the major number of /dev/null and its like (Documentation/admin-guide/devices.txt).
const memoryDevices = 1

// CheckPort says why a device cannot be a port of locum's, whoever has it open now: it is no terminal at all, or the kernel writes its messages to
// it. A device that does not exist is no error here.
func CheckPort(device string) error {
	var st unix.Stat_t
	if err := unix.Stat(device, &st); err != nil {
		return nil // openPort says what is wrong
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || unix.Major(uint64(st.Rdev)) == memoryDevices {
		return fmt.Errorf("%s is no serial port", device)
	}
	return checkConsole(device)
}

// checkConsole refuses a port on which the kernel writes its messages.
func checkConsole(device string) error {
	real, err := filepath.EvalSymlinks(device)
	if err != nil {
		return nil // openPort says what is wrong
	}
	name := strings.TrimPrefix(real, "/dev/")
	active, _ := os.ReadFile("/sys/class/tty/console/active")
	listed, _ := os.ReadFile("/proc/consoles")
	if isConsole(name, string(active), string(listed)) {
		return fmt.Errorf("%s is a console of the kernel; take console=%s off the kernel's command line and reboot, or use another port", device, name)
	}
	return nil
}

// isConsole looks a port up in the text of the two files: names in a line, and a line a console that begins with its name.
func isConsole(name, active, listed string) bool {
	if slices.Contains(strings.Fields(active), name) {
		return true
	}
	for line := range strings.Lines(listed) {
		if f := strings.Fields(line); len(f) > 0 && f[0] == name {
			return true
		}
	}
	return false
}

// checkHolder names the process that has the port open. TIOCEXCL does not keep root out, so it has to be looked for.
func checkHolder(device string) error {
	real, err := filepath.EvalSymlinks(device)
	if err != nil {
		return nil
	}
	held, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range held {
		pid := strings.Split(link, "/")[2]
		if target, err := os.Readlink(link); err != nil || target != real || pid == fmt.Sprint(os.Getpid()) {
			continue
		}
		comm, _ := os.ReadFile("/proc/" + pid + "/comm")
		return holderError(device, filepath.Base(real), strings.TrimSpace(string(comm)), pid)
	}
	return nil
}

func holderError(device, name, comm, pid string) error {
	if strings.Contains(comm, "getty") || comm == "login" {
		return fmt.Errorf("%s is held by a login prompt, %s (process %s); systemctl disable --now serial-getty@%s", device, comm, pid, name)
	}
	return fmt.Errorf("%s is held by %s (process %s); end it, or use another port", device, comm, pid)
}
