package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Wires is the Ethernet switch and its cables: a bridge in a network namespace of its own, with a port for each machine
// of the world. Without the spanning tree protocol a port of a bridge forwards at once.
type Wires struct {
	mu      sync.Mutex
	space   *netspace
	bridge  *netlink.Bridge
	ports   map[string]*port
	blocked map[way]bool
	pulled  map[string]bool // machines whose cable is out, also while they are off
}

// port is one port of the switch: the near end of the cable of the machine that it is named after.
type port struct {
	link netlink.Link
	mac  net.HardwareAddr
}

// way is one direction, from one machine to another.
type way struct{ from, to string }

func newWires() (*Wires, error) {
	space, err := newNetspace()
	if err != nil {
		return nil, err
	}
	w := &Wires{space: space, ports: map[string]*port{}, blocked: map[way]bool{}, pulled: map[string]bool{}}
	snooping := false
	w.bridge = &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "switch"}, MulticastSnooping: &snooping}
	err = space.nl.LinkAdd(w.bridge)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) { // a kernel that was built without snooping
		w.bridge.MulticastSnooping = nil
		err = space.nl.LinkAdd(w.bridge)
	}
	if err == nil {
		err = space.nl.LinkSetUp(w.bridge)
	}
	if err != nil {
		space.close()
		return nil, fmt.Errorf("the Ethernet switch: %w", err)
	}
	return w, nil
}

// plug connects a machine: its end of the cable becomes eth0 in its namespace, with the given addresses.
func (w *Wires) plug(name string, number int, machine *netspace, addresses ...netip.Prefix) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	mac := hardwareOf(number)
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "p-" + name, MasterIndex: w.bridge.Index},
		PeerName: "eth0", PeerHardwareAddr: mac, PeerNamespace: netlink.NsFd(machine.fd)}
	if err := w.space.nl.LinkAdd(veth); err != nil {
		return fmt.Errorf("the cable of %s: %w", name, err)
	}
	near, err := w.space.nl.LinkByName("p-" + name)
	if err != nil {
		return fmt.Errorf("the switch port of %s: %w", name, err)
	}
	w.ports[name] = &port{near, mac}
	if err := raise(machine, addresses); err != nil {
		return fmt.Errorf("the network of %s: %w", name, err)
	}
	if !w.pulled[name] {
		if err := w.space.nl.LinkSetUp(near); err != nil {
			return fmt.Errorf("the switch port of %s: %w", name, err)
		}
	}
	if len(w.blocked) == 0 {
		return nil // a new port stops nothing, and each of the others would be asked
	}
	return w.applyWays()
}

// hardwareOf is the hardware address of a machine of any world; 0x02: locally administered.
func hardwareOf(number int) net.HardwareAddr {
	return net.HardwareAddr{0x02, 0, 0, 0, 0x02, byte(number)}
}

// knowOthers gives a node an entry of its neighbour table, which does not count and does not end, for each other node and
// the power switch.
func (n *Node) knowOthers(space *netspace) error {
	own, err := space.nl.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("neighbours of %s: %w", n.Name, err)
	}
	others := map[netip.Addr]int{PowerAddress: powerNumber}
	for _, o := range n.world.Nodes {
		if o != n {
			others[o.Addr] = o.Number
		}
	}
	for a, number := range others {
		err := space.nl.NeighSet(&netlink.Neigh{LinkIndex: own.Attrs().Index, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: hardwareOf(number)})
		if err != nil {
			return fmt.Errorf("neighbour %s of %s: %w", a, n.Name, err)
		}
	}
	return nil
}

// raise sets up what is inside a machine: lo, and eth0 with its addresses.
func raise(machine *netspace, addresses []netip.Prefix) error {
	for _, name := range []string{"lo", "eth0"} {
		l, err := machine.nl.LinkByName(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, p := range addresses {
			if name != "eth0" {
				break
			}
			a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
			if p.Addr().Is6() {
				a.Flags = unix.IFA_F_NODAD
			}
			err := machine.nl.AddrAdd(l, a)
			if p.Addr().Is6() && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EACCES)) {
				continue // a kernel without IPv6
			}
			if err != nil {
				return fmt.Errorf("address %s: %w", p, err)
			}
		}
		if err := machine.nl.LinkSetUp(l); err != nil {
			return fmt.Errorf("%s up: %w", name, err)
		}
	}
	return nil
}

// unplug takes a machine's cable away for good, as when it is off.
func (w *Wires) unplug(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.ports[name]
	if p == nil {
		return nil
	}
	delete(w.ports, name)
	if err := w.space.nl.LinkDel(p.link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("the switch port of %s: %w", name, err)
	}
	return nil
}

// carrier sets a port up or down: the machine at its other end sees its link come or go.
func (w *Wires) carrier(name string, up bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.setCarrier(name, up)
}

func (w *Wires) setCarrier(name string, up bool) error {
	p := w.ports[name]
	if p == nil {
		return nil
	}
	set := w.space.nl.LinkSetDown
	if up {
		set = w.space.nl.LinkSetUp
	}
	if err := set(p.link); err != nil {
		return fmt.Errorf("the switch port of %s: %w", name, err)
	}
	return nil
}

// pull takes a machine's cable out, or puts it back.
func (w *Wires) pull(name string, out bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pulled[name] = out
	return w.setCarrier(name, !out)
}

// block stops frames on the given ways, without anybody's link going down; unblock lets them through again.
func (w *Wires) block(ways ...way) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range ways {
		w.blocked[x] = true
	}
	return w.applyWays()
}

// heal lets everything through and puts all cables back.
func (w *Wires) heal() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.blocked)
	err := w.applyWays()
	for name, out := range w.pulled {
		if out {
			err = errors.Join(err, w.setCarrier(name, true))
		}
	}
	clear(w.pulled)
	return err
}

// applyWays makes the ports pass and stop what blocked says. Isolated ports hear every port but one another, which any
// kernel can; what cannot be said so needs the kernel's BPF classifier.
func (w *Wires) applyWays() error {
	isolated, simple := isolation(w.blocked)
	for name, p := range w.ports {
		var stopped []net.HardwareAddr
		if !simple {
			for x := range w.blocked {
				if from := w.ports[x.from]; x.to == name && from != nil {
					stopped = append(stopped, from.mac)
				}
			}
		}
		if err := w.space.nl.LinkSetIsolated(p.link, simple && slices.Contains(isolated, name)); err != nil {
			return fmt.Errorf("isolate the switch port of %s: %w", name, err)
		}
		if err := stopFrames(w.space.nl, p.link, stopped); err != nil {
			return fmt.Errorf("stop frames to %s: %w", name, err)
		}
	}
	return nil
}

// isolation says which ports to isolate so that exactly the blocked ways are stopped, and whether that can be: every pair
// of these machines, in both directions.
func isolation(blocked map[way]bool) (names []string, simple bool) {
	for x := range blocked {
		for _, name := range []string{x.from, x.to} {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, len(blocked) == len(names)*(len(names)-1)
}

// index is the interface index of a machine's port, for those who listen there.
func (w *Wires) index(name string) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.ports[name]
	if p == nil {
		return 0, fmt.Errorf("%s is not plugged in", name)
	}
	return p.link.Attrs().Index, nil
}
