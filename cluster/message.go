package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"locum/wire"
)

// Message is what engines say to each other; exactly one field is set. All of it travels sealed, in order, and is
// acknowledged by the receiving engine.
type Message struct {
	Propose   *Propose    `json:"propose,omitempty"`
	Promise   *Promise    `json:"promise,omitempty"`
	Refuse    *Refuse     `json:"refuse,omitempty"`
	Install   *Install    `json:"install,omitempty"`
	Orders    *Orders     `json:"orders,omitempty"`
	Report    *Report     `json:"report,omitempty"`
	Replicate *Replicate  `json:"replicate,omitempty"`
	Accept    *Accept     `json:"accept,omitempty"`
	Request   *Request    `json:"request,omitempty"`
	Reply     *Reply      `json:"reply,omitempty"`
	Leave     *LeaveWord  `json:"leave,omitempty"`
	Board     *Board      `json:"board,omitempty"`
	File      *File       `json:"file,omitempty"`
	Health    *HealthWord `json:"health,omitempty"`
	Moved     *Moved      `json:"moved,omitempty"`
	Moves     *Moves      `json:"moves,omitempty"`
	Disk      *DiskWord   `json:"disk,omitempty"`
}

// Edition names the file that a node goes by.
type Edition struct {
	Print   string        `json:"print"`   // its fingerprint
	Version wire.Revision `json:"version"` // in which it was applied, zero if it was written by hand
}

// File hands a node whose file is older the one that is in force.
type File struct {
	Text string `json:"text"`
}

// Propose asks each of the members for a promise to the view's epoch.
type Propose struct {
	Epoch   wire.Epoch `json:"epoch"`
	Members wire.Nodes `json:"members"`
	// Quorate says that the proposer's present view is quorate: a node without a view may join it.
	Quorate bool    `json:"quorate"`
	File    Edition `json:"file"`
}

// Promise says: from now on I obey nothing older than Epoch. It carries what the leader has to know to decide.
type Promise struct {
	Epoch    wire.Epoch      `json:"epoch"`
	Life     wire.Life       `json:"life"`
	Votes    bool            `json:"votes"`           // may vote: admitted in this boot, and its state directory can be written
	Admitted bool            `json:"admitted"`        // was a member of a quorate view in this boot
	Fresh    bool            `json:"fresh,omitempty"` // its state directory knows of no quorate view: it is new, or was lost
	Writable bool            `json:"writable"`
	Services []ServiceReport `json:"services"`
	Intents  Intents         `json:"intents"`
	Clean    []Clean         `json:"clean"`
	Silent   []Silence       `json:"silent"`              // of each node outside the proposed set
	Config   string          `json:"config"`              // fingerprint
	Text     string          `json:"text,omitempty"`      // the file, sent only while not admitted
	MemberAt []Seen          `json:"member_at"`           // of each node, the newest view known to have had it
	View     wire.Epoch      `json:"view,omitempty"`      // the newest quorate view that was in force here
	Joint    wire.Epoch      `json:"joint,omitempty"`     // the newest view of more than half that was, or may have been, in force
	Prepared string          `json:"prepared,omitempty"`  // a file that is being applied and not in force here yet
	GaveUp   *wire.Revision  `json:"gave_up,omitempty"`   // the file of this version is in force nowhere: who alone could have had it take effect does not
	Unsure   bool            `json:"unsure,omitempty"`    // in a tie, the other side may know more, or be shooting at it
	Tied     bool            `json:"tied,omitempty"`      // it leaves a half that may be shooting at members of this view
	Strays   []Stray         `json:"strays,omitempty"`    // what it knows of them
	Forgot   bool            `json:"forgot,omitempty"`    // it promised another's view that did not come, and does not know any more who was in it
	ForgotMS int64           `json:"forgot_ms,omitempty"` // that is so long ago at least
	Counted  []Counted       `json:"counted,omitempty"`   // whose votes count again, because another's view with them was promised
	Awaits   []uint64        `json:"awaits,omitempty"`    // commands that the proposer was asked to carry out and has not answered
	Unable   string          `json:"unable,omitempty"`    // why nothing can be started here, "" if something can
	Health

	forgotBy wire.Instant // by when, as who has got the promise reckons
}

// Silence says how long a node has not been heard, in milliseconds before the promise was sent.
type Silence struct {
	Node  wire.Node `json:"node"`
	AgeMS int64     `json:"age_ms"` // below 0: never heard in this life of the engine, which is as old as that is below -1
	// LostMS is for how long not both have heard the other, 0 if they do; below 0: nobody knows, but for as long as it is below -1.
	LostMS int64 `json:"lost_ms,omitempty"`
	// What the newest beat said of the lease and the watchdog, in a former life of this one too: not all members may have heard it (SAFETY 8). Without a lease this
	// one knows of none. Loose: it obeys no lease, or its watchdog is not armed.
	LeaseMS    uint32 `json:"lease_ms,omitempty"`
	WatchdogMS uint32 `json:"watchdog_ms,omitempty"`
	Loose      bool   `json:"loose,omitempty"`
}

// age is for how long at least a node has not been heard, in milliseconds.
func (s Silence) age() int64 {
	if s.AgeMS < 0 {
		return -1 - s.AgeMS
	}
	return s.AgeMS
}

// Seen is the newest view in which a node is known to have been a member.
type Seen struct {
	Node        wire.Node        `json:"node"`
	Epoch       wire.Epoch       `json:"epoch"`       // 0: of a view with a former boot of who says it, which remembers none
	Incarnation wire.Incarnation `json:"incarnation"` // the newest life in which it was one, or may have been
}

// Refuse says why a promise is not given.
type Refuse struct {
	Epoch    wire.Epoch `json:"epoch"`    // of the proposal
	Promised wire.Epoch `json:"promised"` // the highest epoch promised so far
	Why      string     `json:"why"`
	File     Edition    `json:"file"`
	// Awaits is whose view the node has promised and waits for, 0 if it waits for none.
	Awaits wire.Node `json:"awaits,omitempty"`
}

// Install makes a promised view the one to obey.
type Install struct {
	View    View    `json:"view"`
	Intents Intents `json:"intents"`
	AskedMS int64   `json:"asked_ms,omitempty"` // so long before it was made its members were asked for it
}

// Orders is all that the leader wants of one member: the services not listed are to be stopped there.
type Orders struct {
	Epoch  wire.Epoch `json:"epoch"`
	Serial uint64     `json:"serial"`
	Run    []string   `json:"run"`             // services that shall run here
	Reset  []string   `json:"reset,omitempty"` // services whose failures here are forgiven
	Shoot  wire.Node  `json:"shoot,omitempty"` // this member shall fence that node: the leader itself is stuck
	Hold   []string   `json:"hold,omitempty"`  // maintenance: leave these as they are
	// Prepare is the services that shall run here next, once they are stopped elsewhere.
	Prepare []string `json:"prepare,omitempty"`
}

// Report is what is so at one member, sent on each change.
type Report struct {
	Epoch    wire.Epoch      `json:"epoch"`
	Serial   uint64          `json:"serial"` // of the newest Orders seen
	Services []ServiceReport `json:"services"`
	Writable bool            `json:"writable"`         // its state directory: without it, it casts no vote
	Proven   []Clean         `json:"proven,omitempty"` // what this member knows beyond the view's proofs
	Ready    []string        `json:"ready,omitempty"`  // services that are prepared here
	Unable   string          `json:"unable,omitempty"` // why nothing can be started here, "" if something can
	Lost     wire.Nodes      `json:"lost,omitempty"`   // in a tie, whom it has lost
	Health
}

// Phase is how far one service is on one node.
type Phase uint8

// The phases. Unknown is the zero value and counts as running.
const (
	PhaseUnknown  Phase = iota // not probed yet
	PhaseStopped               // all of it is known to be stopped, and no worker is at it
	PhaseStarting              // a start is queued or under way, or part of it runs
	PhaseRunning               // all of it runs
	PhaseStopping              // on the way to stopped
	PhaseStuck                 // a stop failed: only a fence can end it
)

var phaseNames = [...]string{"unknown", "stopped", "starting", "running", "stopping", "stuck"}

// String is the phase's name.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("invalid(%d)", uint8(p))
}

// MarshalText writes the phase's name.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a phase's name.
func (p *Phase) UnmarshalText(text []byte) error {
	for i, n := range phaseNames {
		if n == string(text) {
			*p = Phase(i)
			return nil
		}
	}
	return fmt.Errorf("phase %q is none of %v", text, phaseNames)
}

// ServiceReport is one service on one node.
type ServiceReport struct {
	Service string `json:"service"`
	Phase   Phase  `json:"phase"`
	Barred  bool   `json:"barred,omitempty"` // failed here too often: not again before "locum clear"
	Detail  string `json:"detail,omitempty"`
}

// Replicate hands the members a new version of the intents to make durable.
type Replicate struct {
	Epoch   wire.Epoch `json:"epoch"`
	Intents Intents    `json:"intents"`
	// Text is a new file that every member checks and makes durable; it counts from Commit on. With Drop it will not count:
	// a member cannot take it.
	Text   string `json:"text,omitempty"`
	Commit bool   `json:"commit,omitempty"`
	Drop   bool   `json:"drop,omitempty"`
}

// Accept says that a Replicate is durable here, or why not.
type Accept struct {
	Epoch   wire.Epoch    `json:"epoch"`
	Version wire.Revision `json:"version"`
	OK      bool          `json:"ok"`
	Why     string        `json:"why,omitempty"`
	// Unwritable: the state directory is what could not take it. Who cannot write casts no vote, so others may go on without.
	Unwritable bool `json:"unwritable,omitempty"`
	// Keys are the prints of the keys that the new file names, as they were read here.
	Keys []wire.KeyPrint `json:"keys,omitempty"`
}

// Request carries an operator's command to the leader, in the view in which it was given: one that was long on its way must not
// undo what was said since.
type Request struct {
	ID      uint64     `json:"id"`
	Epoch   wire.Epoch `json:"epoch"`
	Command Command    `json:"command"`
}

// Reply carries the result back. Again says that nothing was done, because the view has changed: it is to be asked once more.
type Reply struct {
	ID     uint64 `json:"id"`
	Result Result `json:"result"`
	Again  bool   `json:"again,omitempty"`
}

// LeaveWord: a member that is leaving says so (Stopped false: move my services away), or that it has probed and nothing
// runs on it (Stopped true); the leader answers with a view without it.
type LeaveWord struct {
	Stopped bool `json:"stopped"`
}

// Encode gives the message as it is sent.
func Encode(m Message) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	if len(b) > wire.MaxMessage {
		return nil, fmt.Errorf("message of %d bytes: at most %d", len(b), wire.MaxMessage)
	}
	return b, nil
}

// Decode reads a message strictly: unknown fields, none or more than one kind, and trailing bytes are errors.
func Decode(b []byte) (Message, error) {
	var m Message
	if len(b) > wire.MaxMessage {
		return m, fmt.Errorf("message of %d bytes: at most %d", len(b), wire.MaxMessage)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			return Message{}, fmt.Errorf("message with the field %s, which this version does not know: compare what locum version says on both", field)
		}
		return Message{}, fmt.Errorf("message: %w", err)
	}
	if d.More() {
		return Message{}, fmt.Errorf("message: bytes after its end")
	}
	if n := m.kinds(); n != 1 {
		return Message{}, fmt.Errorf("message: %d kinds in one, want 1", n)
	}
	return m, nil
}

func (m Message) kinds() int {
	n := 0
	for _, set := range []bool{m.Propose != nil, m.Promise != nil, m.Refuse != nil, m.Install != nil, m.Orders != nil,
		m.Report != nil, m.Replicate != nil, m.Accept != nil, m.Request != nil, m.Reply != nil, m.Leave != nil, m.Board != nil,
		m.File != nil, m.Health != nil, m.Moved != nil, m.Moves != nil, m.Disk != nil} {
		if set {
			n++
		}
	}
	return n
}
