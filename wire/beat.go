package wire

import "encoding/binary"

// Beat is one heartbeat: the same bytes to every node over every path. Its body:
//
//	 0 16  boot id
//	16  1  flags, from bit 0: engine up, leaving, quorate, armed, obeys lease, idle
//	17  8  epoch
//	25  2  engine start
//	27  4  lease, in milliseconds
//	31  4  watchdog, in milliseconds
//	35  1  number
//	36  8  set of the nodes that follow
//	44  7  for each of them: newest counter (6), set of paths (1)
type Beat struct {
	Boot       ID
	EngineUp   bool
	Leaving    bool
	Quorate    bool
	Armed      bool // the watchdog is armed
	ObeysLease bool
	Idle       bool  // nothing runs here
	Epoch      Epoch // of the view under which the sender grants; 0 grants nothing
	// EngineStart numbers the engines of this life of the heart.
	EngineStart uint16
	LeaseMS     uint32
	WatchdogMS  uint32
	// Number is one more, modulo 256, in each beat of a life, and so shows how many were lost; the frame's counter
	// cannot, since other frames use it too.
	Number uint8
	// Hears is the set of nodes that the sender hears; Echoes[n-1] is what it heard of node n, and nothing where n is
	// not in the set.
	Hears  Nodes
	Echoes [MaxNodes]Echo
}

// Echo is what the sender of a beat heard of another node.
type Echo struct {
	Counter uint64 // of the newest beat heard from it
	Paths   uint8  // the paths on which it is heard; path i is bit i
}

const (
	beatSize = 44
	echoSize = 7
)

// BeatFrame is the length of a beat's frame, in bytes, when its sender hears so many nodes: 128 for the seven peers of
// a cluster of eight.
func BeatFrame(peers int) int { return Overhead + beatSize + peers*echoSize }

const (
	flagEngineUp = 1 << iota
	flagLeaving
	flagQuorate
	flagArmed
	flagObeysLease
	flagIdle
	flagsUnknown = 0xff &^ (1<<iota - 1)
)

func (t *Beat) flags() byte {
	var f byte
	for bit, set := range [...]bool{t.EngineUp, t.Leaving, t.Quorate, t.Armed, t.ObeysLease, t.Idle} {
		if set {
			f |= 1 << bit
		}
	}
	return f
}

func (t *Beat) append(b []byte) []byte {
	b = append(b, t.Boot[:]...)
	b = append(b, t.flags())
	b = binary.BigEndian.AppendUint64(b, uint64(t.Epoch))
	b = binary.BigEndian.AppendUint16(b, t.EngineStart)
	b = binary.BigEndian.AppendUint32(b, t.LeaseMS)
	b = binary.BigEndian.AppendUint32(b, t.WatchdogMS)
	b = append(b, t.Number)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Hears))
	for n := range t.Hears.All {
		e := &t.Echoes[n-1]
		b = appendUint48(b, e.Counter)
		b = append(b, e.Paths)
	}
	return b
}

// valid reports whether a beat may be sent, or believed: nobody hears itself, and every counter fits.
func (t *Beat) valid(sender Node) bool {
	if t.Hears.Has(sender) {
		return false
	}
	for n := range t.Hears.All {
		if t.Echoes[n-1].Counter > MaxCounter {
			return false
		}
	}
	return true
}

func (t *Beat) read(b []byte, sender Node) bool {
	if len(b) < beatSize || b[16]&flagsUnknown != 0 {
		return false
	}
	copy(t.Boot[:], b)
	f := b[16]
	t.EngineUp, t.Leaving, t.Quorate = f&flagEngineUp != 0, f&flagLeaving != 0, f&flagQuorate != 0
	t.Armed, t.ObeysLease, t.Idle = f&flagArmed != 0, f&flagObeysLease != 0, f&flagIdle != 0
	t.Epoch = Epoch(binary.BigEndian.Uint64(b[17:]))
	t.EngineStart = binary.BigEndian.Uint16(b[25:])
	t.LeaseMS = binary.BigEndian.Uint32(b[27:])
	t.WatchdogMS = binary.BigEndian.Uint32(b[31:])
	t.Number = b[35]
	t.Hears = Nodes(binary.BigEndian.Uint64(b[36:]))
	b = b[beatSize:]
	if len(b) != t.Hears.Count()*echoSize {
		return false
	}
	clear(t.Echoes[:])
	for n := range t.Hears.All {
		t.Echoes[n-1] = Echo{Counter: uint48(b), Paths: b[6]}
		b = b[echoSize:]
	}
	return t.valid(sender)
}
