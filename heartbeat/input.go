package heartbeat

import (
	"time"

	"locum/quorumdisk"
	"locum/wire"
)

// Input is something that happened. The inputs are the types of this file.
type Input interface{ input() }

// Tick is the time that WakeAt asked for, or any other: the heart looks what is due. Drained says that all paths were
// drained since the loop woke; without it nobody is judged, and the heart asks to be called again at once.
type Tick struct{ Drained bool }

// Frame is what came on a path, by its index in the file. The Tick that ends the drain has to follow: what the frames changed
// is derived only then.
type Frame struct {
	Path int
	Received
}

// FromEngine is a record from the engine.
type FromEngine struct{ wire.ToHeart }

// EngineStarted says that a new engine runs, the first of this heart with number 1.
type EngineStarted struct{ Number uint16 }

// EngineGone says that the engine's process has ended.
type EngineGone struct{}

// PathUp says that a path, by its index, can send again; PathDown that it cannot. A path is up until it is said to be down.
// Beats go on being tried on a path that is down, so that the first one that leaves shows that it is up; messages do not.
type PathUp struct{ Path int }

// PathDown says that a path cannot send, and why.
type PathDown struct {
	Path int
	Err  error
}

// PathMTU says how large a frame a path takes from now on, in bytes; until then it is wire.MaxFrame.
type PathMTU struct{ Path, MTU int }

// WatchdogChanged says what the watchdog is, as read back from the device.
type WatchdogChanged struct {
	// Armed: the others may rely on it: it counts, outlives this heart, and the node's line lets it be a proof.
	Armed bool
	// Held: it counts and is in this heart's hands, whatever it is worth to others.
	Held    bool
	Name    string        // what it is, for people
	Timeout time.Duration // after which the others may reckon with it: as it grants, or as is to be set once they know
	Why     string        // why it is not armed, for people
	// Bites is after how long without a pet the first of all devices in this heart's hands resets the machine, 0 there is none.
	Bites time.Duration
	// Outdated: another device than the file names is kept, or a shorter time than it gives, until the others know better: until Settle.
	Outdated bool
	// NoWayOut: why it cannot be stopped, and what to do about that, for people; "" if it can.
	NoWayOut string
}

// DiskEnded says what came of an OnDisk. It comes for each, however late.
type DiskEnded struct{ quorumdisk.Ended }

// LeaveAsked says that this node is to leave in order (SIGTERM).
type LeaveAsked struct{}

// Reload says that the process is to execute itself anew, with the services untouched.
type Reload struct{}

func (Tick) input()            {}
func (Frame) input()           {}
func (FromEngine) input()      {}
func (EngineStarted) input()   {}
func (EngineGone) input()      {}
func (PathUp) input()          {}
func (PathDown) input()        {}
func (PathMTU) input()         {}
func (WatchdogChanged) input() {}
func (DiskEnded) input()       {}
func (LeaveAsked) input()      {}
func (Reload) input()          {}
