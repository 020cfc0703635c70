package heartbeat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

const (
	// udpReceiveBuffer is room for minutes of beats of a large cluster, so that a stopped heart finds them when it goes on.
	udpReceiveBuffer = 1 << 20
	// tosExpedited is DSCP EF (RFC 3246) in the place of the former TOS byte.
	tosExpedited = 46 << 2
	// priorityInteractive is the highest SO_PRIORITY that needs no privilege (socket(7)).
	priorityInteractive = 6
	// drainMost bounds a drain where the kernel gives no stamps.
	drainMost = 1 << 14
	// drainLater is how many frames that came while it drains are taken still. It is not 0, since the kernel stamps a
	// frame only when it is read if stamps were asked for just before.
	drainLater = 64
)

// UDP is a path over one UDP socket, bound to this node's own address whether that is there at present or not, so that
// an interface that vanishes and comes back finds the path as it was.
type UDP struct {
	name     string
	fd       int
	peers    [wire.MaxNodes + 1]rawAddress // by number; prepared, so that sending allocates nothing
	stamps   stamps
	in       inbox
	overflow uint32 // what the kernel counted at the newest frame
}

// OpenUDP opens the path of a "path udp" line for one node. It fails if the line has no address for the node, or if the
// port is in use.
func OpenUDP(line config.Path, self wire.Node) (*UDP, error) {
	own, ok := line.Addresses[self]
	own = own.Unmap()
	if !ok {
		return nil, fmt.Errorf("path udp %s: line %d has no address for node %d", line.Name, line.Line, self)
	}
	u := &UDP{name: line.Name, fd: -1}
	for n, a := range line.Addresses {
		if n != self && n <= wire.MaxNodes {
			u.peers[n] = rawAddressOf(a, line.Port)
		}
	}
	fd, err := openUDP(own, line.Port)
	if err != nil {
		return nil, fmt.Errorf("path udp %s: %s: %w", line.Name, netip.AddrPortFrom(own, line.Port), err)
	}
	u.fd = fd
	u.in.prepare()
	u.stamps.sample()
	return u, nil
}

func openUDP(own netip.Addr, port uint16) (int, error) {
	family := unix.AF_INET
	if own.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := setUp(fd, own.Is6()); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	if err := unix.Bind(fd, sockaddrOf(own, port)); err != nil {
		return -1, errors.Join(fmt.Errorf("bind: %w; is another locum running here?", err), unix.Close(fd))
	}
	return fd, nil
}

// option is one setsockopt(2); what a kernel may refuse without harm is not needed.
type option struct {
	name          string
	level, opt    int
	value         int
	insteadOf     int // tried if opt is refused, 0 none
	isDispensable bool
}

func setUp(fd int, v6 bool) error {
	options := []option{
		{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1, unix.SO_TIMESTAMPNS, true},
		{"SO_RXQ_OVFL", unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1, 0, true},
		{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, udpReceiveBuffer, unix.SO_RCVBUF, true},
	}
	if v6 {
		options = append(options, option{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1, 0, false},
			option{"IPV6_FREEBIND", unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1, 0, false},
			option{"IPV6_TCLASS", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, tosExpedited, 0, true})
	} else {
		options = append(options, option{"IP_FREEBIND", unix.IPPROTO_IP, unix.IP_FREEBIND, 1, 0, false},
			option{"IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, tosExpedited, 0, true})
	}
	// Last, since IP_TOS sets a priority of its own.
	options = append(options, option{"SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, priorityInteractive, 0, true})
	for _, o := range options {
		err := unix.SetsockoptInt(fd, o.level, o.opt, o.value)
		if err != nil && o.insteadOf != 0 {
			err = unix.SetsockoptInt(fd, o.level, o.insteadOf, o.value)
		}
		if err != nil && !o.isDispensable {
			return fmt.Errorf("setsockopt %s: %w", o.name, err)
		}
	}
	return nil
}

func sockaddrOf(a netip.Addr, port uint16) unix.Sockaddr {
	a = a.Unmap()
	if a.Is4() {
		return &unix.SockaddrInet4{Port: int(port), Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: int(port), Addr: a.As16()}
}

// Name is the path's name in the file.
func (u *UDP) Name() string { return u.name }

// Type is udp.
func (u *UDP) Type() string { return "udp" }

// MTU is wire.MaxFrame, which crosses every ethernet in one piece.
func (u *UDP) MTU() int { return wire.MaxFrame }

// FD is the socket.
func (u *UDP) FD() int { return u.fd }

// Overflowed is how many frames the kernel threw away because the receive buffer was full, as it said with the newest
// frame (SO_RXQ_OVFL, socket(7)); it wraps at 2^32.
func (u *UDP) Overflowed() uint32 { return u.overflow }

// Send sends one datagram.
func (u *UDP) Send(to wire.Node, frame []byte) error {
	if to > wire.MaxNodes || u.peers[to].size == 0 {
		return fmt.Errorf("path udp %s: node %d has no address on it", u.name, to)
	}
	if errno := u.peers[to].send(u.fd, frame); errno != 0 {
		return fmt.Errorf("path udp %s: send to node %d: %w", u.name, to, errno)
	}
	return nil
}

// rawAddress is a socket address as sendto(2) takes it.
type rawAddress struct {
	bytes [unix.SizeofSockaddrInet6]byte
	size  uintptr // 0 none
}

func rawAddressOf(a netip.Addr, port uint16) (r rawAddress) {
	a = a.Unmap()
	if a.Is4() {
		binary.NativeEndian.PutUint16(r.bytes[:], unix.AF_INET)
		copy(r.bytes[4:], a.AsSlice()) // struct sockaddr_in: family, port, address (ip(7))
		r.size = unix.SizeofSockaddrInet4
	} else {
		binary.NativeEndian.PutUint16(r.bytes[:], unix.AF_INET6)
		copy(r.bytes[8:], a.AsSlice()) // struct sockaddr_in6: family, port, flow, address, scope (ipv6(7))
		r.size = unix.SizeofSockaddrInet6
	}
	binary.BigEndian.PutUint16(r.bytes[2:], port)
	return r
}

// send never waits, and is made without the runtime's notice.
func (r *rawAddress) send(fd int, frame []byte) unix.Errno {
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(frame))),
			uintptr(len(frame)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&r.bytes)), r.size)
		if errno != unix.EINTR {
			return errno
		}
	}
}

// Drain hands out the datagrams that wait. What comes while it is at it may be left for the next time, so that a flood
// does not hold the heart here.
func (u *UDP) Drain(take func(Received)) error {
	u.stamps.sample()
	later := 0
	for range drainMost {
		n, errno := u.in.receive(u.fd)
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return nil
		default:
			return fmt.Errorf("path udp %s: receive: %w", u.name, errno)
		}
		stamp, overflow, counted := u.in.control()
		if counted {
			u.overflow = overflow
		}
		at, stamped := u.stamps.place(stamp)
		take(Received{Frame: u.in.frame[:n], At: at, Stamped: stamped})
		if u.stamps.later(stamp) {
			later++
		}
		if later > drainLater {
			return nil
		}
	}
	return nil
}

// Close closes the socket.
func (u *UDP) Close() error {
	fd := u.fd
	u.fd = -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("path udp %s: %w", u.name, err)
	}
	return nil
}

// inbox is what recvmsg(2) writes to. The library's call allocates an address for each frame, which nobody looks at.
type inbox struct {
	header unix.Msghdr
	vector unix.Iovec
	frame  [wire.MaxFrame + 1]byte // one more, to know what is too long
	oob    [128]byte
}

func (b *inbox) prepare() {
	b.vector.Base = &b.frame[0]
	b.vector.SetLen(len(b.frame))
	b.header.Iov = &b.vector
	b.header.SetIovlen(1)
	b.header.Control = &b.oob[0]
}

func (b *inbox) receive(fd int) (int, unix.Errno) {
	b.header.SetControllen(len(b.oob))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.header)), unix.MSG_DONTWAIT)
	return int(n), errno
}
