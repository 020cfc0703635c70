package serialhb

import (
	"os"

	"golang.org/x/sys/unix"
)

// Port is an open serial port, raw, 8N1, for this process alone, that speaks with something else than a node. Its reads and
// writes have deadlines.
type Port struct {
	*os.File
	fd int // File's own; File.Fd would make it block
}

// OpenPort opens a port. What had come before is forgotten. The error says who holds the port.
func OpenPort(device string, baud int) (*Port, error) {
	fd, err := openPort(device, baud, false)
	if err != nil {
		return nil, err
	}
	_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
	return &Port{os.NewFile(uintptr(fd), device), fd}, nil
}

// Close closes it.
func (p *Port) Close() error {
	forget(p.fd)
	return p.File.Close()
}

// forget has a port that is about to be closed forget what was not sent: one whose other end takes nothing would hold its closing up for half a minute
// (closing_wait, setserial(8)), and whoever closes it.
func forget(fd int) { _ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH) }
