package lab

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"locum/wire"
)

// Addresses of what is in every world; node n has 192.0.2.n and 2001:db8::n.
var (
	ClientAddress = netip.MustParseAddr("192.0.2.150")
	PowerAddress  = netip.MustParseAddr("192.0.2.200")
)

// The last octets of these.
const (
	clientNumber = 150
	powerNumber  = 200
)

// Names of the machines that are not nodes, for the cuts of cables.
const (
	ClientName = "client"
	PowerName  = "power"
)

var nodeNames = []string{"alpha", "beta", "gamma", "delta", "epsilon"}

// nameOf is the name of a node: the first five have one, the others a number.
func nameOf(number int) string {
	if number <= len(nodeNames) {
		return nodeNames[number-1]
	}
	return fmt.Sprintf("n%d", number)
}

// Options say what a world is to have.
type Options struct {
	Nodes    int               // 1 to 64
	Programs map[string]string // programs of the nodes: name in NodeDir -> path on the host
	// Neighbours has each node know the hardware addresses of all others for good. Without it all namespaces of a machine share
	// one table of 1,024, which the nodes of a large world fill when each sends to each.
	Neighbours bool
	Root       string // if set, the nodes are containers that boot the system in this directory (container/build.sh)
}

// World is nodes, a client and a power switch on one Ethernet switch.
type World struct {
	Nodes    []*Node
	Observer *Observer
	Power    *PowerSwitch
	Wires    *Wires

	root   string // Options.Root
	known  bool   // Options.Neighbours
	id     string // stands in the environment of each process of this world, as LOCUM_LAB
	keeper *keeper
	client *netspace
	power  *netspace
	close  func() error
}

// ErrNotRoot is why a world cannot be made by an ordinary user.
var ErrNotRoot = errors.New("making network namespaces needs root: run it as root or with sudo")

// New makes a world, whose nodes are off. It is gone after Close, or when this process ends in whatever way.
func New(o Options) (*World, error) {
	if os.Geteuid() != 0 {
		return nil, ErrNotRoot
	}
	if o.Nodes < 1 || o.Nodes > wire.MaxNodes {
		return nil, fmt.Errorf("a world of %d nodes: it can have 1 to %d", o.Nodes, wire.MaxNodes)
	}
	w := &World{root: o.Root, known: o.Neighbours}
	w.close = sync.OnceValue(w.end)
	if err := w.make(o); err != nil {
		return nil, errors.Join(fmt.Errorf("make a world: %w", err), w.Close())
	}
	return w, nil
}

func (w *World) make(o Options) (err error) {
	id := make([]byte, 8)
	rand.Read(id)
	w.id = hex.EncodeToString(id)
	if w.root != "" {
		removeOldGroups()
	}
	if w.keeper, err = newKeeper(); err != nil {
		return err
	}
	if err := w.keeper.do(func() error { return layPrograms(o.Programs) }); err != nil {
		return err
	}
	if w.Wires, err = newWires(); err != nil {
		return err
	}
	if w.Observer, err = newObserver(w.Wires); err != nil {
		return err
	}
	if w.client, err = w.machine(ClientName, ClientAddress, clientNumber); err != nil {
		return err
	}
	if w.power, err = w.machine(PowerName, PowerAddress, powerNumber); err != nil {
		return err
	}
	for i := range o.Nodes {
		n := newNode(w, nameOf(i+1), i+1)
		if err := w.keeper.do(func() error { return layNode(n.dir()) }); err != nil {
			return err
		}
		if w.root != "" {
			if err := w.keeper.do(func() error { return layRoot(w.root, n) }); err != nil {
				return err
			}
		}
		w.Nodes = append(w.Nodes, n)
	}
	w.Power, err = newPowerSwitch(w)
	return err
}

// machine makes a namespace that is only a network, and plugs it in.
func (w *World) machine(name string, address netip.Addr, number int) (*netspace, error) {
	space, err := newNetspace()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return space, w.Wires.plug(name, number, space, netip.PrefixFrom(address, 24), netip.PrefixFrom(address6(number), 64))
}

func address6(number int) netip.Addr {
	a := netip.MustParseAddr("2001:db8::").As16()
	a[14], a[15] = byte(number>>8), byte(number)
	return netip.AddrFrom16(a)
}

// programDir and nodesDir lie on the tmpfs of the world's mount namespace.
const (
	programDir = "/run/programs"
	nodesDir   = "/run/nodes"
)

// layPrograms copies the nodes' programs, and this one for the world's own processes, into the world.
func layPrograms(programs map[string]string) error {
	if err := os.Mkdir(programDir, 0o755); err != nil {
		return err
	}
	if err := copyProgram("/proc/self/exe", filepath.Join(programDir, programName)); err != nil {
		return err
	}
	for name, path := range programs {
		if err := copyProgram(path, filepath.Join(programDir, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	return nil
}

// layNode makes a node's own directory, with every program linked into it.
func layNode(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	programs, err := os.ReadDir(programDir)
	if err != nil {
		return err
	}
	for _, p := range programs {
		if err := os.Link(filepath.Join(programDir, p.Name()), filepath.Join(dir, p.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Node finds a node by its name, nil if there is none.
func (w *World) Node(name string) *Node {
	for _, n := range w.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Cut pulls out the cable of a node, whose link goes down. It stays out when the node is booted anew, until Heal.
func (w *World) Cut(n *Node) error { return w.Wires.pull(n.Name, true) }

// CutBetween stops all frames between two machines; both go on hearing the others, and nobody's link goes down.
func (w *World) CutBetween(a, b string) error { return w.Wires.block(way{a, b}, way{b, a}) }

// OneWay stops all frames from one machine to another; the other direction stays.
func (w *World) OneWay(from, to string) error { return w.Wires.block(way{from, to}) }

// Heal undoes every Cut, CutBetween and OneWay.
func (w *World) Heal() error { return w.Wires.heal() }

// ClientPath is the client's network namespace, for nsenter --net=, as long as this process lives.
func (w *World) ClientPath() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), w.client.fd) }

// Close ends every process of the world and gives everything back. More than once does no harm.
func (w *World) Close() error { return w.close() }

func (w *World) end() error {
	var errs []error
	if w.Power != nil {
		errs = append(errs, w.Power.close())
	}
	for _, n := range w.Nodes {
		errs = append(errs, n.off())
	}
	if w.keeper != nil {
		w.keeper.close()
	}
	if w.Observer != nil {
		w.Observer.close()
	}
	w.client.close()
	w.power.close()
	if w.Wires != nil {
		w.Wires.space.close()
	}
	return errors.Join(errs...)
}
