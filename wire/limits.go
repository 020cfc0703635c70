package wire

import "time"

// Every limit of the protocol stands here, so that a reader can add them up.
const (
	// MaxNodes is the largest node number: a set of nodes is one 64-bit word.
	MaxNodes = 64
	// MaxPaths is the most paths one cluster may have: a set of paths is one byte of a beat.
	MaxPaths = 8
	// MaxMessage is the largest internode message before it is split, in bytes.
	MaxMessage = 256 << 10
	// MaxFrame is the largest frame of any path, in bytes; a path may allow less.
	MaxFrame = 1400
)

// Of frames and keys.
const (
	// Version is the first byte of every frame. A node takes no other.
	Version = 1
	// KeySize is the length of a cluster key, in bytes.
	KeySize = 32
	// MaxKeys is how many keys are accepted at a time: the present one and, while it is replaced, the other.
	MaxKeys = 2
	// MaxClusterName is the longest name of a cluster, in bytes.
	MaxClusterName = 32
	// MaxCounter is the last counter that may be sealed under one key: 48 bits. The upper half is room for a life that
	// outlasts the counters of its own.
	MaxCounter = 1<<48 - 1
	// livesApart is how many lives of a heart in a row have counters of their own.
	livesApart = 256
	// ReplayWindow is how many counters below the newest are still told apart, for frames that may overtake each
	// other. Beats may not: only a newer one counts.
	ReplayWindow = 1024
	// ChallengeAge is how long a challenge is used; its answer counts for twice as long. An answer therefore proves
	// that the other node lived within the last two of these. It leaves a serial line at 9600 baud time for two Hellos.
	ChallengeAge = 2 * time.Second
)

// Of internode messages, for each peer and direction.
const (
	// MaxQueued is how many messages may wait for a peer's engine, and MaxQueuedBytes how long they may be together.
	MaxQueued      = 256
	MaxQueuedBytes = 1 << 20
	// MaxUntaken is how many messages may be under way before the peer's engine has taken the first of them. Together
	// they are no longer than MaxMessage; a receiver needs at most twice that.
	MaxUntaken = 64
	// MaxPieces is how many unconnected pieces of one message a receiver keeps.
	MaxPieces = 256
	// MinPayload is the least a segment must carry for a path to be of use for messages, in bytes.
	MinPayload = 16
	// MaxInFlight is how many segments may be under way on one path without acknowledgement; FirstInFlight is how
	// many are sent before the path has been measured.
	MaxInFlight   = 32
	FirstInFlight = 4
	// SmallFrame is what every path carries, in bytes: the least that IPv4 has to put together (576, RFC 791), less its header and
	// that of UDP. Messages go in such pieces where LargeLost larger frames in a row were lost; a larger one is tried again
	// after LargeAgain, and after twice as long each time that fails, up to LargeAgainMax.
	SmallFrame    = 548
	LargeLost     = 5
	SmallPassed   = 8 // so many small ones in a row have to arrive then before it is said
	LargeAgain    = 30 * time.Second
	LargeAgainMax = 10 * time.Minute
	// AckWait is how long an acknowledgement waits on a slow line for the engine to take the message: 25 times what it needs.
	AckWait = 5 * time.Millisecond
	// RetryFirst is how long an acknowledgement may take on a path that was never measured, RetryMin and RetryMax
	// bound what is measured and its doubling. To send again too early costs a frame, too late costs a takeover.
	RetryFirst = 100 * time.Millisecond
	RetryMin   = 500 * time.Microsecond
	RetryMax   = 2 * time.Second
	// ProbeMin is how long the peer's engine has at least for a message, before its heart is asked.
	ProbeMin = 2 * time.Millisecond
)
