package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Tap is what an attacker has at the switch: it records the beats that come from one machine, as whole Ethernet frames.
type Tap struct {
	mu     sync.Mutex
	frames [][]byte
	fd     int
	ended  chan struct{}
}

// Tap records from now on what a machine sends to locum's port, whomever it is for.
func (w *Wires) Tap(name string) (*Tap, error) {
	index, err := w.index(name)
	if err != nil {
		return nil, err
	}
	t := &Tap{ended: make(chan struct{})}
	err = w.space.do(func() (err error) {
		if t.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		program := beatFilter()
		for i, x := range program {
			if x.Code == unix.BPF_RET|unix.BPF_K && x.K != 0 {
				program[i].K = 1 << 16 // the whole frame
			}
		}
		return errors.Join(
			unix.SetsockoptSockFprog(t.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}),
			unix.SetsockoptInt(t.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
			unix.SetsockoptTimeval(t.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20000}),
			unix.Bind(t.fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: index}))
	})
	if err != nil {
		return nil, fmt.Errorf("tap the switch port of %s: %w", name, err)
	}
	go t.read()
	return t, nil
}

// read takes frames until the tap is closed.
func (t *Tap) read() {
	defer unix.Close(t.fd)
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(t.fd, buf, 0)
		select {
		case <-t.ended:
			return
		default:
		}
		if err == nil {
			t.mu.Lock()
			t.frames = append(t.frames, bytes.Clone(buf[:n]))
			t.mu.Unlock()
		}
	}
}

// Frames is what was recorded so far, in order.
func (t *Tap) Frames() [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.frames)
}

// Close ends the recording.
func (t *Tap) Close() { close(t.ended) }

// Inject sends Ethernet frames out of the switch port of a machine: it gets them as if another had sent them.
func (w *Wires) Inject(to string, frames ...[]byte) error {
	index, err := w.index(to)
	if err != nil {
		return err
	}
	err = w.space.do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, f := range frames {
			if err := unix.Sendto(fd, f, 0, &unix.SockaddrLinklayer{Ifindex: index}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("inject at the switch port of %s: %w", to, err)
	}
	return nil
}

// udpHead is what stands before what a beat over UDP and IPv4 carries, where IPv4 has no options.
const udpHead = 14 + 20 + 8

// BeatOf is what a frame carries, nil if it is not of UDP over IPv4.
func BeatOf(frame []byte) []byte {
	if len(frame) < udpHead || frame[12] != 8 || frame[13] != 0 || frame[14] != 0x45 {
		return nil
	}
	return frame[udpHead:]
}

// WithBeat is a frame that carries something else. It has no UDP checksum, which is allowed (RFC 768): that of a recorded
// one was left to a network card that is none.
func WithBeat(frame, beat []byte) []byte {
	out := append(bytes.Clone(frame[:udpHead]), beat...)
	binary.BigEndian.PutUint16(out[16:], uint16(len(out)-14))
	binary.BigEndian.PutUint16(out[24:], 0)
	binary.BigEndian.PutUint16(out[24:], headerSum(out[14:34]))
	binary.BigEndian.PutUint16(out[38:], uint16(len(beat)+8))
	binary.BigEndian.PutUint16(out[40:], 0)
	return out
}

// headerSum is the checksum of an IPv4 header (RFC 1071).
func headerSum(header []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
