package heartbeat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// inNamespace runs the test on a thread of its own in a network namespace of its own, which ends with the thread.
func inNamespace(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root to make a network namespace")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the program ip (iproute2)")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Errorf("network namespace: %v", err)
			return
		}
		body(t)
	}()
	<-done
}

// ip runs ip(8) in the namespace of the calling thread.
func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Errorf("ip %v: %v: %s", args, err, out)
		runtime.Goexit()
	}
}

// line is a path between two nodes whose addresses are on one interface, so that the kernel itself is the cable.
func line(a, b string) config.Path {
	return config.Path{Type: "udp", Name: "lan", Port: 6694, Line: 3, Addresses: map[wire.Node]netip.Addr{
		1: netip.MustParseAddr(a), 2: netip.MustParseAddr(b)}}
}

func open(t *testing.T, l config.Path, self wire.Node) *UDP {
	t.Helper()
	u, err := OpenUDP(l, self)
	if err != nil {
		t.Errorf("%v", err)
		runtime.Goexit()
	}
	return u
}

func closePath(t *testing.T, p Path) {
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// await waits until the path is readable, or fails.
func await(t *testing.T, p Path) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 10000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n != 1 || err != nil {
			t.Errorf("nothing came within 10 s: %v", err)
			runtime.Goexit()
		}
		return
	}
}

// warm sends until something comes through: an IPv6 address that was just added loses frames until the kernel's own work queue
// has brought its interface up, and a path promises no frame. What came is taken.
func warm(t *testing.T, from, to Path) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(to.FD()), Events: unix.POLLIN}}
	for range 200 {
		if err := from.Send(2, []byte("warm")); err != nil {
			t.Errorf("warm: %v", err)
			runtime.Goexit()
		}
		if n, _ := unix.Poll(fds, 50); n == 1 {
			for n == 1 {
				drain(t, to)
				n, _ = unix.Poll(fds, 50)
			}
			return
		}
	}
	t.Error("nothing came through, however often it was sent")
	runtime.Goexit()
}

func drain(t *testing.T, p Path) []Received {
	t.Helper()
	var got []Received
	if err := p.Drain(func(r Received) {
		r.Frame = bytes.Clone(r.Frame)
		got = append(got, r)
	}); err != nil {
		t.Error(err)
	}
	return got
}

var families = []struct{ name, a, b, bits string }{
	{"IPv4", "192.0.2.1", "192.0.2.2", "/32"},
	{"IPv6", "2001:db8::1", "2001:db8::2", "/128"},
}

func addCable(t *testing.T, addresses ...string) {
	t.Helper()
	ip(t, "link", "set", "lo", "up")
	ip(t, "link", "add", "cable", "type", "veth", "peer", "name", "far")
	ip(t, "link", "set", "far", "up")
	ip(t, "link", "set", "cable", "up")
	for _, a := range addresses {
		addAddress(t, a)
	}
}

func addAddress(t *testing.T, a string) {
	t.Helper()
	args := []string{"addr", "add", a, "dev", "cable"}
	if p, err := netip.ParsePrefix(a); err == nil && p.Addr().Is6() {
		args = append(args, "nodad")
	}
	ip(t, args...)
}

func TestUDPCarriesFramesWithTheKernelsStamp(t *testing.T) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			inNamespace(t, func(t *testing.T) {
				addCable(t, f.a+f.bits, f.b+f.bits)
				l := line(f.a, f.b)
				one, two := open(t, l, 1), open(t, l, 2)
				defer closePath(t, one)
				defer closePath(t, two)
				var p Path = two
				if p.Name() != "lan" || p.Type() != "udp" || p.MTU() != wire.MaxFrame {
					t.Errorf("%s %s %d", p.Name(), p.Type(), p.MTU())
				}
				warm(t, one, two)
				before := Now()
				long := bytes.Repeat([]byte{7}, wire.MaxFrame)
				for _, frame := range [][]byte{[]byte("first"), long} {
					if err := one.Send(2, frame); err != nil {
						t.Fatal(err)
					}
				}
				await(t, two)
				sent := Now()
				got := drain(t, two)
				if len(got) != 2 || string(got[0].Frame) != "first" || !bytes.Equal(got[1].Frame, long) {
					t.Fatalf("got %d frames", len(got))
				}
				slack := wire.Instant(time.Millisecond) // the sample of the two clocks is not one instant
				for _, r := range got {
					if !r.Stamped || r.At < before-slack || r.At > sent+slack {
						t.Errorf("stamped %v at %v, sent between %v and %v", r.Stamped, r.At, before, sent)
					}
				}
				if again := drain(t, two); len(again) != 0 {
					t.Errorf("%d frames came twice", len(again))
				}
			})
		})
	}
}

func TestAPathRecoversByItself(t *testing.T) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			inNamespace(t, func(t *testing.T) {
				ip(t, "link", "set", "lo", "up")
				l := line(f.a, f.b)
				one, two := open(t, l, 1), open(t, l, 2) // before there is an interface
				defer closePath(t, one)
				defer closePath(t, two)
				fails := func(why string) {
					if err := one.Send(2, []byte("lost")); err == nil {
						t.Errorf("sent although %s", why)
					}
				}
				works := func(text string) {
					warm(t, one, two)
					if err := one.Send(2, []byte(text)); err != nil {
						t.Errorf("%s: %v", text, err)
						runtime.Goexit()
					}
					await(t, two)
					if got := drain(t, two); len(got) != 1 || string(got[0].Frame) != text {
						t.Errorf("%s: got %v", text, got)
					}
				}
				fails("there is no interface")
				addCable(t, f.a+f.bits, f.b+f.bits)
				works("the interface came")
				ip(t, "addr", "del", f.a+f.bits, "dev", "cable")
				ip(t, "addr", "del", f.b+f.bits, "dev", "cable")
				fails("the address vanished")
				addAddress(t, f.a+f.bits)
				addAddress(t, f.b+f.bits)
				works("the address came back")
				ip(t, "link", "del", "cable")
				fails("the interface vanished")
				drain(t, two)
				ip(t, "link", "add", "cable", "type", "veth", "peer", "name", "far")
				ip(t, "link", "set", "far", "up")
				ip(t, "link", "set", "cable", "up")
				addAddress(t, f.a+f.bits)
				addAddress(t, f.b+f.bits)
				works("another interface took its place")
			})
		})
	}
}

func TestAnOverflowIsCountedAndKeepsTheOldestFrames(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		addCable(t, "192.0.2.1/24", "192.0.2.2/24")
		l := line("192.0.2.1", "192.0.2.2")
		one, two := open(t, l, 1), open(t, l, 2)
		defer closePath(t, one)
		defer closePath(t, two)
		if err := unix.SetsockoptInt(two.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8192); err != nil {
			t.Fatal(err)
		}
		frame := make([]byte, 1000)
		for i := range 200 {
			binary.BigEndian.PutUint32(frame, uint32(i))
			if err := one.Send(2, frame); err != nil {
				t.Fatal(err)
			}
		}
		got := drain(t, two)
		if err := one.Send(2, frame); err != nil {
			t.Fatal(err)
		}
		await(t, two)
		drain(t, two) // the count comes with the next frame that fits
		if len(got) == 0 || len(got) == 200 || binary.BigEndian.Uint32(got[len(got)-1].Frame) != uint32(len(got)-1) {
			t.Fatalf("%d frames were kept, not the oldest", len(got))
		}
		if int(two.Overflowed()) != 200-len(got) {
			t.Errorf("%d kept, %d counted as lost", len(got), two.Overflowed())
		}
	})
}

func TestUDPSaysWhatIsWrong(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		addCable(t, "192.0.2.1/24")
		l := line("192.0.2.1", "192.0.2.2")
		one := open(t, l, 1)
		defer closePath(t, one)
		_, err := OpenUDP(l, 1)
		if !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("a second socket: %v", err)
		}
		if _, err = OpenUDP(l, 3); err == nil {
			t.Error("a node without an address got a path")
		}
		for _, n := range []wire.Node{0, 1, 3, 255} {
			if one.Send(n, []byte("x")) == nil {
				t.Errorf("sent to node %d", n)
			}
		}
		if err = one.Send(2, make([]byte, 70000)); !errors.Is(err, unix.EMSGSIZE) {
			t.Errorf("a frame beyond any datagram: %v", err)
		}
	})
}

func TestStampsArePlacedByTheOffsetOfTheirDrain(t *testing.T) {
	const offset = int64(1e18)
	for _, c := range []struct {
		name    string
		samples []int64 // offsets of the drains, one a second from 10 s on
		stamp   int64
		at      wire.Instant
		stamped bool
	}{
		{"a stamp is placed by the offset", []int64{offset, offset}, offset + int64(10500*ms), 10500 * ms, true},
		{"a clock that is slewed is believed", []int64{offset, offset + int64(4*ms)}, offset + int64(10504*ms), 10500 * ms, true},
		{"after a jump forward frames date from the drain before", []int64{offset, offset + int64(second)}, offset + int64(10500*ms), 10 * second, false},
		{"after a jump back frames date from the drain before", []int64{offset, offset - int64(second)}, offset + int64(10500*ms), 10 * second, false},
		{"the drain after the jump is sound again", []int64{offset, 0x7000, 0x7000}, 0x7000 + int64(11500*ms), 11500 * ms, true},
		{"a frame without a stamp dates from the drain before", []int64{offset, offset}, 0, 10 * second, false},
		{"a wall clock that cannot be read places nothing", []int64{offset, 0}, offset + int64(10500*ms), 10 * second, false},
		{"no frame is newer than its drain", []int64{offset, offset}, offset + int64(12*second), 11 * second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s stamps
			for i, o := range c.samples {
				s.took(wire.Instant(10+i)*second, o)
			}
			if at, stamped := s.place(c.stamp); at != c.at || stamped != c.stamped {
				t.Errorf("%v, %v; want %v, %v", time.Duration(at), stamped, time.Duration(c.at), c.stamped)
			}
		})
	}
}

// cmsg makes one control message as the kernel of this machine would.
func cmsg(level, kind uint32, data []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	const word = int(unsafe.Sizeof(uintptr(0)))
	if word == 8 {
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(len(data))))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(unix.CmsgLen(len(data))))
	}
	binary.NativeEndian.PutUint32(b[word:], level)
	binary.NativeEndian.PutUint32(b[word+4:], kind)
	copy(b[unix.CmsgLen(0):], data)
	return b
}

func TestControlMessagesAreRead(t *testing.T) {
	long := binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, 5), 6)
	short := binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 5), 6)
	lost := binary.NativeEndian.AppendUint32(nil, 9)
	for _, c := range []struct {
		name  string
		b     []byte
		stamp int64
		lost  uint32
	}{
		{"a stamp of 64-bit numbers", cmsg(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, long), 5000000006, 0},
		{"a stamp of 32-bit numbers", cmsg(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, short), 5000000006, 0},
		{"a stamp and a count", slices.Concat(cmsg(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, long), cmsg(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, lost)), 5000000006, 9},
		{"another protocol's message is passed over", slices.Concat(cmsg(unix.IPPROTO_IP, unix.SO_TIMESTAMPNS, short), cmsg(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, lost)), 0, 9},
		{"nothing", nil, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if stamp, lost, _ := parseControl(c.b); stamp != c.stamp || lost != c.lost {
				t.Errorf("stamp %d, lost %d; want %d, %d", stamp, lost, c.stamp, c.lost)
			}
		})
	}
}

func FuzzControl(f *testing.F) {
	f.Add(cmsg(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, []byte{1, 2, 3, 4}))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(_ *testing.T, b []byte) { parseControl(b) })
}

func BenchmarkUDP(b *testing.B) {
	l := config.Path{Type: "udp", Name: "lan", Port: 16694, Addresses: map[wire.Node]netip.Addr{
		1: netip.MustParseAddr("127.0.0.1"), 2: netip.MustParseAddr("127.0.0.2")}}
	one, err := OpenUDP(l, 1)
	if err != nil {
		b.Skip(fmt.Sprint("needs a loopback port: ", err))
	}
	two, err := OpenUDP(l, 2)
	if err != nil {
		b.Fatal(err)
	}
	frame := make([]byte, 128)
	count := 0
	take := func(Received) { count++ }
	b.ReportAllocs()
	for b.Loop() {
		if err := one.Send(2, frame); err != nil {
			b.Fatal(err)
		}
		if err := two.Drain(take); err != nil {
			b.Fatal(err)
		}
	}
	if count != b.N {
		b.Errorf("%d of %d came", count, b.N)
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		b.Fatal(err)
	}
}
