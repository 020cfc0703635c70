package cluster

import "locum/wire"

// Event is something that happened. The events are the types of this file.
type Event interface{ event() }

// Started is the first event of an engine: what its heart and its state directory know. The engine answers by
// probing everything that could run here.
type Started struct {
	Welcome wire.Welcome
	Durable Durable
}

// PeerChanged is the heart's word about another node.
type PeerChanged struct{ Peer wire.Peer }

// MessageArrived is a message from another engine. The daemon acknowledges it (wire.Took) after the Step.
type MessageArrived struct {
	From wire.Node
	Life wire.Life
	Body Message
}

// MessageEnded says what became of a message that was sent: done once the peer's engine has stepped on it, else unknown.
type MessageEnded struct {
	ID      uint64
	To      wire.Node
	Outcome wire.Outcome
}

// LeaseChanged is the heart's word about this node's lease.
type LeaseChanged struct{ Lease wire.Lease }

// WatchdogChanged is the heart's word about this node's watchdog.
type WatchdogChanged struct{ Watchdog wire.Watchdog }

// DiskChanged is the heart's word about the quorum disks.
type DiskChanged struct{ Disk wire.Disk }

// Ceased: the heart grants nothing any more under views below the epoch.
type Ceased struct{ Below wire.Epoch }

// Permitted answers a Permit action. An OK is good until the instant.
type Permitted struct {
	ID    uint64
	OK    bool
	Until wire.Instant
}

// OpEnded is the end of a Probe, Start or Stop. State is what a probe found, or what is known after a start or stop.
// Overdue says that the deadline has passed and the worker is still at it; a second OpEnded with the same id follows when
// it returns.
type OpEnded struct {
	ID      uint64
	Outcome wire.Outcome
	State   wire.State
	Overdue bool
	Detail  string // the error, for people
}

// Watched is an agent's report that a running resource changed by itself.
type Watched struct {
	Resource ResourceID
	State    wire.State
	Detail   string
}

// Contested is a vip agent's report about an address this node does not hold yet: somebody answers for it.
type Contested struct {
	Resource ResourceID
	By       string // the MAC address that answered
}

// ShotEnded is the end of a Shoot: done only if the device, asked again, said off.
type ShotEnded struct {
	ID      uint64
	Outcome wire.Outcome
	Detail  string
}

// PowerRead is the answer to a ReadPower: what the node's switch says, without a shot.
type PowerRead struct {
	ID     uint64
	Power  wire.Power
	Detail string
}

// DiskJoined is the end of a JoinDisk.
type DiskJoined struct {
	ID     uint64
	OK     bool
	Detail string // the error, for people
}

// KeysRead is the end of a ReadKeys: the prints of the keys in the order of the files, or why one cannot be read.
type KeysRead struct {
	ID     uint64
	Prints []wire.KeyPrint
	Why    string
}

// Stored is the end of a Store. When OK is false the state directory cannot be written.
type Stored struct {
	ID     uint64
	OK     bool
	Detail string
}

// Asked is an operator's command, from this node's control socket. Answer carries the same ID.
type Asked struct {
	ID      uint64
	Command Command
}

// Leaving: this node was told to stop in order.
type Leaving struct{}

// Clock is this node's local time of day, in minutes after midnight. It comes each minute where the file has a part of the day.
type Clock struct{ Minute int }

// Tick: the time that Wake asked for has come.
type Tick struct{}

func (Started) event()         {}
func (PeerChanged) event()     {}
func (MessageArrived) event()  {}
func (MessageEnded) event()    {}
func (WatchdogChanged) event() {}
func (LeaseChanged) event()    {}
func (DiskChanged) event()     {}
func (Ceased) event()          {}
func (Permitted) event()       {}
func (OpEnded) event()         {}
func (Watched) event()         {}
func (Contested) event()       {}
func (ShotEnded) event()       {}
func (PowerRead) event()       {}
func (DiskJoined) event()      {}
func (KeysRead) event()        {}
func (Stored) event()          {}
func (Asked) event()           {}
func (Sampled) event()         {}
func (Leaving) event()         {}
func (Tick) event()            {}
func (Clock) event()           {}

// ResourceID is a resource's place in the file: the service's name and the index of its line among the service's.
type ResourceID struct {
	Service string `json:"service"`
	Index   int    `json:"index"`
}

// Durable is what the engine keeps in the state directory. A zero Durable is a node that never had one.
type Durable struct {
	Known   bool       `json:"known"`   // the directory held a state: this is not the node's first start
	Ceiling wire.Epoch `json:"ceiling"` // no epoch above it was ever promised
	Intents Intents    `json:"intents"`
	// Prepared is a file that was handed out here and is not in force yet, "" if there is none.
	Prepared string `json:"prepared,omitempty"`
	// Boot and Incarnation name the heart that was last a member of a quorate view.
	Boot        wire.ID          `json:"boot"`
	Incarnation wire.Incarnation `json:"incarnation"`
	Lives       []wire.Life      `json:"lives,omitempty"`   // as last known of each node: machine ids, incarnations
	Doubted     wire.Nodes       `json:"doubted,omitempty"` // whose power switches were found out to say off while they lived
	// Past is the limits that this node is past, in PastBoot.
	Past     []PastLimit `json:"past,omitempty"`
	PastBoot wire.ID     `json:"past_boot,omitzero"`
}
