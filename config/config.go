// Package config turns the flat file into a checked Config.
//
// One directive a line, every line stands alone. Parse reports every error of the file at once, each with its line, and
// a Config is given out only when there is none: whoever holds one need not check it again. Explain says what the file
// means. The package is pure: it reads no file and no clock.
package config

import (
	"net/netip"
	"time"

	"locum/wire"
)

// Config is one checked file. It is never changed after Parse.
type Config struct {
	Cluster string // name, 1 to 32 of [a-z0-9-]
	KeyFile string // absolute path of the 32-byte key file, with which all is sealed
	// NextKey is the file of the key that will take its place, PreviousKey of the one whose place it has taken; at most one of
	// them is there, and only while the key is replaced: it is accepted too.
	NextKey     string
	PreviousKey string
	Nodes       []Node // in order of number; at least one
	Beat        Beat
	Paths       []Path // in file order; at least one if there are two nodes
	Watchdog    Watchdog
	Disks       []Disk        // quorum disks, in file order: none, one or three
	Tiebreaks   []Tiebreak    // in file order
	Fences      []Fence       // in file order
	Lease       time.Duration // how long a node may run services without hearing from a quorum
	Quorum      Quorum
	Engine      Engine
	Services    []Service // in file order
	Limits      []Limit   // in file order
	Notifies    []Notify
	Text        string // the file as it was read
}

// Node is a "node" line.
type Node struct {
	Number wire.Node
	Name   string
	Votes  int  // 0 to 100, default 1
	Guest  bool // guest=yes: a virtual machine; its own watchdog may be paused with it
	// LeaseProof allows proof 2 (lease over) against this node although it is a guest or its watchdog is softdog.
	LeaseProof bool      // lease-proof=yes
	Capacity   []Measure // of each unit that it names, in order of unit; what it does not name is not limited
	Line       int
}

// Beat is the "beat" line.
type Beat struct {
	Every time.Duration // default 100ms; 1ms to 10s
	Dead  time.Duration // default 1s; at least 3 x Every
	Line  int
}

// Path is a "path" line: one way for bytes between nodes.
type Path struct {
	Type      string // udp, ethernet or serial
	Name      string
	Addresses map[wire.Node]netip.Addr // udp: each node's own address, one of the node's interfaces
	Port      uint16                   // udp: default 6694
	Shared    bool                     // a beat goes out once, to all; the rest, and all on other paths, to each node by itself
	Group     netip.Addr               // udp: where that goes, the address of a multicast group or of a network's broadcasts
	Devices   map[wire.Node]string     // ethernet: each node's interface
	EtherType uint16                   // ethernet: default 0x88b5
	Ports     map[wire.Node][]string   // serial: each node's devices: one for two nodes, two in a ring
	Baud      int                      // serial: bits a second
	RTSCTS    bool                     // serial: rtscts=yes, flow control by wire
	Line      int
}

// Watchdog is the "watchdog" line. Without one, self-fencing is best effort.
type Watchdog struct {
	Device  string        // "" none; otherwise "reboot" (reset by reboot(2)) or an absolute path
	Timeout time.Duration // asked of the device; what it grants is read back
	Line    int
}

// Tiebreak is a "tiebreak" line: what decides when exactly half of the votes are left.
type Tiebreak struct {
	Type  string        // disk, fence or unsafe
	Delay time.Duration // fence: how long the side that shoots second waits
	Line  int
}

// Fence is a "fence" line: one device that can make certain that a node runs nothing.
type Fence struct {
	Node  wire.Node
	Name  string            // unique per node
	Type  string            // one of FenceTypes; "agent" with Agent set
	Agent string            // fence_xyz: a name searched in PATH and /usr/sbin, or an absolute path
	Level int               // default 1; all devices of the lowest level must succeed, else the next level
	Keys  map[string]string // the remaining key=value words, for the device's type
	// Timeout bounds one action of the device: off, status or on. Default 20s.
	Timeout time.Duration
	ThenOn  bool // then=on: switched on again once the node is confirmed off
	// Holdup is for how long the machine may run on by what its supply holds after the device has said off. Default 500ms for an outlet whose node may run more than addresses and stateless services, else 0.
	Holdup time.Duration
	Line   int

	holdupSet bool
}

// Quorum is the "quorum" line.
type Quorum struct {
	Dynamic bool // a clean node's vote is not counted; default yes for two nodes with a fence or a disk
	Line    int
}

// Engine is the "engine" line.
type Engine struct {
	Grace time.Duration // how long a node's engine may be down or hang before that has consequences; default 30s
	Line  int
}

// Service is what the user wants kept up: a "service" line and its "resource" lines, or one instance of them. It runs once.
type Service struct {
	Name     string      // "web", or "web:2" for an instance of a parallel service
	Group    string      // the name that the line has
	Instance int         // 1 to Most
	Parallel bool        // the line says instances=
	Least    int         // instances=LEAST..MOST: so many count as needed, the others run where there is room
	Most     int         // default 1
	Nodes    []wire.Node // the failover path: most wanted first
	Spread   bool        // place=spread: on the least loaded of its nodes, not on the first

	Failback   bool   // move back to an earlier node of the path when it can run it again; default no
	FailbackAt Window // failback=02:00-04:00: the same, in that part of the day only
	Rebalance  bool   // rebalance=yes: may be moved to even the load out

	Weight []Measure // what it needs of its node, in order of unit
	// Places in Config.Services of those that it starts after, has to be on one node with, and must not be on one node with.
	// Other instances of its line are among the last.
	After, With, Apart []int

	Stateless bool // may run on both sides of a split under "tiebreak unsafe"
	Priority  int  // default 0; larger counts more
	Restarts  Restarts
	Resources []Resource // started in this order, stopped in the reverse one; at least one
	Line      int
}

// Restarts is restarts=N/T: so often in place within that time, then elsewhere.
type Restarts struct {
	Count  int           // default 3
	Within time.Duration // default 10m
}

// Resource is a "resource" line.
type Resource struct {
	Service string
	Type    string            // vip, unit, process, script
	Args    []string          // positional words after the type
	Keys    map[string]string // key=value words, without those below
	// Start, Stop: deadlines start= and stop=, default 60s each; past one, the outcome is unknown.
	Start, Stop time.Duration
	Line        int
}

// ID names a resource for people and messages: "web/vip 192.0.2.100/24".
func (r Resource) ID() string {
	if len(r.Args) == 0 {
		return r.Service + "/" + r.Type
	}
	return r.Service + "/" + r.Type + " " + r.Args[0]
}

// Notify is a "notify" line.
type Notify struct {
	Type string   // exec
	Args []string // exec: the program and its arguments; each event is one JSON object on its standard input
	Line int
}
