package vip

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// linkError says that the interface on which the address belongs does not exist now, or that nobody can tell which it is.
type linkError string

func (e linkError) Error() string { return string(e) }

func isLinkError(err error) bool {
	_, is := errors.AsType[linkError](err)
	return is
}

// skipStats keeps the counters, most of an answer, out of it (RTEXT_FILTER_SKIP_STATS, linux/rtnetlink.h).
const skipStats = 1 << 3

// link is an interface as the kernel has just described it.
type link struct {
	index int
	name  string
	flags uint32 // IFF_*
	mac   net.HardwareAddr
}

func (l link) up() bool { return l.flags&unix.IFF_UP != 0 && l.flags&unix.IFF_RUNNING != 0 }

// hasNeighbours reports whether there is anybody to announce to: not on lo, a tunnel or anything else without Ethernet
// addresses.
func (l link) hasNeighbours() bool {
	return l.flags&(unix.IFF_LOOPBACK|unix.IFF_NOARP|unix.IFF_POINTOPOINT) == 0 && couldBeMachine(l.mac)
}

// same reports whether what was opened for l still serves for other.
func (l link) same(other link) bool {
	return l.index == other.index && l.name == other.name && bytes.Equal(l.mac, other.mac)
}

// mustServe says why an address on the interface would serve nobody.
func (l link) mustServe() error {
	switch {
	case l.flags&unix.IFF_UP == 0:
		return fmt.Errorf("interface %s is down: ip link set %s up", l.name, l.name)
	case l.flags&unix.IFF_RUNNING == 0:
		return fmt.Errorf("interface %s has no carrier: look at its cable and switch", l.name)
	}
	return nil
}

func (k *kernel) linkNamed(name string) (link, error) {
	return k.link(name, nl.NewIfInfomsg(unix.AF_UNSPEC), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
}

func (k *kernel) linkAt(index int) (link, error) {
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	return k.link(fmt.Sprintf("number %d", index), header)
}

func (k *kernel) link(wanted string, parts ...nl.NetlinkRequestData) (link, error) {
	parts = append(parts, nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	bodies, err := k.ask(unix.RTM_GETLINK, 0, unix.RTM_NEWLINK, parts...)
	if errors.Is(err, unix.ENODEV) || err == nil && len(bodies) == 0 {
		return link{}, linkError("interface " + wanted + " does not exist: plug it in, create it, or correct dev=")
	}
	if err != nil {
		return link{}, fmt.Errorf("interface %s: %w", wanted, err)
	}
	l, err := parseLink(bodies[0])
	if err != nil {
		return link{}, fmt.Errorf("interface %s: %w", wanted, err)
	}
	return l, nil
}

// owns reports whether mac is of this machine: on two interfaces in one wire, Linux answers for an address on both.
func (k *kernel) owns(mac net.HardwareAddr) (bool, error) {
	bodies, err := k.dump(unix.RTM_GETLINK, unix.RTM_NEWLINK, nl.NewIfInfomsg(unix.AF_UNSPEC),
		nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	if err != nil {
		return false, fmt.Errorf("list interfaces: %w", err)
	}
	for _, body := range bodies {
		l, err := parseLink(body)
		if err != nil {
			return false, err
		}
		if bytes.Equal(l.mac, mac) {
			return true, nil
		}
	}
	return false, nil
}

func parseLink(body []byte) (link, error) {
	if len(body) < unix.SizeofIfInfomsg {
		return link{}, fmt.Errorf("link message of %d bytes", len(body))
	}
	header := nl.DeserializeIfInfomsg(body)
	l := link{index: int(header.Index), flags: header.Flags}
	err := attributes(body[unix.SizeofIfInfomsg:], func(kind uint16, value []byte) {
		switch kind {
		case unix.IFLA_IFNAME:
			l.name = unix.ByteSliceToString(value)
		case unix.IFLA_ADDRESS:
			l.mac = net.HardwareAddr(value)
		}
	})
	if err != nil {
		return link{}, fmt.Errorf("link message: %w", err)
	}
	if err := checkName(l.name); err != nil {
		return link{}, fmt.Errorf("link message: name %q: %w", l.name, err)
	}
	return l, nil
}
