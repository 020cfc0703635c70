package wire

import "encoding/binary"

// End is one end of a message session: one engine of one life of a heart. It only ever rises.
type End struct {
	Incarnation Incarnation
	EngineStart uint16
}

// Above reports whether e is a later end than o of the same node.
func (e End) Above(o End) bool {
	return e.Incarnation > o.Incarnation || e.Incarnation == o.Incarnation && e.EngineStart > o.EngineStart
}

// IsZero reports whether the end is not known.
func (e End) IsZero() bool { return e == End{} }

// Segment is a piece of an internode message, an acknowledgement, or both. Its body:
//
//	 0  2  engine start of the sender; its incarnation stands in the header
//	 2  4  incarnation of the node it is sent to
//	 6  2  engine start of that node
//	 8  4  taken
//	12  4  arrived
//	16  4  heard
//	20  8  heard before
//	28  4  transmission; a segment that only acknowledges ends before it
//	32  4  number
//	36  3  length of the message
//	39  3  offset of the payload in it
//	42     payload
//
// A piece is named by its offset and not by an index, so that what was lost on one path can be sent again over another
// that carries less at a time.
type Segment struct {
	From, To End // From.Incarnation is the frame's
	Ack      Ack
	// Transmission numbers the segments of this session that want an acknowledgement, from 1; a piece that is sent
	// again has a new one. 0: this segment only acknowledges, all that follows is zero, and none of it is sent.
	Transmission uint32
	Number       uint32 // of the message, from 1
	Length       uint32 // of the whole message, 1 to MaxMessage
	Offset       uint32
	Payload      []byte // may be empty: then the sender only asks for an acknowledgement
}

// Ack is what the sender of a segment has received in the session.
type Ack struct {
	Taken   uint32 // its engine took all messages up to this one
	Arrived uint32 // all messages up to this one are complete; at least Taken
	Heard   uint32 // the newest transmission heard, 0 none
	Before  uint64 // bit i: transmission Heard-1-i was heard too
}

const (
	ackSize     = 28
	segmentSize = 42
)

// SegmentOverhead is what a segment's frame adds to its payload, in bytes.
const SegmentOverhead = Overhead + segmentSize

// AckFrame is the size of the frame of a segment that only acknowledges, in bytes.
const AckFrame = Overhead + ackSize

// frameSize is the size of its frame, in bytes.
func (s *Segment) frameSize() int {
	if s.Transmission == 0 {
		return AckFrame
	}
	return SegmentOverhead + len(s.Payload)
}

func (s *Segment) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, s.From.EngineStart)
	b = binary.BigEndian.AppendUint32(b, uint32(s.To.Incarnation))
	b = binary.BigEndian.AppendUint16(b, s.To.EngineStart)
	b = binary.BigEndian.AppendUint32(b, s.Ack.Taken)
	b = binary.BigEndian.AppendUint32(b, s.Ack.Arrived)
	b = binary.BigEndian.AppendUint32(b, s.Ack.Heard)
	b = binary.BigEndian.AppendUint64(b, s.Ack.Before)
	if s.Transmission == 0 {
		return b
	}
	b = binary.BigEndian.AppendUint32(b, s.Transmission)
	b = binary.BigEndian.AppendUint32(b, s.Number)
	b = appendUint24(b, s.Length)
	b = appendUint24(b, s.Offset)
	return append(b, s.Payload...)
}

// Valid reports whether the fields can be so together; whether they fit the session is for inm to say.
func (s *Segment) Valid() bool {
	if s.From.Incarnation == 0 || s.To.Incarnation == 0 || s.Ack.Arrived < s.Ack.Taken || s.Ack.Heard == 0 && s.Ack.Before != 0 {
		return false
	}
	if len(s.Payload) > MaxFrame-SegmentOverhead {
		return false
	}
	if s.Transmission == 0 {
		return s.Number == 0 && s.Length == 0 && s.Offset == 0 && len(s.Payload) == 0
	}
	return s.Number != 0 && s.Length >= 1 && s.Length <= MaxMessage && s.Offset <= s.Length &&
		len(s.Payload) <= int(s.Length-s.Offset)
}

func (s *Segment) read(b []byte, from Incarnation) bool {
	if len(b) != ackSize && len(b) < segmentSize {
		return false
	}
	s.From = End{Incarnation: from, EngineStart: binary.BigEndian.Uint16(b)}
	s.To = End{Incarnation: Incarnation(binary.BigEndian.Uint32(b[2:])), EngineStart: binary.BigEndian.Uint16(b[6:])}
	s.Ack = Ack{
		Taken:   binary.BigEndian.Uint32(b[8:]),
		Arrived: binary.BigEndian.Uint32(b[12:]),
		Heard:   binary.BigEndian.Uint32(b[16:]),
		Before:  binary.BigEndian.Uint64(b[20:]),
	}
	s.Transmission, s.Number, s.Length, s.Offset, s.Payload = 0, 0, 0, 0, nil
	if len(b) == ackSize {
		return s.Valid()
	}
	s.Transmission = binary.BigEndian.Uint32(b[28:])
	s.Number = binary.BigEndian.Uint32(b[32:])
	s.Length, s.Offset = uint24(b[36:]), uint24(b[39:])
	s.Payload = b[segmentSize:]
	return s.Transmission != 0 && s.Valid()
}
