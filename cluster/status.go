package cluster

import "locum/wire"

// Status is what this node knows and why, for `locum status`. Its JSON shape is stable (version 1).
type Status struct {
	Version     int             `json:"version"`
	Cluster     string          `json:"cluster"`
	Node        string          `json:"node"`
	Quorate     bool            `json:"quorate"`
	QuorumWhy   string          `json:"quorum_why"` // "2 of 2 votes", "1 of 2, beta's power confirmed off", …
	Epoch       wire.Epoch      `json:"epoch"`
	Leader      string          `json:"leader"`
	Lease       wire.LeaseState `json:"lease"`
	SelfFencing string          `json:"self_fencing"` // "watchdog …" or "best effort"
	Maintenance bool            `json:"maintenance"`
	Disk        *DiskStatus     `json:"disk,omitempty"` // only where the file has quorum disks
	Nodes       []NodeStatus    `json:"nodes"`
	Services    []ServiceStatus `json:"services"`
	Waits       []Wait          `json:"waits"`
	Warnings    []string        `json:"warnings"`
	IntentEpoch uint64          `json:"intent_epoch"` // version of the intents in force here
	IntentCount uint64          `json:"intent_count"`
}

// NodeStatus is one node as this one sees it.
type NodeStatus struct {
	Node     wire.Node     `json:"number"`
	Name     string        `json:"name"`
	State    string        `json:"state"` // member, joining, late, dead, clean, left, never heard
	Why      string        `json:"why"`   // "power confirmed off", "its engine is down", …
	Engine   bool          `json:"engine_up"`
	Standby  bool          `json:"standby"`
	SilentMS int64         `json:"silent_ms"`
	Health   *HealthStatus `json:"health,omitempty"` // what it says of itself, if it has
}

// DiskStatus is what a node sees of the quorum disks.
type DiskStatus struct {
	Usable     bool     `json:"usable"`                // a tie can be broken by them from here
	Trouble    string   `json:"trouble"`               // what is wrong with which disk
	Decisions  uint64   `json:"decisions"`             // ties that were ever broken on them
	DecidedFor string   `json:"decided_for"`           // the side that won the last one
	NotSeen    []string `json:"not_seen,omitempty"`    // nodes that were not seen to write there since locum was started here, or that use a copy: no tie with them can be broken
	AliveThere []string `json:"alive_there,omitempty"` // nodes that no cable carries, and whose stamps move
}

// ServiceStatus is one service: where it is, and why it is there or is not.
type ServiceStatus struct {
	Service     string           `json:"service"`
	Group       string           `json:"group"` // the name of its line: of an instance that of the parallel service, otherwise its own
	State       string           `json:"state"` // running, starting, stopping, stopped, failed, blocked, unknown
	Node        string           `json:"node"`  // where it runs or is about to; "" nowhere
	Why         string           `json:"why"`
	Stopped     bool             `json:"stopped"` // the operator's intent
	Maintenance bool             `json:"maintenance"`
	Extra       bool             `json:"extra,omitempty"` // an instance above the least number: it runs only where there is room
	On          []InstanceStatus `json:"on"`
}

// InstanceStatus is one service on one node.
type InstanceStatus struct {
	Node   string `json:"node"`
	State  string `json:"state"`
	Detail string `json:"detail"`
}

// Wait is something that does not go on by itself, or not yet: what for, and which command ends it.
type Wait struct {
	What    string `json:"what"`    // "service web"
	For     string `json:"for"`     // "proof that beta runs nothing: its power switch does not answer"
	Command string `json:"command"` // "locum fence beta --confirm", "" if none is needed
}
