package quorumdisk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Device is an open disk: a block device, a partition or a file. Nothing is cached on the way: what was written is on the
// disk, and what is read is what the other nodes wrote. Each call may hang as long as the disk does.
type Device struct {
	path string
	fd   int
	size int64
	file bool
}

// Use is what a device is opened for.
type Use int

// The uses.
const (
	ToLook  Use = iota // reading only
	ToUse              // reading and writing, beside other locums
	ToErase            // alone
)

// OpenDevice opens a disk. The error says what is wrong and what to do.
func OpenDevice(path string, use Use) (*Device, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("disk %s does not exist; is it plugged in, mounted, exported? (for a file: locum disk init makes it)", path)
	case err != nil:
		return nil, fmt.Errorf("disk %w", err)
	}
	block := info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0
	if !block && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("disk %s is neither a block device nor a file", path)
	}
	flags := unix.O_DIRECT | unix.O_DSYNC | unix.O_CLOEXEC
	if use == ToLook {
		flags |= unix.O_RDONLY
	} else {
		flags |= unix.O_RDWR
	}
	if block && use == ToErase {
		flags |= unix.O_EXCL // nobody has mounted it, and it is part of nothing
	}
	fd, err := openAgain(path, flags)
	if err != nil {
		return nil, openError(path, err)
	}
	d := &Device{path: path, fd: fd, file: !block}
	if err := errors.Join(d.measure(), d.lock(use)); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func openAgain(path string, flags int) (fd int, err error) {
	for {
		if fd, err = unix.Open(path, flags, 0); !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func openError(path string, err error) error {
	mend := ""
	switch {
	case errors.Is(err, unix.EINVAL):
		mend = ": its file system cannot read and write past the cache (O_DIRECT), so that nodes would not see what others wrote; use a partition, or a file on ext4, xfs or NFS"
	case errors.Is(err, unix.EBUSY):
		mend = ": it is mounted, or part of a RAID, a volume group or a swap area; lsblk shows which"
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		mend = ": it is read-only, or locum does not run as root"
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENOMEDIUM):
		mend = ": the device is gone; is it plugged in?"
	}
	return fmt.Errorf("disk %s: open: %w%s", path, err, mend)
}

// measure finds out how long the disk is, and whether it has blocks that fit.
func (d *Device) measure() (err error) {
	if d.size, err = unix.Seek(d.fd, 0, unix.SEEK_END); err != nil {
		return fmt.Errorf("disk %s: size: %w", d.path, err)
	}
	if d.file {
		return nil
	}
	if n, err := unix.IoctlGetInt(d.fd, unix.BLKSSZGET); err == nil && n > SectorSize {
		return fmt.Errorf("disk %s has blocks of %d bytes; at most %d will do", d.path, n, SectorSize)
	}
	return nil
}

// lock keeps "locum disk init" away from a disk that a locum of this machine uses. Where the storage knows no locks, so be it.
func (d *Device) lock(use Use) error {
	how := map[Use]int{ToUse: unix.LOCK_SH, ToErase: unix.LOCK_EX}[use]
	if how == 0 {
		return nil
	}
	if err := unix.Flock(d.fd, how|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("disk %s is in use by another locum on this machine: a daemon, or a locum disk command", d.path)
	}
	return nil
}

// Close gives the disk up.
func (d *Device) Close() { _ = unix.Close(d.fd) }

// Size is how long the disk is, in bytes.
func (d *Device) Size() int64 { return d.size }

// aligned gives memory that lies where every device can reach it directly.
func aligned(n int) []byte {
	b := make([]byte, n+SectorSize)
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (SectorSize - 1)
	return b[skip : skip+n : skip+n]
}

// Read fills aligned memory from a sector on.
func (d *Device) Read(b []byte, at Place) error {
	for n := 0; n < len(b); {
		m, err := unix.Pread(d.fd, b[n:], at.Offset()+int64(n))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return d.fault("read", at, err)
		case m <= 0 || m%blockSize != 0:
			return d.fault("read", at, endsAt(at.Offset()+int64(n+max(m, 0))))
		default:
			n += m
		}
	}
	return nil
}

// Write writes aligned memory from a sector on. It is on the disk when this returns without an error, and otherwise nobody knows. It makes no file
// longer: one that has become too short would look whole as far as it was written anew.
func (d *Device) Write(b []byte, at Place) error {
	if d.file {
		var is unix.Stat_t
		if err := unix.Fstat(d.fd, &is); err != nil {
			return d.fault("write", at, err)
		}
		if is.Size < at.Offset()+int64(len(b)) {
			return d.fault("write", at, endsAt(is.Size))
		}
	}
	for {
		n, err := unix.Pwrite(d.fd, b, at.Offset())
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return d.fault("write", at, err)
		case n != len(b):
			return d.fault("write", at, fmt.Errorf("only %d of %d bytes were taken", n, len(b)))
		default:
			return nil
		}
	}
}

func endsAt(size int64) error {
	return fmt.Errorf("the disk ends at %d bytes; it has become shorter, or was never initialised", size)
}

func (d *Device) fault(what string, at Place, err error) error {
	mend := ""
	switch {
	case errors.Is(err, unix.EIO), errors.Is(err, unix.EREMOTEIO):
		mend = "; the kernel's log (dmesg) says more"
	case errors.Is(err, unix.ENOSPC) && !d.file: // the kernel's word for a write behind the end of a device, which one that is gone has at 0
		mend = "; the device has become shorter, or is gone: is it plugged in?"
	case errors.Is(err, unix.ENOSPC):
		mend = "; its file system is full: make room, and run locum disk init again"
	case errors.Is(err, unix.EINVAL):
		mend = "; its blocks do not fit, or its file system cannot do without its cache"
	}
	return fmt.Errorf("disk %s: %s at byte %d: %w%s", d.path, what, at.Offset(), err, mend)
}
