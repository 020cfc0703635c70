package cluster

import (
	"time"

	"locum/wire"
)

// Action is something to be done. The actions are the types of this file. Those with an ID are answered by an event with
// the same ID; an answer whose ID the engine no longer waits for is ignored.
type Action interface{ action() }

// Send hands a message to the heart for one node; MessageEnded follows.
type Send struct {
	ID   uint64
	To   wire.Node
	Body Message
}

// SetView tells the heart which view this node obeys.
type SetView struct{ View wire.ViewForHeart }

// Cease asks the heart to stop granting under views below the epoch; Ceased follows.
type Cease struct{ Below wire.Epoch }

// Permit asks the heart whether something may run under the epoch; Permitted follows.
type Permit struct {
	ID    uint64
	Epoch wire.Epoch
}

// Prepare has the resource's agent open what a start will need, changing nothing. It is a favour: no event follows.
type Prepare struct{ Resource ResourceID }

// SetIdle tells the heart that nothing runs here, or that something may.
// Left goes ahead of the word to the others that this node has left.
type SetIdle struct{ Idle, Left bool }

// Contend has the heart claim the quorum disk's tie-break for this half, until another Contend follows; the zero Want ends it.
// DiskChanged tells what was decided.
type Contend struct{ Want wire.Want }

// NoteWords has the heart name on the quorum disks the newest words of operators that are durable here; DiskChanged tells when a
// majority of them does.
type NoteWords struct{ Words wire.Revision }

// SendPills has the heart write to the mailboxes of the quorum disks which nodes have to go, until another SendPills follows.
type SendPills struct{ Pills wire.Pills }

// OpKind is what a worker is to do with a resource.
type OpKind uint8

// The kinds of operation.
const (
	OpProbe OpKind = iota
	OpStart
	OpStop
)

// String is the kind's name.
func (k OpKind) String() string { return [...]string{"probe", "start", "stop"}[k] }

// RunOp has the resource's worker probe, start or stop it; OpEnded follows, at the latest when Deadline is over.
type RunOp struct {
	ID       uint64
	Kind     OpKind
	Resource ResourceID
	Deadline time.Duration
}

// CancelOp ends an operation's context. Its OpEnded still follows.
type CancelOp struct{ ID uint64 }

// Watch has the agent watch a resource that runs (On), or no longer; Watched follows whenever it changes.
type Watch struct {
	Resource ResourceID
	On       bool
}

// Listen has a vip agent ask the network whether another host answers for an address that this node may soon take over
// (On), from when its owner is late; Contested follows if so.
type Listen struct {
	Resource ResourceID
	On       bool
}

// Announce has the vip agents of running services announce again: a split has healed.
type Announce struct{}

// Shoot has the node's fence devices switch it off and confirm that; ShotEnded follows. The shot names the life it is
// meant for. Before each device is told, the daemon asks Engine.MayShoot.
type Shoot struct {
	ID    uint64
	Node  wire.Node
	Life  wire.Life
	Epoch wire.Epoch
}

// CancelShot ends a shot's context: the node was heard again. ShotEnded still follows.
type CancelShot struct{ ID uint64 }

// JoinDisk has the newest records of two quorum disks copied to the third, which replaces another, and has that one count;
// DiskJoined follows. CancelJoin ends it before its next write.
type JoinDisk struct{ ID uint64 }

// CancelJoin ends a JoinDisk; its DiskJoined still follows.
type CancelJoin struct{ ID uint64 }

// ResealDisks has the heart seal anew on the quorum disks what no node of the file writes, until another ResealDisks follows. Number
// comes back in wire.Disk.
type ResealDisks struct {
	Rest   bool
	Number uint64
}

// ReadKeys has the files of keys read that a new file names; KeysRead follows.
type ReadKeys struct {
	ID    uint64
	Files []string
}

// ReadPower asks the node's devices for its state, without a shot; PowerRead follows.
type ReadPower struct {
	ID   uint64
	Node wire.Node
}

// Store makes Durable durable (written, fsynced, renamed); Stored follows.
type Store struct {
	ID      uint64
	Durable Durable
}

// Answer ends an operator's command.
type Answer struct {
	ID     uint64
	Result Result
}

// Wake asks for a Tick at the instant, in place of any earlier wish. 0 withdraws it.
type Wake struct{ At wire.Instant }

// Adopt ends with this engine being replaced by one that runs the new file; nothing is touched.
type Adopt struct {
	Text string
}

// Left: this node has handed everything over; the heart may leave. Clean as in wire.Leave.
type Left struct{ Clean bool }

// Tell is one line of the node's history: for the log, `locum events` and notify.
type Tell struct{ Event History }

func (Send) action()        {}
func (SetView) action()     {}
func (Cease) action()       {}
func (Permit) action()      {}
func (Prepare) action()     {}
func (Contend) action()     {}
func (NoteWords) action()   {}
func (SendPills) action()   {}
func (SetIdle) action()     {}
func (RunOp) action()       {}
func (CancelOp) action()    {}
func (Watch) action()       {}
func (Listen) action()      {}
func (Announce) action()    {}
func (Shoot) action()       {}
func (JoinDisk) action()    {}
func (ResealDisks) action() {}
func (ReadKeys) action()    {}
func (CancelJoin) action()  {}
func (CancelShot) action()  {}
func (ReadPower) action()   {}
func (Store) action()       {}
func (Answer) action()      {}
func (Wake) action()        {}
func (Adopt) action()       {}
func (Left) action()        {}
func (Tell) action()        {}

// History is one thing that happened or was decided, with its reason.
type History struct {
	Kind    string     `json:"kind"`              // view, peer, service, fence, proof, tie, lease, intent, alarm, config, leave, health
	Level   string     `json:"level"`             // info, warn, alarm
	Node    string     `json:"node,omitempty"`    // the node it is about
	Service string     `json:"service,omitempty"` // the service it is about
	Epoch   wire.Epoch `json:"epoch,omitempty"`
	Proof   string     `json:"proof,omitempty"` // which of the four proofs a takeover rests on
	Text    string     `json:"text"`            // one sentence
}
