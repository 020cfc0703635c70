package serialhb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/lab"
	"locum/wire"
)

func TestFramesCrossACableBothWays(t *testing.T) {
	c := newCable(t, 115200)
	a, b := node(t, 1, 115200, c.Devices[0]), node(t, 2, 115200, c.Devices[1])
	must(t, a.Send(2, frame(wire.KindBeat, 1, 1, 90)))
	must(t, b.Send(1, frame(wire.KindSegment, 2, 1, 200)))
	got := map[int][]byte{}
	until(t, "both heard", func() bool { return len(got) == 2 }, []*Serial{a, b}, func(i int, r wire.Received) {
		got[i] = bytes.Clone(r.Frame)
		if r.Stamped || r.At > now() {
			t.Errorf("it dates from %d", r.At)
		}
	})
	if !bytes.Equal(got[1], frame(wire.KindBeat, 1, 1, 90)) || !bytes.Equal(got[0], frame(wire.KindSegment, 2, 1, 200)) {
		t.Errorf("%x", got)
	}
	if a.Note() != "" || b.Note() != "" {
		t.Errorf("a well line says %q, %q", a.Note(), b.Note())
	}
}

// TestAMessageOf32KDelaysNoBeatByMoreThanAPiece plays one line in time of its own, so that no busy machine blurs it.
func TestAMessageOf32KDelaysNoBeatByMoreThanAPiece(t *testing.T) {
	for _, baud := range []int{19200, 115200} {
		t.Run(fmt.Sprint(baud), func(t *testing.T) {
			path := config.Path{Baud: baud}
			l, arrived := pipeLine(t, baud)
			pieces, queued, got, beats := (32<<10)/path.MTU()+1, 0, 0, 0
			var at, sent, worst wire.Instant
			for due := wire.Instant(1); got < pieces; at = max(l.waits(), at+1) {
				for queued < pieces && l.out.put(envelope{}, frame(wire.KindSegment, 1, byte(queued), path.MTU())) {
					queued++
				}
				if at >= due {
					sent, due = at, at+wire.Instant(173*time.Millisecond)
					l.out.put(envelope{}, frame(wire.KindBeat, 1, byte(beats), 90))
				}
				must(t, l.pump(at))
				for _, kind := range arrived() {
					if got++; kind == wire.KindBeat {
						got, beats = got-1, beats+1
						worst = max(worst, l.free-sent)
					}
				}
			}
			limit := wire.Instant(LineTime(path.MTU()+90+2*Overhead, baud)) * 103 / 100
			t.Logf("%d pieces of %d bytes in %s; %d beats, the slowest took %s", pieces, path.MTU(), time.Duration(at), beats, time.Duration(worst))
			if beats < 10 || worst > limit {
				t.Errorf("%d beats, the slowest took %s, want at most %s", beats, time.Duration(worst), time.Duration(limit))
			}
		})
	}
}

// pipeLine is a line into a pipe, and what has come out at its other end since it was last asked.
func pipeLine(t *testing.T, baud int) (*line, func() []wire.Kind) {
	t.Helper()
	var p [2]int
	must(t, unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	var d decoder
	return &line{fd: p[1], baud: baud, out: queue{self: 1}}, func() (kinds []wire.Kind) {
		b := make([]byte, 4096)
		n, _ := transfer(unix.SYS_READ, p[0], b)
		d.feed(b[:max(n, 0)], func(_ envelope, f []byte) { kinds = append(kinds, wire.Kind(f[1])) }, func([]byte) { t.Error("garbage") })
		return kinds
	}
}

func TestAMessageOf32KArrivesWholeBesideBeats(t *testing.T) {
	c := newCable(t, 921600)
	a, b := node(t, 1, 921600, c.Devices[0]), node(t, 2, 921600, c.Devices[1])
	const pieces = 150
	queued, arrived, beats := 0, map[byte]bool{}, 0
	until(t, "all pieces and a beat are there", func() bool { return len(arrived) == pieces && beats > 0 }, []*Serial{a, b}, func(_ int, r wire.Received) {
		if r.Frame[1] == byte(wire.KindSegment) {
			arrived[r.Frame[16]] = true
		} else {
			beats++
		}
	}, func() {
		for queued < pieces && !errors.Is(a.Send(2, frame(wire.KindSegment, 1, byte(queued), a.MTU())), unix.EAGAIN) {
			queued++
		}
		must(t, a.Send(2, frame(wire.KindBeat, 1, byte(queued), 90)))
	})
}

func TestOnlyTheNewestBeatWaits(t *testing.T) {
	q := queue{self: 1}
	for n := range byte(5) {
		q.put(envelope{}, frame(wire.KindBeat, 1, n, 90))
		q.put(envelope{hops: 1}, frame(wire.KindBeat, 2, n, 90))
	}
	q.put(envelope{}, frame(wire.KindSegment, 1, 9, 90))
	q.put(envelope{}, frame(wire.KindHello, 1, 8, 90))
	var order []byte
	for it, ok := q.next(); ok; it, ok = q.next() {
		order = append(order, it.frame[16], it.frame[6])
	}
	if want := []byte{4, 1, 4, 2, 8, 1, 9, 1}; !bytes.Equal(order, want) {
		t.Errorf("counter and sender %v, want %v", order, want)
	}
}

func TestEachTroubleHasItsOwnWords(t *testing.T) {
	for _, c := range []struct {
		name, want string
		trouble    func(*lab.Soldering)
	}{
		{"unplugged", "hears nothing", func(s *lab.Soldering) { s.Cut = [2]bool{true, true} }},
		{"half unplugged", "hears nothing", func(s *lab.Soldering) { s.Cut[1] = true }},
		{"another rate", "only garbage", func(s *lab.Soldering) {
			s.Pass = func(_ int, b []byte) []byte {
				for i := range b {
					b[i] = b[i]&0x11 | 0x80
				}
				return b
			}
		}},
		{"a login prompt", "login prompt", func(s *lab.Soldering) {
			s.Pass = func(_ int, b []byte) []byte {
				copy(b, bytes.Repeat([]byte("login: "), 9))
				b[len(b)-1] = 0
				return b
			}
		}},
		{"a loopback plug", "only itself", func(s *lab.Soldering) { s.Loop = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			line := newCable(t, 115200)
			line.Solder(c.trouble)
			a, b := node(t, 1, 115200, line.Devices[0]), node(t, 2, 115200, line.Devices[1])
			n := byte(0)
			until(t, c.want, func() bool {
				n++
				must(t, a.Send(2, frame(wire.KindBeat, 1, n, 90)))
				must(t, b.Send(1, frame(wire.KindBeat, 2, n, 90)))
				return n > 5 && strings.Contains(a.Note(), c.want)
			}, []*Serial{a, b}, func(int, wire.Received) {})
		})
	}
}

func TestAnotherClustersFramesAreNotHandedOut(t *testing.T) {
	c := newCable(t, 115200)
	a, b := node(t, 1, 115200, c.Devices[0]), node(t, 2, 115200, c.Devices[1])
	must(t, a.Send(2, frame(wire.KindBeat, 1, 1, 90)))
	strange := frame(wire.KindBeat, 2, 1, 90)
	strange[2] = 'S'
	must(t, b.Send(1, strange))
	until(t, "another cluster is named", func() bool { return strings.Contains(a.Note(), "another cluster") }, []*Serial{a, b},
		func(i int, _ wire.Received) { t.Errorf("node %d was given it", i+1) })
}

// ring makes three nodes with a cable between every two, and gives the cables.
func ring(t *testing.T) ([]*Serial, []*lab.Cable) {
	t.Helper()
	var cables []*lab.Cable
	for range 3 {
		cables = append(cables, newCable(t, 115200))
	}
	var nodes []*Serial
	for i := range 3 {
		nodes = append(nodes, node(t, wire.Node(i+1), 115200, cables[i].Devices[0], cables[(i+2)%3].Devices[1]))
	}
	return nodes, cables
}

func TestARingCarriesAndABrokenRingToo(t *testing.T) {
	for name, broken := range map[string]int{"whole": -1, "broken": 0} {
		t.Run(name, func(t *testing.T) {
			nodes, cables := ring(t)
			if broken >= 0 {
				cables[broken].Solder(func(s *lab.Soldering) { s.Cut = [2]bool{true, true} })
			}
			heard := map[[2]int]int{}
			for i, n := range nodes {
				must(t, n.Send(wire.Node((i+1)%3+1), frame(wire.KindBeat, wire.Node(i+1), 1, 90)))
			}
			until(t, "each hears both others", func() bool { return len(heard) == 6 }, nodes, func(i int, r wire.Received) {
				heard[[2]int{i, int(r.Frame[6])}]++
			})
			// What still goes round has to end.
			quiet := time.Now().Add(200 * time.Millisecond)
			until(t, "quiet", func() bool { return time.Now().After(quiet) }, nodes, func(i int, r wire.Received) {
				heard[[2]int{i, int(r.Frame[6])}]++
			})
			for who, n := range heard {
				if n > 2 {
					t.Errorf("%v heard %d times", who, n)
				}
			}
		})
	}
}

func TestAMessageInARingIsForOneNode(t *testing.T) {
	nodes, cables := ring(t)
	cables[0].Solder(func(s *lab.Soldering) { s.Cut = [2]bool{true, true} }) // between 1 and 2
	must(t, nodes[0].Send(2, frame(wire.KindSegment, 1, 1, 100)))
	got := 0
	until(t, "it is there by way of 3", func() bool { return got > 0 }, nodes, func(i int, _ wire.Received) {
		if i != 1 {
			t.Errorf("node %d was given it", i+1)
		}
		got++
	})
}

// TestAPortThatIsHeldIsNamedWithItsHolder has another process hold a port, under the names that processes have there.
func TestAPortThatIsHeldIsNamedWithItsHolder(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	for _, c := range []struct{ comm, want string }{
		{"agetty", "DEVICE is held by a login prompt, agetty (process PID); systemctl disable --now serial-getty@NAME"},
		{"gpsd", "DEVICE is held by gpsd (process PID); end it, or use another port"},
	} {
		t.Run(c.comm, func(t *testing.T) {
			device := newPort(t)
			port, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY, 0)
			must(t, err)
			defer port.Close()
			program := filepath.Join(t.TempDir(), c.comm)
			must(t, os.Symlink(sleep, program))
			holder := exec.Command(program, "60")
			holder.Args[0], holder.Stdin = sleep, port // where sleep is one of many in a program, that goes by this name
			must(t, holder.Start())
			t.Cleanup(func() { _ = holder.Process.Kill(); _ = holder.Wait() })
			want := strings.NewReplacer("DEVICE", device, "PID", strconv.Itoa(holder.Process.Pid), "NAME", filepath.Base(device)).Replace(c.want)
			s := node(t, 1, 115200, device)
			if err := s.Send(2, frame(wire.KindBeat, 1, 1, 90)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("send: %v, want %s", err, want)
			}
			if note := s.Note(); note != want {
				t.Errorf("note: %q, want %q", note, want)
			}
		})
	}
}

func TestAPortIsNotOpenedTwice(t *testing.T) {
	device := newPort(t)
	node(t, 1, 115200, device)
	fd, err := openPort(device, 115200, false)
	if err == nil {
		unix.Close(fd)
		t.Fatal("a port was opened twice")
	}
	if want := "fuser -v " + device + " names it"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestAConsoleOfTheKernelIsKnown(t *testing.T) {
	for _, c := range []struct {
		name, active, listed string
		want                 bool
	}{
		{"ttyS0", "tty0 ttyS0\n", "", true},
		{"ttyS1", "tty0 ttyS0\n", "ttyS0  -W- (EC   a)    4:64\n", false},
		{"ttyS1", "tty0\n", "tty0 -WU\nttyS1 -W- (EC a) 4:65\n", true},
		{"ttyS1", "ttyS10\n", "ttyS10 -W-\n", false},
	} {
		if got := isConsole(c.name, c.active, c.listed); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestAPortThatDoesNotExistIsTriedAgainAndSaysSo(t *testing.T) {
	s := node(t, 1, 115200, t.TempDir()+"/ttyUSB0")
	if err := s.Send(2, frame(wire.KindBeat, 1, 1, 90)); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Error(err)
	}
}

// TestAPortIsReadOnlyWhenItHasTold: to read or to ask a terminal that has nothing waits for an ordinary thread of the kernel, so a heart
// does so only after the port has told that bytes came. What it told of is taken from it here; the next byte brings all.
func TestAPortIsReadOnlyWhenItHasTold(t *testing.T) {
	p, err := lab.NewPty()
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	s := node(t, 1, 115200, p.Device)
	var e encoder
	send := func(counter byte) {
		_, err := p.Master.Write(e.encode(envelope{}, frame(wire.KindBeat, 2, counter, 90)))
		must(t, err)
	}
	var got []byte
	drain := func() { must(t, s.Drain(func(r wire.Received) { got = append(got, r.Frame[16]) })) }
	told := func() {
		ready := []unix.PollFd{{Fd: int32(s.FD()), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, int(patience.Milliseconds())); n != 1 {
			t.Fatalf("the port tells nothing: %v", err)
		}
	}
	send(1)
	told()
	if n, err := unix.EpollWait(s.epoll, make([]unix.EpollEvent, 1), 0); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	drain()
	if len(got) != 0 {
		t.Fatalf("it was read without a word: %v", got)
	}
	send(2)
	told()
	for end := time.Now().Add(patience); len(got) < 2 && time.Now().Before(end); {
		drain()
	}
	if !bytes.Equal(got, []byte{1, 2}) {
		t.Errorf("beats %v", got)
	}
}

// TestALineThatBabblesIsReadToItsEnd: what one drain leaves in the port is not told again, and has to be asked for.
func TestALineThatBabblesIsReadToItsEnd(t *testing.T) {
	s := node(t, 1, 115200, newPort(t))
	l := s.lines[0]
	var p [2]int
	must(t, unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
	t.Cleanup(func() { unix.Close(p[1]) })
	unix.Close(l.fd)
	l.fd = p[0] // more than a terminal holds at a time
	must(t, s.watch(l.fd, unix.EPOLLET))
	var e encoder
	babble := bytes.Repeat([]byte{'x', 0}, (readMost+1)*readSize/2)
	_, err := unix.Write(p[1], append(babble, e.encode(envelope{}, frame(wire.KindBeat, 2, 7, 90))...))
	must(t, err)
	got := 0
	until(t, "the beat behind it is there", func() bool { return got > 0 }, []*Serial{s}, func(_ int, r wire.Received) { got++ })
	if l.ready {
		t.Error("there is more to read")
	}
}

// TestAnAdapterThatIsPulledOutAndPutIntoAnotherSocket: its device has another name then, and the lasting one leads there.
func TestAnAdapterThatIsPulledOutAndPutIntoAnotherSocket(t *testing.T) {
	first, second := newCable(t, 115200), newCable(t, 115200)
	byID := filepath.Join(t.TempDir(), "by-id")
	must(t, os.Symlink(first.Devices[0], byID))
	a, b := node(t, 1, 115200, byID), node(t, 2, 115200, first.Devices[1])
	crosses := func(b *Serial, counter byte) {
		t.Helper()
		got := false
		until(t, "a beat crosses", func() bool { return got }, []*Serial{a, b}, func(i int, _ wire.Received) { got = got || i == 1 },
			func() { counter++; _ = a.Send(2, frame(wire.KindBeat, 1, counter, 90)) })
	}
	crosses(b, 0)
	must(t, first.Close())
	until(t, "it is noticed", func() bool { return strings.Contains(a.Note(), "pulled out") }, []*Serial{a}, func(int, wire.Received) {})
	must(t, os.Remove(byID))
	_ = a.Send(2, frame(wire.KindBeat, 1, 100, 90))
	must(t, os.Symlink(second.Devices[0], byID))
	crosses(node(t, 2, 115200, second.Devices[1]), 150)
}

// TestWhatIsUnderWayHoldsNoClosingUp: a heart that begins anew closes its ports while it sends no beats, and a driver waits half a minute for an end that takes nothing.
// A pty does not; that it has forgotten is seen by what it had still to give.
func TestWhatIsUnderWayHoldsNoClosingUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		close func(a *Serial)
	}{
		{"the path is closed", func(a *Serial) { must(t, a.Close()) }},
		{"the port has failed", func(a *Serial) { a.lines[0].fail(now(), unix.EIO) }},
	} {
		port, err := lab.NewPty()
		if err != nil {
			t.Skip("no pty: ", err)
		}
		a := node(t, 1, 115200, port.Device)
		waits := func() int {
			n, err := unix.IoctlGetInt(port.FD, unix.TIOCINQ)
			must(t, err)
			return n
		}
		_, err = port.Master.WriteString("bytes")
		must(t, err)
		for end := time.Now().Add(patience); waits() < 5; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nothing comes")
			}
		}
		if c.close(a); waits() > 0 {
			t.Errorf("%s, and nothing is forgotten", c.name)
		}
		must(t, port.Close())
	}
}
