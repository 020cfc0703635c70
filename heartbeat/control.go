package heartbeat

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control reads what the kernel says of the newest frame: its stamp in nanoseconds of the wall clock, 0 if there is none,
// and the count of overflows.
func (b *inbox) control() (stamp int64, overflow uint32, counted bool) {
	return parseControl(b.oob[:min(int(b.header.Controllen), len(b.oob))])
}

// parseControl reads the messages of cmsg(3) with the stamp of SO_TIMESTAMPNS and the count of SO_RXQ_OVFL.
func parseControl(b []byte) (stamp int64, overflow uint32, counted bool) {
	const word = int(unsafe.Sizeof(uintptr(0)))
	head := unix.CmsgLen(0)
	for len(b) >= head {
		length := int(binary.NativeEndian.Uint32(b))
		if word == 8 {
			length = int(min(binary.NativeEndian.Uint64(b), uint64(len(b)+1)))
		}
		if length < head || length > len(b) {
			return stamp, overflow, counted
		}
		level, kind := binary.NativeEndian.Uint32(b[word:]), binary.NativeEndian.Uint32(b[word+4:])
		data := b[head:length]
		if level == unix.SOL_SOCKET {
			switch {
			case kind == unix.SO_TIMESTAMPNS_NEW || kind == unix.SO_TIMESTAMPNS:
				stamp = nanoseconds(data)
			case kind == unix.SO_RXQ_OVFL && len(data) >= 4:
				overflow, counted = binary.NativeEndian.Uint32(data), true
			}
		}
		b = b[min(unix.CmsgSpace(len(data)), len(b)):]
	}
	return stamp, overflow, counted
}

// nanoseconds reads a timespec of two 64-bit numbers, or of two 32-bit ones as older kernels give on 32-bit machines.
func nanoseconds(b []byte) int64 {
	switch len(b) {
	case 16:
		return int64(binary.NativeEndian.Uint64(b))*1e9 + int64(binary.NativeEndian.Uint64(b[8:]))
	case 8:
		return int64(int32(binary.NativeEndian.Uint32(b)))*1e9 + int64(int32(binary.NativeEndian.Uint32(b[4:])))
	}
	return 0
}
