package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// watch has the observer follow the addresses of a node that has just been made and holds none.
func (o *Observer) watch(n *Node, space *netspace) error {
	var fd int
	err := space.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20)
		return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK,
			Groups: 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1)})
	})
	if err != nil {
		return fmt.Errorf("observe the addresses of %s: %w", n.Name, err)
	}
	o.run(func() {
		if err = o.add(&source{n.Name, fd, o.readAddresses}); err == nil {
			o.saw(n.Name, Booted, netip.Addr{})
		}
	})
	return err
}

func (o *Observer) readAddresses(s *source) {
	for {
		n, _, err := unix.Recvfrom(s.fd, o.buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			o.saw(s.node, Missed, netip.Addr{})
			continue
		case err != nil:
			return
		}
		messages, err := syscall.ParseNetlinkMessage(o.buf[:n])
		if err != nil {
			o.saw(s.node, Missed, netip.Addr{})
			return
		}
		for i := range messages {
			switch addr := addressOf(&messages[i]); {
			case !addr.IsValid():
			case messages[i].Header.Type == unix.RTM_NEWADDR:
				o.saw(s.node, Gained, addr)
			case messages[i].Header.Type == unix.RTM_DELADDR:
				o.saw(s.node, Lost, addr)
			}
		}
	}
}

// addressOf is the address that a message is about: the local one, of which a broadcast interface's peer is a copy.
func addressOf(m *syscall.NetlinkMessage) (addr netip.Addr) {
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return addr
	}
	for _, a := range attrs {
		if got, ok := netip.AddrFromSlice(a.Value); ok && (a.Attr.Type == unix.IFA_LOCAL || a.Attr.Type == unix.IFA_ADDRESS && !addr.IsValid()) {
			addr = got
		}
	}
	return addr
}

// Of beats, to tell them from other frames: locum's UDP port and the EtherType of its raw path (DESIGN, 5 and 7).
const (
	BeatPort  = 6694
	BeatEther = 0x88b5
)

// beatFilter is the classic BPF program that passes beats only (kernel Documentation/networking/filter.rst).
func beatFilter() []unix.SockFilter {
	const (
		half, octet, xHalf = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, unix.BPF_LD | unix.BPF_H | unix.BPF_IND
		header             = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH // x = four times the low half of the octet
		equal, anyBit      = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		give               = unix.BPF_RET | unix.BPF_K
	)
	return []unix.SockFilter{
		0:  {Code: half, K: 12},
		1:  {Code: equal, K: BeatEther, Jt: 14},
		2:  {Code: equal, K: unix.ETH_P_IP, Jf: 7},
		3:  {Code: octet, K: 23}, // protocol
		4:  {Code: equal, K: unix.IPPROTO_UDP, Jf: 10},
		5:  {Code: half, K: 20}, // fragment offset
		6:  {Code: anyBit, K: 0x1fff, Jt: 8},
		7:  {Code: header, K: 14},
		8:  {Code: xHalf, K: 16}, // destination port
		9:  {Code: equal, K: BeatPort, Jt: 6, Jf: 5},
		10: {Code: equal, K: unix.ETH_P_IPV6, Jf: 4}, // from 2
		11: {Code: octet, K: 20},                     // next header
		12: {Code: equal, K: unix.IPPROTO_UDP, Jf: 2},
		13: {Code: half, K: 56}, // destination port
		14: {Code: equal, K: BeatPort, Jt: 1},
		15: {Code: give},
		16: {Code: give, K: 128},
	}
}

// listen has the observer note each beat that comes from a node through its switch port.
func (o *Observer) listen(n *Node) error {
	index, err := o.wires.index(n.Name)
	if err != nil {
		return err
	}
	var fd int
	err = o.wires.space.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		program := beatFilter()
		return errors.Join(
			unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: index}))
	})
	if err != nil {
		return fmt.Errorf("listen at the switch port of %s: %w", n.Name, err)
	}
	o.run(func() { err = o.add(&source{n.Name, fd, o.readBeats}) })
	return err
}

func networkOrder(x uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, x))
}

func (o *Observer) readBeats(s *source) {
	for {
		_, on, _, _, err := unix.Recvmsg(s.fd, o.buf, o.oob, 0)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN): // said once, when the port goes down
			continue
		case err != nil:
			return
		}
		at := stampOf(o.oob[:on])
		o.mu.Lock()
		o.beats[s.node] = append(o.beats[s.node], at)
		o.mu.Unlock()
	}
}

// stampOf is the kernel's receive stamp in a message's control data, in our clock; without one it is now.
func stampOf(oob []byte) wire.Instant {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
				var ts unix.Timespec
				copy(unsafe.Slice((*byte)(unsafe.Pointer(&ts)), unsafe.Sizeof(ts)), m.Data)
				return wire.Instant(ts.Nano()) + stampOffset()
			}
		}
	}
	return Now()
}
