package wire

// The records that the two processes of a node exchange over their socketpair, one record a packet, as JSON. Exactly one
// field of ToEngine and of ToHeart is set in each record. The heart never waits for the engine: what the engine does not
// read is queued up to a limit, and an engine that lets the queue overflow is started anew.

// RecordsVersion is the version of these records; heart and engine are one binary, so a difference is an error.
const RecordsVersion = 1

// ToEngine is one record from the heart to its engine.
type ToEngine struct {
	Welcome *Welcome    `json:"welcome,omitempty"`
	Peer    *Peer       `json:"peer,omitempty"`
	Arrived *Arrived    `json:"arrived,omitempty"`
	Fate    *Fate       `json:"fate,omitempty"`
	Lease   *Lease      `json:"lease,omitempty"`
	Permit  *Permit     `json:"permit,omitempty"`
	Ceased  *Ceased     `json:"ceased,omitempty"`
	Ping    *Ping       `json:"ping,omitempty"`
	Leave   *Leave      `json:"leave,omitempty"`
	Paths   []PathState `json:"paths,omitempty"`
	// Watchdog is sent to a new engine, and when it changes.
	Watchdog *Watchdog `json:"watchdog,omitempty"`
	// Disk is sent where the file has quorum disks.
	Disk *Disk `json:"disk,omitempty"`
}

// ToHeart is one record from the engine to its heart.
type ToHeart struct {
	Send   *Send         `json:"send,omitempty"`
	Took   *Took         `json:"took,omitempty"`
	View   *ViewForHeart `json:"view,omitempty"`
	Cease  *Ceased       `json:"cease,omitempty"`
	Permit *Permit       `json:"permit,omitempty"`
	Idle   *Idle         `json:"idle,omitempty"`
	Pong   *Ping         `json:"pong,omitempty"`
	Left   *Leave        `json:"left,omitempty"`
	Want   *Want         `json:"want,omitempty"`  // of the tie-break on the disks, until another follows
	Words  *Revision     `json:"words,omitempty"` // of the operators' words that are durable here
	Pills  *Pills        `json:"pills,omitempty"` // to lie in the disks' mailboxes, until others follow
	Reseal *Reseal       `json:"reseal,omitempty"`
	Title  string        `json:"title,omitempty"` // one line for systemd's status
}

// Welcome is the first record a new engine gets.
type Welcome struct {
	Version     int         `json:"version"`
	Self        Node        `json:"self"`
	Incarnation Incarnation `json:"incarnation"`
	Boot        ID          `json:"boot"`
	Machine     ID          `json:"machine"`
	EngineStart uint16      `json:"engine_start"` // 1 for the first engine of this heart
	// Resume is the view that this node obeyed and may still hold, nil if there is none of this boot.
	Resume *ViewForHeart `json:"resume,omitempty"`
	Lease  Lease         `json:"lease"`
	// Granted is when this node sent the newest beat that a quorum has echoed, 0 if there is none of this boot.
	Granted Instant `json:"granted,omitempty"`
	// Below: an engine of this boot has promised that epoch, whatever the state directory says.
	Below Epoch `json:"below,omitempty"`
	// Left: an engine of this heart has told the others that this node has left.
	Left bool `json:"left,omitempty"`
	// Keys are the prints of the cluster's keys that this heart goes by: it seals with the first, and opens with all.
	Keys []KeyPrint `json:"keys"`
}

// PeerState is what the heart says of another node.
type PeerState uint8

// The states of a peer. Never is the zero value.
const (
	PeerNever PeerState = iota // not heard since this heart started, or heard but its life is not yet proven fresh
	PeerUp                     // heard
	PeerLate                   // silent on every path for half of dead: shown, not acted on
	PeerDead                   // silent on every path for dead
)

var peerStateNames = [...]string{"never heard", "up", "late", "dead"}

// String is the state's name.
func (s PeerState) String() string { return nameOf(peerStateNames[:], int(s)) }

// MarshalText writes the state's name.
func (s PeerState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *PeerState) UnmarshalText(text []byte) error {
	i, err := indexOf(peerStateNames[:], string(text))
	*s = PeerState(i)
	return err
}

// Peer is sent when anything in it but LastHeard changed.
type Peer struct {
	Node        Node        `json:"node"`
	State       PeerState   `json:"state"`
	Incarnation Incarnation `json:"incarnation"`
	Boot        ID          `json:"boot"`
	Machine     ID          `json:"machine"`
	LastHeard   Instant     `json:"last_heard"` // on this node's clock; 0 never
	EngineUp    bool        `json:"engine_up"`
	EngineStart uint16      `json:"engine_start"`
	Leaving     bool        `json:"leaving"`
	Quorate     bool        `json:"quorate"`
	Idle        bool        `json:"idle"`  // it says: nothing runs here
	Epoch       Epoch       `json:"epoch"` // of the view under which it grants; 0 none
	Hears       Nodes       `json:"hears"` // whom it says it hears
	ObeysLease  bool        `json:"obeys_lease"`
	LeaseMS     uint32      `json:"lease_ms"`
	Armed       bool        `json:"armed"` // its watchdog is armed
	WatchdogMS  uint32      `json:"watchdog_ms"`
}

// Life names one life of a node: what a message session, a promise and a proof are bound to.
type Life struct {
	Node        Node        `json:"node"`
	Boot        ID          `json:"boot"`
	Machine     ID          `json:"machine"`
	Incarnation Incarnation `json:"incarnation"`
	EngineStart uint16      `json:"engine_start"`
}

// Arrived is an internode message, in order and once. Took with the same From and Number acknowledges it.
type Arrived struct {
	From    Node   `json:"from"`
	Life    Life   `json:"life"`
	Number  uint64 `json:"number"`
	Payload []byte `json:"payload"`
}

// Took says that the engine has stepped on a message.
type Took struct {
	From   Node   `json:"from"`
	Number uint64 `json:"number"`
}

// Send asks for an internode message to one node; Fate answers with the same ID.
type Send struct {
	ID      uint64 `json:"id"`
	To      Node   `json:"to"`
	Payload []byte `json:"payload"`
}

// Fate is what became of a message: done (the peer's engine took it) or unknown (its session or ours ended).
type Fate struct {
	ID      uint64  `json:"id"`
	To      Node    `json:"to"`
	Outcome Outcome `json:"outcome"`
}

// LeaseState is how far a node's lease has run down.
type LeaseState uint8

// The states of the lease. Over is the zero value: who was never granted one has none.
const (
	LeaseOver   LeaseState = iota // it ended, or there was none
	LeaseHalf                     // the first half is over without a quorum's echo: stop services
	LeaseHeld                     // a quorum's echo is fresh
	LeaseExempt                   // this view obeys none: it serves while it fences, or "unsafe"
)

var leaseStateNames = [...]string{"over", "half over", "held", "exempt"}

// String is the state's name.
func (s LeaseState) String() string { return nameOf(leaseStateNames[:], int(s)) }

// MarshalText writes the state's name.
func (s LeaseState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *LeaseState) UnmarshalText(text []byte) error {
	i, err := indexOf(leaseStateNames[:], string(text))
	*s = LeaseState(i)
	return err
}

// Lease is sent when State changes.
type Lease struct {
	State LeaseState `json:"state"`
	Until Instant    `json:"until"` // its end as known when this was sent; later echoes move it on
}

// Ceased: before the engine sends a promise, the heart stops granting under views below the epoch and answers with the
// same epoch. The beats of all nodes carry the view under which they grant; an echo counts only inside the same view.
type Ceased struct {
	Below Epoch `json:"below"`
}

// Permit is asked before each resource start: may something run here under this epoch? The heart answers OK only if that
// is the view it holds and the lease is held or exempt; from its OK on it counts this node as running something. An OK is
// good until an instant, at most half a lease away, that no echo which comes later puts off.
type Permit struct {
	ID    uint64  `json:"id"`
	Epoch Epoch   `json:"epoch"`
	OK    bool    `json:"ok"`
	Until Instant `json:"until,omitempty"`
}

// Idle is the engine's word that nothing runs here (workers idle, probed after that), or that something may.
type Idle struct {
	Idle bool `json:"idle"`
	// Left: the others are told next that this node has left. Whoever comes back after that was away, however soon it is.
	Left bool `json:"left,omitempty"`
}

// WatchdogReboot stands in the file in place of a device: the machine is reset by reboot(2) alone.
const WatchdogReboot = "reboot"

// Watchdog is what self-fencing is worth at this node.
type Watchdog struct {
	Armed   bool   `json:"armed"`   // others may rely on it
	Refuses bool   `json:"refuses"` // the file names a device that is not armed: nothing is permitted until it is
	Text    string `json:"text"`    // for status
	// Unarmed is why that device could not be armed, "" if it could be or was not tried yet.
	Unarmed string `json:"unarmed,omitempty"`
	// Stays says that the device cannot be stopped, and what follows from that; "" if it can.
	Stays string `json:"stays,omitempty"`
}

// Ping must come back; an engine that does not answer within a second is shown as down in the beats, and after its grace
// is killed and started anew.
type Ping struct {
	Number uint64 `json:"number"`
}

// Leave: from the heart, SIGTERM came: hand the services over and leave. From the engine: that is done.
type Leave struct {
	Clean bool `json:"clean"` // from the engine: nothing runs here, and the others know it
}

// VoteOf is one node's vote in a view.
type VoteOf struct {
	Node  Node `json:"node"`
	Votes int  `json:"votes"`
}

// ViewForHeart is what the heart must know of an installed view, to grant and to hold the lease.
type ViewForHeart struct {
	Epoch   Epoch    `json:"epoch"`
	Members Nodes    `json:"members"`
	Votes   []VoteOf `json:"votes"`  // of the members that have one, in order of number
	Needed  int      `json:"needed"` // votes whose echo holds the lease, this node's own included
	Quorate bool     `json:"quorate"`
	Exempt  bool     `json:"exempt"` // obeys no lease in this view
	// Claim is the instance on the quorum disk that made this half quorate, 0 if none did: the lease then also needs rounds of
	// reading the disk that show no newer one.
	Claim uint64 `json:"claim,omitempty"`
	Blob  []byte `json:"blob"` // the view as the engine has it, the same at all members, given back in Welcome.Resume
	Own   []byte `json:"own"`  // what this node's engine keeps with it, given back as well
}

// PathState is one (peer, path) for status.
type PathState struct {
	Path      string            `json:"path"`
	Type      string            `json:"type"`
	Peer      Node              `json:"peer"`
	Up        bool              `json:"up"`
	PeerHears bool              `json:"peer_hears"` // the peer says it hears us on this path
	LossPct   float64           `json:"loss_percent"`
	RTTMicros int64             `json:"rtt_us"`
	SilentMS  int64             `json:"silent_ms"`
	Drops     map[string]uint64 `json:"drops,omitempty"`
	Note      string            `json:"note,omitempty"` // what the path's own port says is wrong
}
