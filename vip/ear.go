package vip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// ear hears who else claims the address. The kernel drops all other frames, so that a busy wire wakes nobody.
type ear struct {
	heard chan net.HardwareAddr // closed when the ear has ended
	conn  *packet.Conn
	addr  netip.Addr
}

// maxWaiting is how many claims may wait to be looked at. They all say the same; the newest are dropped.
const maxWaiting = 16

// openEar listens on an interface that has neighbours.
func openEar(l link, addr netip.Addr) (*ear, error) {
	conn, err := packet.Listen(&net.Interface{Index: l.index, Name: l.name}, packet.Raw, etherType(addr), nil)
	if err != nil {
		return nil, fmt.Errorf("packet socket on %s (needs CAP_NET_RAW): %w", l.name, err)
	}
	if err := attach(conn, filter(addr)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("packet filter on %s: %w", l.name, err)
	}
	e := &ear{heard: make(chan net.HardwareAddr, maxWaiting), conn: conn, addr: addr}
	go e.listen()
	return e, nil
}

// close ends the listening. The kernel takes milliseconds to close a packet socket, for which nobody waits.
func (e *ear) close() { go e.conn.Close() }

func (e *ear) listen() {
	defer close(e.heard)
	frame := make([]byte, maxHeard)
	for {
		n, _, err := e.conn.ReadFrom(frame)
		if errors.Is(err, unix.ENETDOWN) { // said once when the link goes; the socket hears again when it is back
			continue
		}
		if err != nil {
			return
		}
		mac, v := claimant(frame[:n], e.addr)
		if v != claims {
			continue
		}
		select {
		case e.heard <- mac:
		default:
		}
	}
}

func etherType(addr netip.Addr) int {
	if addr.Is4() {
		return unix.ETH_P_ARP
	}
	return unix.ETH_P_IPV6
}

func attach(conn *packet.Conn, program []unix.SockFilter) error {
	rc, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = rc.Control(func(fd uintptr) {
		set = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
	if err != nil {
		return err
	}
	return set
}

// Where a frame holds what the filter looks at, in bytes.
const (
	arpSender  = etherLen + 14
	ip6Next    = etherLen + 6
	icmp6Type  = etherLen + ip6Len
	ndpTarget  = icmp6Type + 8
	typeAdvert = 136 // RFC 4861, 4.4
)

// check is one comparison of the filter: load size bytes at offset, and go on only if they are want.
type check struct {
	size   uint16 // unix.BPF_B or BPF_W
	offset uint32
	want   uint32
}

// filter is a classic BPF program (Documentation/networking/filter.rst) that lets through what may be a claim: it saves
// waking up; claimant judges.
func filter(addr netip.Addr) []unix.SockFilter {
	var checks []check
	at := uint32(arpSender)
	if addr.Is6() {
		checks = []check{{unix.BPF_B, ip6Next, nextICMPv6}, {unix.BPF_B, icmp6Type, typeAdvert}}
		at = ndpTarget
	}
	for raw := addr.AsSlice(); len(raw) > 0; raw, at = raw[4:], at+4 {
		word := uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3])
		checks = append(checks, check{unix.BPF_W, at, word})
	}
	var program []unix.SockFilter
	for i, c := range checks {
		refuse := uint8(2*(len(checks)-1-i) + 1) // to the last instruction
		program = append(program,
			unix.SockFilter{Code: unix.BPF_LD | c.size | unix.BPF_ABS, K: c.offset},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: refuse, K: c.want})
	}
	return append(program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: maxHeard},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0})
}
