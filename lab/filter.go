package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// stopFrames has a port give its machine no frame that comes from one of these hardware addresses; none takes the filter
// away. It is the kernel's clsact queue with a BPF classifier (CONFIG_NET_CLS_BPF), the one filter of frames by direction
// that needs nothing but netlink.
func stopFrames(nl *netlink.Handle, link netlink.Link, from []net.HardwareAddr) error {
	queue := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index,
		Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}}
	if len(from) == 0 {
		if err := nl.QdiscDel(queue); err != nil && !missing(err) {
			return err
		}
		return nil
	}
	fd, err := loadClassifier(dropFrom(from))
	if err != nil {
		return fmt.Errorf("load the filter: %w", err)
	}
	defer unix.Close(fd) // the queue holds it
	if err := nl.QdiscReplace(queue); err != nil {
		return fmt.Errorf("clsact: %w", err)
	}
	return nl.FilterReplace(&netlink.BpfFilter{FilterAttrs: netlink.FilterAttrs{LinkIndex: link.Attrs().Index,
		Parent: netlink.HANDLE_MIN_EGRESS, Handle: 1, Priority: 1, Protocol: unix.ETH_P_ALL}, Fd: fd, Name: "cut", DirectAction: true})
}

// missing reports whether there was nothing to take away, or no kernel part that could hold it.
func missing(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODEV)
}

// Operations of eBPF (kernel Documentation/bpf/standardization/instruction-set.rst) that dropFrom needs.
const (
	opMoveReg  = 0xbf // dst = src
	opMove     = 0xb7 // dst = imm
	opLoadWord = 0x20 // r0 = the big-endian word at imm of the frame; r6 has to be the context
	opLoadHalf = 0x28
	opNotEqual = 0x55 // if dst != imm, skip off
	opExit     = 0x95 // with r0
	actPass    = 0
	actDrop    = 2
)

// dropFrom is the program that drops frames by source address, which stands at byte 6 of an Ethernet frame.
func dropFrom(macs []net.HardwareAddr) (prog []byte) {
	prog = instruction(prog, opMoveReg, 6, 1, 0, 0)
	for _, mac := range macs {
		prog = instruction(prog, opLoadWord, 0, 0, 0, 6)
		prog = instruction(prog, opNotEqual, 0, 0, 4, int32(binary.BigEndian.Uint32(mac[0:4])))
		prog = instruction(prog, opLoadHalf, 0, 0, 0, 10)
		prog = instruction(prog, opNotEqual, 0, 0, 2, int32(binary.BigEndian.Uint16(mac[4:6])))
		prog = instruction(prog, opMove, 0, 0, 0, actDrop)
		prog = instruction(prog, opExit, 0, 0, 0, 0)
	}
	prog = instruction(prog, opMove, 0, 0, 0, actPass)
	return instruction(prog, opExit, 0, 0, 0, 0)
}

func instruction(prog []byte, op, dst, src byte, off int16, imm int32) []byte {
	registers := dst | src<<4
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 { // a big-endian machine also turns bit fields round
		registers = dst<<4 | src
	}
	prog = append(prog, op, registers)
	prog = binary.NativeEndian.AppendUint16(prog, uint16(off))
	return binary.NativeEndian.AppendUint32(prog, uint32(imm))
}

// loadTries is how often a program is loaded anew whose check a signal has ended.
const loadTries = 20

// loadClassifier gives a program to the kernel, as bpf(2) says, and returns its descriptor.
func loadClassifier(prog []byte) (int, error) {
	license := []byte("Apache-2.0\x00")
	attr := struct {
		progType, count   uint32
		program, license  uint64
		logLevel, logSize uint32
		log               uint64
		kernVersion       uint32
		flags             uint32
	}{
		progType: uint32(netlink.BPF_PROG_TYPE_SCHED_CLS), count: uint32(len(prog) / 8),
		program: uint64(uintptr(unsafe.Pointer(&prog[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&prog[0])
	pin.Pin(&license[0])
	for try := 0; ; try++ {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		switch {
		case errno == 0:
			return int(fd), nil
		case errno != unix.EAGAIN || try == loadTries: // a signal has ended the kernel's verifier (bpf_check), such as Go's runtime sends to its own threads
			return -1, errno
		}
	}
}
