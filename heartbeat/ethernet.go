package heartbeat

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// lookEvery is how often a path that works looks whether the name in the file is still that of its interface.
const lookEvery = wire.Instant(250 * time.Millisecond)

// Ethernet is a path of raw frames over one interface of each node; the interface needs no IP address. Each node listens to
// a group address of its own (groupOf), so there is no address to learn, none to be given wrongly by a stranger, and a card
// may be replaced. The frame begins right after the EtherType and says its length itself, since short ones are padded.
type Ethernet struct {
	datagrams
	name, device string
	kind         uint16                        // EtherType
	groups       []group                       // that this node listens to: its own, and on a shared path that of all
	peers        [wire.MaxNodes + 1]rawAddress // by number; only of whom this path leads to, while it is bound
	on           wire.Nodes
	bound        link // no index: the socket listens to nothing
	looked       wire.Instant
}

// OpenEthernet opens the path of a "path ethernet" line for one node. An interface that is not there yet is no error: the
// path begins to work when it is. It needs CAP_NET_RAW.
func OpenEthernet(line config.Path, self wire.Node) (*Ethernet, error) {
	device, ok := line.Devices[self]
	if !ok {
		return nil, fmt.Errorf("path ethernet %s: line %d has no interface for node %d", line.Name, line.Line, self)
	}
	e := &Ethernet{name: line.Name, device: device, kind: line.EtherType, groups: []group{groupOf(self)}}
	if line.Shared {
		e.groups = append(e.groups, groupOf(Everybody))
	}
	for n := range line.Devices {
		if n != self && n <= wire.MaxNodes {
			e.on = e.on.With(n)
		}
	}
	fd, err := openPacket()
	if err != nil {
		return nil, fmt.Errorf("path ethernet %s: %w", line.Name, err)
	}
	e.begin(fd)
	e.guard.attach = e.sample
	if err := e.look(); err != nil && !errors.As(err, new(linkError)) {
		return nil, errors.Join(fmt.Errorf("path ethernet %s: %w", line.Name, err), e.Close())
	}
	return e, nil
}

// Name is the path's name in the file.
func (e *Ethernet) Name() string { return e.name }

// Type is ethernet.
func (e *Ethernet) Type() string { return "ethernet" }

// MTU is the interface's, as it was when it was looked at last, but not above wire.MaxFrame.
func (e *Ethernet) MTU() int {
	if e.bound.mtu == 0 {
		return wire.MaxFrame
	}
	return min(e.bound.mtu, wire.MaxFrame)
}

// Send sends one frame to the group address of a node. It also is where a path finds its interface again.
func (e *Ethernet) Send(to wire.Node, frame []byte) error {
	if to > wire.MaxNodes || !e.leadsTo(to) {
		return fmt.Errorf("path ethernet %s: node %d is not on it", e.name, to)
	}
	now := Now()
	look := e.bound.index == 0 || now-e.looked >= lookEvery
	if look {
		e.looked = now
		if err := e.look(); err != nil {
			return fmt.Errorf("path ethernet %s: %w", e.name, err)
		}
	}
	if errno := e.peers[to].send(e.fd, frame); errno != 0 {
		return fmt.Errorf("path ethernet %s: send to node %d: %w", e.name, to, e.explain(errno, len(frame)))
	}
	if look && e.bound.flags&unix.IFF_RUNNING == 0 { // most drivers take a frame all the same
		return fmt.Errorf("path ethernet %s: %w", e.name, e.bound.noCarrier())
	}
	return nil
}

func (e *Ethernet) leadsTo(n wire.Node) bool {
	return e.on.Has(n) || n == Everybody && len(e.groups) > 1
}

// Drain hands out the frames that wait, of this path's EtherType and VLAN and to this node or to all: the kernel's filter drops
// the others.
func (e *Ethernet) Drain(take func(Received)) error {
	if errno := e.drain(take); errno != 0 {
		return fmt.Errorf("path ethernet %s: receive: %w", e.name, e.explain(errno, 0))
	}
	return nil
}

// look binds the socket to the interface that has the name now.
func (e *Ethernet) look() error {
	now, err := linkNamed(e.fd, e.device)
	if err == nil {
		err = now.mustCarry()
	}
	if err != nil {
		e.bound.index = 0
		return err
	}
	if now.index != e.bound.index {
		err = e.bind(now)
	}
	e.bound.mtu, e.bound.flags = now.mtu, now.flags
	return err
}

func (e *Ethernet) bind(to link) error {
	e.bound.index = 0
	if err := listenOn(e.fd, to.index, e.kind, e.groups); err != nil {
		return fmt.Errorf("interface %s: %w", e.device, err)
	}
	for n := range wire.Node(wire.MaxNodes + 1) {
		if e.leadsTo(n) {
			e.peers[n] = rawPacketAddress(to.index, e.kind, groupOf(n))
		}
	}
	e.bound, e.guard.on = to, false
	return nil
}

func (e *Ethernet) sample(on bool) error {
	then := passAll()
	if on {
		then = sampling(0, e.guard.tags)
	}
	return attachFilter(e.fd, filterOf(e.bound.index, e.groups, then...))
}

// explain says what is the matter with the interface, and has it looked for again if it is gone or down.
func (e *Ethernet) explain(errno unix.Errno, length int) error {
	switch errno {
	case unix.ENETDOWN, unix.ENXIO, unix.ENODEV:
		e.bound.index = 0
	case unix.EMSGSIZE:
		return fmt.Errorf("interface %s takes %d bytes, the frame has %d: ip link set %s mtu 1500", e.device, e.bound.mtu, length, e.device)
	case unix.ENOBUFS:
	default:
		return fmt.Errorf("interface %s: %w", e.device, errno)
	}
	l, err := linkNamed(e.fd, e.device)
	if err == nil {
		err = l.mustCarry()
	}
	if err == nil && errno == unix.ENOBUFS && l.flags&unix.IFF_RUNNING == 0 {
		err = l.noCarrier()
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("interface %s: %w", e.device, errno)
}

// Close closes the socket.
func (e *Ethernet) Close() error {
	if err := e.end(); err != nil {
		return fmt.Errorf("path ethernet %s: %w", e.name, err)
	}
	return nil
}
