package wire

import "encoding/binary"

// The clear header of every frame, big endian, which is the additional data of AES-GCM (NIST SP 800-38D):
//
//	 0  1  version
//	 1  1  kind
//	 2  4  cluster tag, derived from key and name of the cluster
//	 6  1  sender
//	 7  4  incarnation of the sender
//	11  6  counter: one for all frames of this life, of all kinds and to all peers; it is the nonce
//	17  2  length of the whole frame; ethernet pads, and what follows is not looked at
//	19 16  salt, only in a Hello
//
// The sealed body and its tag of 16 bytes follow.
const (
	headerSize = 19
	saltSize   = len(Salt{})
	sealSize   = 16
	// Overhead is what a frame adds to the body of a beat or a segment, in bytes.
	Overhead = headerSize + sealSize
)

// Kind says what a frame carries.
type Kind uint8

// The kinds of frames.
const (
	KindHello Kind = iota + 1
	KindBeat
	KindSegment
)

var kindNames = [...]string{"none", "hello", "beat", "segment"}

// String is the kind's name.
func (k Kind) String() string { return nameOf(kindNames[:], int(k)) }

// Standing is how a Hello's life relates to the lives of its sender that were admitted before.
type Standing uint8

// The standings. Older is the zero value.
const (
	StandingOlder    Standing = iota // below the admitted life, or beside it: the same incarnation with another salt
	StandingNewer                    // above all that was admitted
	StandingAdmitted                 // the life admitted last, dismissed or not
)

var standingNames = [...]string{"older", "newer", "admitted"}

// String is the standing's name.
func (s Standing) String() string { return nameOf(standingNames[:], int(s)) }

// Frame is one opened frame. Kind says which of Hello, Beat and Segment holds something.
type Frame struct {
	Kind        Kind
	Sender      Node
	Incarnation Incarnation
	Counter     uint64
	Salt        Salt        // of a Hello
	Standing    Standing    // of a Hello
	Floor       Incarnation // of a Hello: the least incarnation with which another life of the sender would be admitted
	Hello       Hello
	Beat        Beat
	Segment     Segment // its Payload is valid until the next Open
}

// header is the clear part of a frame, without version and tag.
type header struct {
	kind        Kind
	sender      Node
	incarnation Incarnation
	counter     uint64
	length      int
}

func (h *header) append(b []byte, t tag) []byte {
	b = append(b, Version, byte(h.kind))
	b = append(b, t[:]...)
	b = append(b, byte(h.sender))
	b = binary.BigEndian.AppendUint32(b, uint32(h.incarnation))
	b = appendUint48(b, h.counter)
	return binary.BigEndian.AppendUint16(b, uint16(h.length))
}

// readHeader takes the header from a frame of at least headerSize bytes.
func readHeader(b []byte) header {
	return header{
		kind:        Kind(b[1]),
		sender:      Node(b[6]),
		incarnation: Incarnation(binary.BigEndian.Uint32(b[7:])),
		counter:     uint48(b[11:]),
		length:      int(binary.BigEndian.Uint16(b[17:])),
	}
}

func appendUint48(b []byte, v uint64) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(v>>32))
	return binary.BigEndian.AppendUint32(b, uint32(v))
}

func uint48(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
}

func appendUint24(b []byte, v uint32) []byte { return append(b, byte(v>>16), byte(v>>8), byte(v)) }

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
