package health

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// link is a source that tells whether an interface is up and has a carrier: 1 or 0. One that does not exist is down.
func link(name string) source {
	return func() (int64, error) {
		l, err := netlink.LinkByName(name)
		if _, gone := errors.AsType[netlink.LinkNotFoundError](err); gone {
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("link %s: %w", name, err)
		}
		return linkUp(l.Attrs()), nil
	}
}

// linkUp follows the kernel's Documentation/networking/operstates.rst: what tells no operational state has that of its carrier.
func linkUp(a *netlink.LinkAttrs) int64 {
	const up = unix.IFF_UP | unix.IFF_LOWER_UP
	if a.RawFlags&up == up && (a.OperState == netlink.OperUp || a.OperState == netlink.OperUnknown) {
		return 1
	}
	return 0
}
