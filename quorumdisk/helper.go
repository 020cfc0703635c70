package quorumdisk

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// HelperCommand is the hidden command by which this program is started as a disk's helper: with the disk, a lock file or
// nothing, and what for.
const HelperCommand = "disk-helper"

// A thread that waits for a disk cannot be killed, and neither can its process, nor can the process run another program in its
// place. A disk that hangs must not do that to the heart: each disk therefore has a process of its own, that does one operation
// after the other, and ends when its maker has gone and the disk has let it. Until then it holds a lock, so that no successor
// writes while an older write may still come.

// helperFD is the helper's end of the socket pair.
const helperFD = 3

// The last word of the helper's command.
const (
	lookWord = "look"
	useWord  = "use"
)

// lockPause is how often a helper asks whether its predecessor has gone, in milliseconds.
const lockPause = 20

// Serve is the helper, with the words that follow HelperCommand. It returns when its maker has gone.
func Serve(words []string) error {
	if len(words) != 3 || words[2] != lookWord && words[2] != useWord {
		return errors.New("this command is for locum itself")
	}
	path, lockFile, use := words[0], words[1], ToUse
	if words[2] == lookWord {
		use = ToLook
	}
	runtime.LockOSThread()
	// What is not in memory would have to be read from a disk, perhaps from one that has failed.
	_ = unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
	err := waitForPredecessor(lockFile)
	var d *Device
	if err == nil {
		d, err = OpenDevice(path, use)
	}
	if err != nil {
		_ = report(0, inOpening, []byte(err.Error())) // who is not there any more need not be told
		return nil
	}
	if report(0, noFailure, nil) != nil {
		return nil
	}
	return d.serve()
}

func (d *Device) serve() error {
	packet, sectors := make([]byte, requestHead+blockSize+1), aligned(mostRead*SectorSize)
	for {
		n, err := unix.Read(helperFD, packet)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || n == 0:
			return nil // the maker has gone
		}
		r, err := decodeRequest(packet[:n])
		if err != nil {
			return err
		}
		data, err := d.do(r, sectors)
		if err != nil {
			err = report(r.Op, inOperation, []byte(err.Error()))
		} else {
			err = report(r.Op, noFailure, data)
		}
		if err != nil {
			return nil
		}
	}
}

// do carries one request out, in memory that is used again and again.
func (d *Device) do(r Request, sectors []byte) ([]byte, error) {
	if r.Write != nil {
		b := sectors[:SectorSize]
		clear(b)
		copy(b, r.Write)
		return nil, d.Write(b, r.Place)
	}
	b := sectors[:r.Count*SectorSize]
	if err := d.Read(b, r.Place); err != nil {
		return nil, err
	}
	var data []byte
	for i := range r.Count {
		data = append(data, b[i*SectorSize:i*SectorSize+blockSize]...)
	}
	return data, nil
}

func report(op uint64, how failure, data []byte) error {
	_, err := unix.Write(helperFD, encodeReply(op, how, data))
	return err
}

// waitForPredecessor takes the lock file, as soon as nobody else holds it, and keeps it to the end of this process.
func waitForPredecessor(lockFile string) error {
	if lockFile == "" {
		return nil
	}
	fd, err := unix.Open(lockFile, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("lock %s: %w", lockFile, err)
	}
	for {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("lock %s: %w", lockFile, err)
		}
		// The maker says nothing before the disk is open: what comes is its end.
		poll := []unix.PollFd{{Fd: helperFD, Events: unix.POLLIN}}
		if n, _ := unix.Poll(poll, lockPause); n > 0 {
			return errors.New("its maker has gone")
		}
	}
}
