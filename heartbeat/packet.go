package heartbeat

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"locum/wire"
)

// openPacket makes a packet socket (packet(7)) that receives nothing yet. SOCK_DGRAM: the kernel writes and strips the
// Ethernet header, whatever the interface is a part of.
func openPacket() (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w (it needs CAP_NET_RAW)", err)
	}
	if err := setOptions(fd, append(receiveOptions(), priority)); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// group is an Ethernet address.
type group [6]byte

// groupOf is the address to which frames for a node go: multicast and locally administered (the low bits of its first
// octet), "loc", the node's number. Those for Everybody go to that of no node.
func groupOf(n wire.Node) group { return group{3, 'l', 'o', 'c', 0, byte(n)} }

// listenOn binds a packet socket to an interface. The filter comes first, so that nothing passes beside it.
func listenOn(fd, index int, kind uint16, groups []group) error {
	if err := attachFilter(fd, filterOf(index, groups, passAll()...)); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(kind), Ifindex: index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	for _, g := range groups {
		member := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(g))}
		copy(member.Address[:], g[:])
		// An interface that was only down still has the membership, and counts each.
		_ = unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_DROP_MEMBERSHIP, &member)
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &member); err != nil {
			return fmt.Errorf("listen to its group address: %w", err)
		}
	}
	return nil
}

func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// rawPacketAddress is a struct sockaddr_ll: family, protocol, interface, then, after two fields that are of no use for
// sending, length and address (packet(7)).
func rawPacketAddress(index int, kind uint16, to group) (r rawAddress) {
	binary.NativeEndian.PutUint16(r.bytes[:], unix.AF_PACKET)
	binary.BigEndian.PutUint16(r.bytes[2:], kind)
	binary.NativeEndian.PutUint32(r.bytes[4:], uint32(index))
	r.bytes[11] = byte(len(to))
	copy(r.bytes[12:], to[:])
	r.size = unix.SizeofSockaddrLinklayer
	return r
}

// linkHeader is where a filter finds the Ethernet header of a frame of which the socket gets only the payload (SKF_LL_OFF,
// linux/filter.h).
const linkHeader = 0xffe00000 // -0x200000

// vlanMask is the VLAN in a tag: 0 is none, only a priority (IEEE 802.1Q).
const vlanMask = 0xfff

// filterOf drops, in the kernel, what this node sent itself; frames to other addresses than these, as a promiscuous interface
// has them; and those that came on the interface, but with the tag of another VLAN or for an interface above it. A tag that the kernel
// has taken off may still be read before Linux 6.2, so whether there is one is asked first. The last instruction of what follows
// drops. The addresses differ in their last two octets.
func filterOf(index int, groups []group, then ...bpf.Instruction) []bpf.Instruction {
	checks := 11 + len(groups)
	drop := func(at int) uint8 { return uint8(checks + len(then) - 2 - at) }
	program := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_MULTICAST, SkipTrue: drop(1)},
		bpf.LoadExtension{Num: bpf.ExtInterfaceIndex},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(index), SkipTrue: drop(3)},
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 2},
		bpf.LoadExtension{Num: bpf.ExtVLANTag},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: vlanMask, SkipTrue: drop(7)},
		bpf.LoadAbsolute{Off: linkHeader, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(groups[0][:]), SkipTrue: drop(9)},
		bpf.LoadAbsolute{Off: linkHeader + 4, Size: 2},
	}
	for i, g := range groups {
		same := bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(binary.BigEndian.Uint16(g[4:])), SkipTrue: uint8(len(groups) - 1 - i)}
		if i == len(groups)-1 {
			same.SkipFalse = drop(11 + i)
		}
		program = append(program, same)
	}
	return append(program, then...)
}

// passAll is the end of a filter that reads all.
func passAll() []bpf.Instruction {
	return []bpf.Instruction{bpf.RetConstant{Val: wholeFrame}, bpf.RetConstant{Val: 0}}
}
