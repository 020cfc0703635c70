package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// onSerial does something with a serial port that takes bytes as they are, 115200 baud (termios(3)).
func onSerial(port string, do func(*os.File) error) error {
	fd, err := unix.Open(port, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), port)
	defer f.Close()
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return err
	}
	return do(f)
}

// readSerial gives what a port has received and nobody has read.
func readSerial(port string) (text string, err error) {
	err = onSerial(port, func(f *os.File) error {
		buf := make([]byte, 4096)
		n, err := unix.Read(int(f.Fd()), buf)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		text = string(buf[:max(n, 0)])
		return err
	})
	return text, err
}
