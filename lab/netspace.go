package lab

import (
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// netspace is a network namespace that lives as long as something is in it or its descriptor is open.
type netspace struct {
	fd int
	nl *netlink.Handle
}

// newNetspace makes an empty network namespace.
func newNetspace() (*netspace, error) {
	var s *netspace
	err := onThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("own network namespace: %w", err)
		}
		s, err = openNetspace("/proc/thread-self/ns/net")
		return err
	})
	return s, err
}

// netspaceOf opens the network namespace of a process.
func netspaceOf(pid int) (*netspace, error) { return openNetspace(fmt.Sprintf("/proc/%d/ns/net", pid)) }

func openNetspace(path string) (*netspace, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	nl, err := netlink.NewHandleAt(netns.NsHandle(fd), unix.NETLINK_ROUTE)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("netlink in %s: %w", path, err)
	}
	return &netspace{fd: fd, nl: nl}, nil
}

// do runs f on a thread in the namespace: sockets that f opens are there, and stay there.
func (s *netspace) do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(s.fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		return f()
	})
}

func (s *netspace) close() {
	if s == nil {
		return
	}
	s.nl.Close()
	unix.Close(s.fd)
}
