package heartbeat

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/wire"
)

const (
	// drainMost bounds a drain where the kernel gives no stamps.
	drainMost = 1 << 14
	// drainLater is how many frames that came while it drains are taken still. It is not 0, since the kernel stamps a
	// frame only when it is read if stamps were asked for just before.
	drainLater = 64
)

// datagrams is the receiving half of a path over a socket, and its end.
type datagrams struct {
	fd       int
	stamps   stamps
	in       inbox
	overflow uint32 // what the kernel counted at the newest frame
	guard    guard
}

func (d *datagrams) begin(fd int) {
	d.fd = fd
	d.in.prepare()
	d.stamps.sample()
}

// FD is the socket.
func (d *datagrams) FD() int { return d.fd }

// Overflowed is how many frames the kernel threw away because the receive buffer was full, as it said with the newest
// frame (SO_RXQ_OVFL, socket(7)); it wraps at 2^32.
func (d *datagrams) Overflowed() uint32 { return d.overflow }

func (d *datagrams) drain(take func(Received)) unix.Errno {
	d.stamps.sample()
	defer d.guard.judge(d.stamps.now)
	later := 0
	for range drainMost {
		n, errno := d.in.receive(d.fd)
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0
		default:
			return errno
		}
		stamp, overflow, counted := d.in.control()
		if counted {
			d.overflow = overflow
		}
		at, stamped := d.stamps.place(stamp)
		d.guard.saw(d.in.frame[:n])
		take(Received{Frame: d.in.frame[:n], At: at, Stamped: stamped})
		if d.stamps.later(stamp) {
			later++
		}
		if later > drainLater {
			return 0
		}
	}
	return 0
}

func (d *datagrams) end() error {
	fd := d.fd
	d.fd = -1
	return unix.Close(fd)
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
