package wire

import "encoding/binary"

// Challenge is 16 bytes that were never used before; zero is none, and asks for no answer.
type Challenge [16]byte

// Hello is what a life says of itself until it is admitted, and when it owes an answer. Its body:
//
//	 0 16  boot id
//	16 16  machine id
//	32 16  challenge, zero if no answer is wanted
//	48 16  answer: the challenge of the node it is sent to, zero if none is known
//	64  1  the node it is sent to
//	65  4  at least
type Hello struct {
	Boot      ID
	Machine   ID
	Challenge Challenge
	Answer    Challenge
	To        Node
	// AtLeast, if not 0, tells the life whose challenge this answers that it will not be admitted: its node must come
	// back with at least this incarnation, for a newer life of it is remembered.
	AtLeast Incarnation
}

const helloSize = 69

// HelloFrame is the length of a Hello's frame, in bytes.
const HelloFrame = headerSize + saltSize + helloSize + sealSize

func (h *Hello) append(b []byte) []byte {
	b = append(b, h.Boot[:]...)
	b = append(b, h.Machine[:]...)
	b = append(b, h.Challenge[:]...)
	b = append(b, h.Answer[:]...)
	b = append(b, byte(h.To))
	return binary.BigEndian.AppendUint32(b, uint32(h.AtLeast))
}

// valid reports whether a Hello may be sent, or believed: it asks or answers another node.
func (h *Hello) valid(sender Node) bool {
	return h.To >= 1 && h.To <= MaxNodes && h.To != sender && (h.Challenge != Challenge{} || h.Answer != Challenge{})
}

func (h *Hello) read(b []byte, sender Node) bool {
	if len(b) != helloSize {
		return false
	}
	copy(h.Boot[:], b)
	copy(h.Machine[:], b[16:])
	copy(h.Challenge[:], b[32:])
	copy(h.Answer[:], b[48:])
	h.To = Node(b[64])
	h.AtLeast = Incarnation(binary.BigEndian.Uint32(b[65:]))
	return h.valid(sender)
}
