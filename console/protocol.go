// Package console is how people and programs talk to a running node: the control socket's protocol, its client, and the
// commands that show and change things. It decides nothing: a command is carried to the engine and its answer shown.
//
// The socket (0600, /run/locum/locum.sock) takes one Request a connection, as one line of JSON, and answers with one
// Reply a line; "events" with follow keeps sending. The heart listens, so that status is answered also when the engine is
// down.
package console

import (
	"time"

	"locum/cluster"
	"locum/wire"
)

// ProtocolVersion is the version of Request and Reply.
const ProtocolVersion = 1

// DefaultSocket is where a node listens if --socket does not say otherwise.
const DefaultSocket = "/run/locum/locum.sock"

// Command is what an operator asks for.
type Command = cluster.Command

// Status is what a node knows of the cluster.
type Status = cluster.Status

// ServiceWhy is why a service is where it is, and not elsewhere.
type ServiceWhy = cluster.ServiceWhy

// Request is what a client asks.
type Request struct {
	Version int              `json:"version"`
	Verb    string           `json:"verb"`              // status, paths, events, command, fence-test, leave
	Follow  bool             `json:"follow,omitempty"`  // events: go on sending
	Command *cluster.Command `json:"command,omitempty"` // command
	Node    string           `json:"node,omitempty"`    // fence-test: whose devices
	Power   bool             `json:"power,omitempty"`   // fence-test: really off and on
}

// Reply is one answer. Error is set when the request could not be carried out at all.
type Reply struct {
	Version int              `json:"version"`
	Error   *Error           `json:"error,omitempty"`
	Status  *cluster.Status  `json:"status,omitempty"`
	Heart   *HeartStatus     `json:"heart,omitempty"` // always with status: what the heart itself knows
	Paths   []wire.PathState `json:"paths,omitempty"`
	// Names of the nodes by number, with paths.
	Names  map[wire.Node]string `json:"names,omitempty"`
	Event  *Event               `json:"event,omitempty"`
	Result *cluster.Result      `json:"result,omitempty"`
	Fences []FenceTest          `json:"fences,omitempty"`
}

// Error is a failure as an object: Code is the exit status, Text what was wrong and what to do.
type Error struct {
	Code int    `json:"code"`
	Text string `json:"text"`
}

// HeartStatus is the heart's own word: it stands also while the engine is down.
type HeartStatus struct {
	Node        string          `json:"node"`
	Incarnation uint32          `json:"incarnation"`
	EngineUp    bool            `json:"engine_up"`
	Lease       wire.LeaseState `json:"lease"`
	LeaseLeftMS int64           `json:"lease_left_ms"`     // until it is over; 0 if it is
	Refused     []string        `json:"refused,omitempty"` // what the kernel refused: real time, locked memory, …
	LateUS      int64           `json:"late_us"`           // how late it ran at worst in the last minute
	WorstLateUS int64           `json:"worst_late_us"`     // and since it began
	WindowMS    int64           `json:"window_ms"`         // "dead" of the file
	Peers       []PeerStatus    `json:"peers"`
	ConfigDrift string          `json:"config_drift,omitempty"` // the file was edited and not applied
}

// PeerStatus is another node as the heart hears it, now.
type PeerStatus struct {
	Node     wire.Node      `json:"number"`
	Name     string         `json:"name"`
	State    wire.PeerState `json:"state"`     // up, late, dead, never heard
	SilentMS int64          `json:"silent_ms"` // since its newest frame on any path; 0 if it was never heard
	Engine   bool           `json:"engine_up"` // it says so
	Leaving  bool           `json:"leaving"`
}

// Event is one line of the node's history with its time.
type Event struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"` // UTC
	Seq     uint64    `json:"seq"`
	cluster.History
}

// FenceTest is what one device said.
type FenceTest struct {
	Node   string `json:"node"`
	Name   string `json:"name"`
	Level  int    `json:"level"`
	Power  string `json:"power"` // on, off, unknown
	Error  string `json:"error,omitempty"`
	Millis int64  `json:"duration_ms"`
	// Operator: there is no device to ask (type=manual), and Error says so.
	Operator bool `json:"operator,omitempty"`
}
