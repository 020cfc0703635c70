package wire

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
