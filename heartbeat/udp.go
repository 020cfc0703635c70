package heartbeat

import (
	"cmp"
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
	// receiveBuffer is room for minutes of beats of a large cluster, so that a stopped heart finds them when it goes on.
	receiveBuffer = 1 << 20
	// tosExpedited is DSCP EF (RFC 3246) in the place of the former TOS byte.
	tosExpedited = 46 << 2
	// priorityInteractive is the highest SO_PRIORITY that needs no privilege (socket(7)).
	priorityInteractive = 6
)

// UDP is a path over one UDP socket, bound to this node's own address whether that is there at present or not, so that
// an interface that vanishes and comes back finds the path as it was.
type UDP struct {
	datagrams
	name  string
	peers [wire.MaxNodes + 1]rawAddress // by number; prepared, so that sending allocates nothing
	group *groupSocket                  // of a shared path
}

// OpenUDP opens the path of a "path udp" line for one node. It fails if the line has no address for the node, or if the
// port is in use.
func OpenUDP(line config.Path, self wire.Node) (*UDP, error) {
	own, ok := line.Addresses[self]
	own = own.Unmap()
	if !ok {
		return nil, fmt.Errorf("path udp %s: line %d has no address for node %d", line.Name, line.Line, self)
	}
	u := &UDP{name: line.Name}
	for n, a := range line.Addresses {
		if n != self && n <= wire.MaxNodes {
			u.peers[n] = rawAddressOf(a, line.Port)
		}
	}
	fd, err := openUDP(own, line.Port)
	if err != nil {
		return nil, fmt.Errorf("path udp %s: %s: %w", line.Name, netip.AddrPortFrom(own, line.Port), err)
	}
	u.begin(fd)
	u.guard.attach = u.sample
	if line.Shared {
		if u.group, err = openGroup(line, own, fd); err != nil {
			return nil, errors.Join(fmt.Errorf("path udp %s: %w", line.Name, err), u.Close())
		}
	}
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
	options := receiveOptions()
	if v6 {
		options = append(options, option{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1, 0, false},
			option{"IPV6_FREEBIND", unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1, 0, false},
			option{"IPV6_TCLASS", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, tosExpedited, 0, true})
	} else {
		options = append(options, option{"IP_FREEBIND", unix.IPPROTO_IP, unix.IP_FREEBIND, 1, 0, false},
			option{"IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, tosExpedited, 0, true})
	}
	return setOptions(fd, append(options, priority)) // last, since IP_TOS sets a priority of its own
}

// receiveOptions are those of every socket of a path.
func receiveOptions() []option {
	return []option{
		{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1, unix.SO_TIMESTAMPNS, true},
		{"SO_RXQ_OVFL", unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1, 0, true},
		{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer, unix.SO_RCVBUF, true},
	}
}

var priority = option{"SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, priorityInteractive, 0, true}

func setOptions(fd int, options []option) error {
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

// FD is the socket, or what stands for both.
func (u *UDP) FD() int {
	if u.group != nil {
		return u.group.epoll
	}
	return u.fd
}

// Guard has both sockets keep floods away from the heart.
func (u *UDP) Guard(tags ...wire.Tag) {
	u.datagrams.Guard(tags...)
	if u.group != nil {
		u.group.Guard(tags...)
	}
}

// Send sends one datagram.
func (u *UDP) Send(to wire.Node, frame []byte) error {
	if to == Everybody && u.group != nil {
		return u.sendToAll(frame)
	}
	if to > wire.MaxNodes || u.peers[to].size == 0 {
		return fmt.Errorf("path udp %s: node %d has no address on it", u.name, to)
	}
	if errno := u.peers[to].send(u.fd, frame); errno != 0 {
		return fmt.Errorf("path udp %s: send to node %d: %w", u.name, to, errno)
	}
	return nil
}

func (u *UDP) sendToAll(frame []byte) error {
	err := u.group.join()
	if errno := u.group.to.send(u.fd, frame); errno != 0 {
		return fmt.Errorf("path udp %s: send to %s: %w", u.name, u.group.address, errno)
	}
	if err != nil {
		return fmt.Errorf("path udp %s: %w", u.name, err)
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
	errno := u.drain(take)
	if u.group != nil {
		errno = cmp.Or(errno, u.group.drain(take))
	}
	if errno != 0 {
		return fmt.Errorf("path udp %s: receive: %w", u.name, errno)
	}
	return nil
}

// udpHeader is what a filter of a UDP socket sees before the frame.
const udpHeader = 8

func (u *UDP) sample(on bool) error {
	if on {
		return attachFilter(u.fd, sampling(udpHeader, u.guard.tags))
	}
	return unix.SetsockoptInt(u.fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
}

// Close closes what the path has opened.
func (u *UDP) Close() error {
	err := u.end()
	if u.group != nil {
		err = errors.Join(err, u.group.close())
	}
	if err != nil {
		return fmt.Errorf("path udp %s: %w", u.name, err)
	}
	return nil
}
