package heartbeat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// linkError says what is the matter with an interface; it may end by itself.
type linkError string

func (e linkError) Error() string { return string(e) }

// link is an interface as the kernel has just described it.
type link struct {
	name       string
	index, mtu int // index 0: none
	flags      uint16
	hardware   uint16 // ARPHRD_*
}

// mustCarry says why nothing can be sent on an interface.
func (l link) mustCarry() error {
	switch {
	case l.hardware != unix.ARPHRD_ETHER:
		return linkError(fmt.Sprintf("interface %s is no Ethernet; name another one", l.name))
	case l.flags&unix.IFF_UP == 0:
		return linkError(fmt.Sprintf("interface %s is down: ip link set %s up", l.name, l.name))
	}
	return nil
}

// ErrNoCarrier is an interface that is up and has no cable, or whose two ends have not agreed on a rate yet.
var ErrNoCarrier = errors.New("has no carrier: look at its cable and switch")

func (l link) noCarrier() error { return fmt.Errorf("interface %s %w", l.name, ErrNoCarrier) }

// linkRequest is a struct ifreq (netdevice(7)): a name and what is asked for.
type linkRequest struct {
	name  [unix.IFNAMSIZ]byte
	value [24]byte
}

func (r *linkRequest) ask(fd int, what uintptr) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), what, uintptr(unsafe.Pointer(r)))
	return errno
}

// linkNamed asks by any socket for the interface that has a name now.
func linkNamed(fd int, name string) (link, error) {
	l := link{name: name}
	for _, q := range []struct {
		what uintptr
		take func(v []byte)
	}{
		{unix.SIOCGIFINDEX, func(v []byte) { l.index = int(binary.NativeEndian.Uint32(v)) }},
		{unix.SIOCGIFFLAGS, func(v []byte) { l.flags = binary.NativeEndian.Uint16(v) }},
		{unix.SIOCGIFMTU, func(v []byte) { l.mtu = int(binary.NativeEndian.Uint32(v)) }},
		{unix.SIOCGIFHWADDR, func(v []byte) { l.hardware = binary.NativeEndian.Uint16(v) }},
	} {
		var r linkRequest
		copy(r.name[:unix.IFNAMSIZ-1], name)
		switch errno := r.ask(fd, q.what); errno {
		case 0:
			q.take(r.value[:])
		case unix.ENODEV, unix.ENXIO:
			return link{}, linkError(fmt.Sprintf("there is no interface %s on this machine (now); see: ip link", name))
		default:
			return link{}, fmt.Errorf("ask for interface %s: %w", name, errno)
		}
	}
	return l, nil
}
