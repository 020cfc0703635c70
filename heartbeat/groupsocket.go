package heartbeat

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"locum/config"
)

// joinEvery is how often a UDP path asks to belong to its group again. Whoever does already is told so; an interface that
// vanished and came back has forgotten.
const joinEvery = int64(time.Second)

// groupSocket is where a shared UDP path hears what is sent to all: the path's own socket hears only what is sent to its own
// address. What this node sent itself the kernel drops.
type groupSocket struct {
	datagrams
	own, address netip.Addr
	port         uint16
	to           rawAddress
	epoll        int   // readable when one of the path's two sockets is
	joined       int64 // when it was asked last
}

// openGroup opens the second socket of a shared path; first is the path's own.
func openGroup(line config.Path, own netip.Addr, first int) (*groupSocket, error) {
	g := &groupSocket{own: own.Unmap(), address: line.Group, port: line.Port, to: rawAddressOf(line.Group, line.Port), epoll: -1}
	if err := unix.SetsockoptInt(first, unix.SOL_SOCKET, unix.SO_BROADCAST, 1); err != nil {
		return nil, fmt.Errorf("setsockopt SO_BROADCAST: %w", err)
	}
	fd, err := g.listen()
	if err != nil {
		return nil, err
	}
	g.begin(fd)
	g.guard.attach = g.sample
	if g.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err == nil {
		err = errors.Join(g.wakeBy(first), g.wakeBy(fd))
	}
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	_ = g.join() // it is asked again; an interface that is not there yet is no error
	return g, nil
}

// listen makes the socket. Several nodes of one machine may listen to one address, and each gets a copy.
func (g *groupSocket) listen() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	err = setOptions(fd, append(receiveOptions(),
		option{"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1, 0, false},
		option{"IP_FREEBIND", unix.IPPROTO_IP, unix.IP_FREEBIND, 1, 0, false},
		option{"IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0, 0, true})) // only what comes on the interface that joined
	if err == nil {
		err = attachFilter(fd, g.filter(passAll()...))
	}
	if err == nil {
		err = unix.Bind(fd, sockaddrOf(g.address, g.port))
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("listen to %s: %w", netip.AddrPortFrom(g.address, g.port), err), unix.Close(fd))
	}
	return fd, nil
}

func (g *groupSocket) wakeBy(fd int) error {
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// networkHeader is where a filter finds the IP header of a datagram (SKF_NET_OFF, linux/filter.h), and sourceAt the sender's
// address in it (RFC 791).
const (
	networkHeader = 0xfff00000 // -0x100000
	sourceAt      = 12
)

// filter drops what this node sent itself, which comes back by the loop of broadcasts and multicasts.
func (g *groupSocket) filter(then ...bpf.Instruction) []bpf.Instruction {
	own := g.own.As4()
	return append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: networkHeader + sourceAt, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(own[0])<<24 | uint32(own[1])<<16 | uint32(own[2])<<8 | uint32(own[3]), SkipTrue: uint8(len(then)) - 1},
	}, then...)
}

func (g *groupSocket) sample(on bool) error {
	then := passAll()
	if on {
		then = sampling(udpHeader, g.guard.tags)
	}
	return attachFilter(g.fd, g.filter(then...))
}

// join has the interface that has this node's address now belong to the group. Sending needs nothing: the kernel sends to a
// group by the interface that has the address to which the socket is bound.
func (g *groupSocket) join() error {
	now := int64(Now())
	if !g.address.IsMulticast() || g.joined != 0 && now-g.joined < joinEvery {
		return nil
	}
	g.joined = now
	err := g.ask()
	if errors.Is(err, unix.ENOBUFS) { // it has belonged to many interfaces that are gone
		err = g.reopen()
	}
	return err
}

func (g *groupSocket) ask() error {
	err := unix.SetsockoptIPMreq(g.fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
		&unix.IPMreq{Multiaddr: g.address.As4(), Interface: g.own.As4()})
	if err == nil || errors.Is(err, unix.EADDRINUSE) {
		return nil
	}
	return fmt.Errorf("belong to %s on the interface that has %s: %w", g.address, g.own, err)
}

func (g *groupSocket) reopen() error {
	fd, err := g.listen()
	if err != nil {
		return err
	}
	if err := unix.Close(g.fd); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	g.fd, g.guard.on = fd, false
	return errors.Join(g.wakeBy(fd), g.ask())
}

func (g *groupSocket) close() error {
	err := g.end()
	if g.epoll >= 0 {
		err = errors.Join(err, unix.Close(g.epoll))
	}
	return err
}
