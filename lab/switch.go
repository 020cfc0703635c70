package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Weather is what a Switch does to every frame; shares are from 0 to 1.
type Weather struct {
	Loss      float64       `json:"loss"`
	Duplicate float64       `json:"duplicate"`
	Reorder   float64       `json:"reorder"`
	Delay     time.Duration `json:"delay"`
}

// Switch is a second Ethernet segment, of its own cables: a switch in a process and a network namespace of its own, which can
// do with frames what a kernel cannot everywhere. It hands each frame to all other ports. Its chance comes from a seed; what
// meets it comes from real nodes. (In the test's process a frame would wait while that starts others.)
type Switch struct {
	mu     sync.Mutex
	space  *netspace
	play   *exec.Cmd
	orders io.WriteCloser
	said   *bufio.Reader
}

// switchOrder is what the switch's process is told, as a line of JSON; it answers each with one line.
type switchOrder struct {
	Port    string   `json:"port,omitempty"` // an interface, which becomes the port of the machine From
	Weather *Weather `json:"weather,omitempty"`
	From    string   `json:"from,omitempty"`
	Kind    uint16   `json:"kind,omitempty"` // an EtherType to stop, or to let through again
	Stopped bool     `json:"stopped,omitempty"`
}

// NewSwitch makes a switch without ports.
func NewSwitch(seed uint64) (_ *Switch, err error) {
	s := &Switch{play: exec.Command("/proc/self/exe", "switch", strconv.FormatUint(seed, 10))}
	if s.space, err = newNetspace(); err != nil {
		return nil, fmt.Errorf("the switch: %w", err)
	}
	s.play.Args[0] = programName
	s.play.Stderr = os.Stderr
	s.play.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if s.orders, err = s.play.StdinPipe(); err == nil {
		var said io.ReadCloser
		if said, err = s.play.StdoutPipe(); err == nil {
			s.said = bufio.NewReader(said)
			err = s.space.do(s.play.Start)
		}
	}
	if err != nil {
		s.space.close()
		return nil, fmt.Errorf("the switch: %w", err)
	}
	return s, nil
}

func (s *Switch) tell(o switchOrder) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.NewEncoder(s.orders).Encode(o); err != nil {
		return fmt.Errorf("tell the switch: %w", err)
	}
	answer, err := s.said.ReadString('\n')
	if err != nil || answer != "ok\n" {
		return fmt.Errorf("the switch says %q: %w", strings.TrimSpace(answer), err)
	}
	return nil
}

// Plug connects a node that is on, until it is off. Its end becomes the named interface with an address.
func (s *Switch) Plug(n *Node, device string, address netip.Prefix) error {
	near := "s-" + n.Name
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: near}, PeerName: device, PeerNamespace: netlink.NsFd(n.now.space.fd)}
	if err := s.space.nl.LinkAdd(veth); err != nil {
		return fmt.Errorf("the cable of %s: %w", n.Name, err)
	}
	l, err := s.space.nl.LinkByName(near)
	if err == nil {
		err = s.space.nl.LinkSetUp(l)
	}
	if err == nil {
		err = raiseOne(n.now.space, device, address)
	}
	if err == nil {
		err = s.tell(switchOrder{Port: near, From: n.Name})
	}
	if err != nil {
		return fmt.Errorf("the cable of %s: %w", n.Name, err)
	}
	return nil
}

// raiseOne sets up one interface, which has to fill in its checksums itself: the switch hands on what it reads.
func raiseOne(machine *netspace, device string, address netip.Prefix) error {
	l, err := machine.nl.LinkByName(device)
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(address.String())
	if err != nil {
		return err
	}
	return errors.Join(machine.nl.AddrAdd(l, a), machine.nl.LinkSetUp(l), machine.do(func() error { return checksumsInSoftware(device) }))
}

// checksumsInSoftware is "ethtool -K DEVICE tx off" (linux/ethtool.h).
func checksumsInSoftware(device string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	value := struct{ command, data uint32 }{unix.ETHTOOL_STXCSUM, 0}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:], device)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("checksums of %s: %w", device, errno)
	}
	return nil
}

// Set makes the weather for the frames to come.
func (s *Switch) Set(w Weather) error { return s.tell(switchOrder{Weather: &w}) }

// Cut stops what a node sends with an EtherType, or lets it through again, without anybody's link going down.
func (s *Switch) Cut(from *Node, kind uint16, stopped bool) error {
	return s.tell(switchOrder{From: from.Name, Kind: kind, Stopped: stopped})
}

// Close takes the switch away, with all cables.
func (s *Switch) Close() error {
	s.orders.Close()
	err := s.play.Wait()
	s.space.close()
	if err != nil {
		return fmt.Errorf("the switch: %w", err)
	}
	return nil
}
