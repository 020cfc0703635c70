package heartbeat

import (
	"locum/quorumdisk"
	"locum/wire"
)

// Output is something to be done. The outputs of a step are carried out in their order; what they point to is valid until
// the next Step.
type Output interface{ output() }

// Everybody, in the place of a node, is all nodes on a path at once.
const Everybody wire.Node = 0

// Transmit sends a frame to a node over a path, by its index in the file; to Everybody only a beat, and only where the line
// says so (config.Path.Shared). An error of the path is no error here.
type Transmit struct {
	Path  int
	To    wire.Node
	Frame []byte
}

// ToEngine is a record for the engine.
type ToEngine struct{ wire.ToEngine }

// WakeAt asks for a Tick at an instant; it replaces the one asked before.
type WakeAt struct{ At wire.Instant }

// Persist writes the state to /run. Where Wait is set, what follows in the same step may be done only once the state is in
// its place (written; /run is memory, so no fsync): a promise or a permission must not be forgotten by a heart that dies
// right after giving it. If it cannot be written, what follows must not be done: the loop ends the process, which then
// resumes from what was written last.
type Persist struct {
	State RunState
	Wait  bool
}

// KillEngine ends the engine's process; EngineGone and EngineStarted follow.
type KillEngine struct{ Why string }

// Reset resets this machine at once, without a word to anybody: its lease is over, or its engine stays away, while
// something may run here. Where the file has no watchdog line it is not carried out, and said once.
type Reset struct{ Why string }

// Arm opens the watchdog, or takes up the one that the heart before has left; WatchdogChanged says what came of it.
type Arm struct{}

// Pet pets the watchdog, unless the instant Until has come (0: none). If it comes too late, or finds afterwards that it did,
// the machine is to be reset at once.
type Pet struct{ Until wire.Instant }

// Settle gives up a watchdog that the file names no more, and sets the time that it gives; WatchdogChanged says what came of it.
type Settle struct{}

// OnDisk has a quorum disk written or read; DiskEnded follows. On each disk they are done one after the other, in this order.
type OnDisk struct{ quorumdisk.Action }

// Restart has the process execute itself anew, as a new incarnation that is at least AtLeast (0: one above this one).
type Restart struct {
	AtLeast wire.Incarnation
	Why     string
}

// Exit ends the process: the engine has left. Clean says that nothing runs here and that the others know it.
type Exit struct{ Clean bool }

// Alarm is for the operator: something about a node or a path, or its end.
type Alarm struct {
	Node wire.Node // 0 none in particular
	Over bool      // what was alarmed before is over
	Text string
}

func (Transmit) output()   {}
func (ToEngine) output()   {}
func (WakeAt) output()     {}
func (Persist) output()    {}
func (KillEngine) output() {}
func (Reset) output()      {}
func (Arm) output()        {}
func (Pet) output()        {}
func (Settle) output()     {}
func (OnDisk) output()     {}
func (Restart) output()    {}
func (Exit) output()       {}
func (Alarm) output()      {}
