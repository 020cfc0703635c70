package lab

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Pty is a pseudo-terminal: a serial port whose other end is in this process.
type Pty struct {
	// Device is the port, as a node opens it. Master is what is at its other end; reads of it wait.
	Device string
	Master *os.File
	// FD is the port, held open, so that nobody's death is a hang-up; its settings are the port's.
	FD int

	master int // Master's descriptor, as long as that is open
}

// NewPty makes a pseudo-terminal that does not echo.
func NewPty() (*Pty, error) {
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	p := &Pty{Master: m, FD: -1}
	if err := p.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("a pseudo-terminal: %w", err), p.Close())
	}
	return p, nil
}

// open finds the port of the master (pts(4)).
func (p *Pty) open() error {
	raw, err := p.Master.SyscallConn()
	if err != nil {
		return err
	}
	number := 0
	if controlled := raw.Control(func(fd uintptr) {
		p.master = int(fd)
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || controlled != nil {
		return errors.Join(err, controlled)
	}
	p.Device = fmt.Sprintf("/dev/pts/%d", number)
	if p.FD, err = unix.Open(p.Device, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	return makeRaw(p.FD)
}

// makeRaw keeps the terminal from echoing before a node has opened it.
func makeRaw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// put hands the port bytes and loses what it has no room for, as a port without flow control does.
func (p *Pty) put(b []byte) {
	if raw, err := p.Master.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.Write(int(fd), b) })
	}
}

// Close takes it away. More than once does no harm.
func (p *Pty) Close() error {
	err := p.Master.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if p.FD >= 0 {
		err = errors.Join(err, unix.Close(p.FD))
		p.FD = -1
	}
	return err
}
