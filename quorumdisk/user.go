package quorumdisk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// sameDisk tells whether two names lead to one device or file.
func sameDisk(a, b fs.FileInfo) bool {
	x, y := a.Sys().(*syscall.Stat_t), b.Sys().(*syscall.Stat_t)
	if a.Mode()&fs.ModeDevice != 0 && b.Mode()&fs.ModeDevice != 0 {
		return x.Rdev == y.Rdev
	}
	return os.SameFile(a, b)
}

// withUser adds to "it is in use" by whom, as far as the kernel tells.
func withUser(path string, err error) error {
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return err
	}
	number := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	if on := mountedOn(number); on != "" {
		return fmt.Errorf("%w (mounted on %s)", err, on)
	}
	if held, _ := filepath.Glob("/sys/dev/block/" + number + "/holders/*"); len(held) > 0 {
		return fmt.Errorf("%w (part of %s)", err, filepath.Base(held[0]))
	}
	if parts, _ := filepath.Glob("/sys/dev/block/" + number + "/*/partition"); len(parts) > 0 {
		return fmt.Errorf("%w (one of its partitions is in use)", err)
	}
	return err
}

// mountedOn gives the place where a device is mounted, "" if it is not.
func mountedOn(number string) string {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 && f[2] == number {
			return f[4]
		}
	}
	return ""
}

// loopInUse refuses a file that a loop device shows, if that device is mounted, or part of something: the file itself opens all the same.
func loopInUse(path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil // a device was opened for itself alone
	}
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, loop := range loops {
		device := "/dev/" + filepath.Base(filepath.Dir(filepath.Dir(loop)))
		if !shows(device, info) {
			continue
		}
		fd, err := openAgain(device, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC)
		if err == nil {
			_ = unix.Close(fd)
		} else if errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("disk %s is the file of %s: %w", path, device, withUser(device, openError(device, err)))
		}
	}
	return nil
}

// shows tells whether a loop device shows this very file, whatever name it was given by.
func shows(device string, file fs.FileInfo) bool {
	fd, err := openAgain(device, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	loop, err := unix.IoctlLoopGetStatus64(fd)
	st := file.Sys().(*syscall.Stat_t)
	return err == nil && loop.Device == st.Dev && loop.Inode == st.Ino
}
