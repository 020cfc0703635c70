package wire

import "strings"

// Drop is why a frame, or the segment in it, does not count. It is counted, never answered.
type Drop uint8

// The reasons. None is the zero value: the frame counts.
const (
	DropNone          Drop = iota
	DropShort              // shorter than a header and a seal, or than it says of itself
	DropLong               // longer than MaxFrame
	DropVersion            // of another version of the protocol
	DropCluster            // of another cluster, or sealed with another key
	DropMalformed          // a field that cannot be
	DropUnknownSender      // from a node that the file does not name
	DropOwn                // our own frame, come back
	DropTwin               // another machine was started with our number
	DropNotAdmitted        // from a life that has not answered a challenge, or was dismissed
	DropForged             // the seal does not fit
	DropReplayed           // its counter was heard before, or is too old to know
	DropDuplicate          // a beat that another path already brought: it shows only that this path carries
	DropOtherNode          // a Hello to another node
	DropOldLife            // a Hello of a life that is over, or that borrowed the incarnation of the admitted one
	DropOtherSession       // a segment of a session that ended, or of one not yet known here
	DropRepeated           // a segment whose part of the message is already here
	DropNoRoom             // a segment beyond what a receiver has to keep
	drops
)

var dropNames = [drops]string{"none", "short", "long", "wrong version", "wrong cluster", "malformed", "unknown sender", "own frame",
	"own number on another machine", "not admitted", "forged", "replayed", "duplicate", "for another node", "older life",
	"other session", "repeated segment", "no room"}

// Drops is how many values Drop has, for an array of counters.
const Drops = int(drops)

// String is the reason's name.
func (d Drop) String() string { return nameOf(dropNames[:], int(d)) }

// Key is the reason's name as a key of JSON: with underscores for blanks.
func (d Drop) Key() string { return strings.ReplaceAll(d.String(), " ", "_") }
