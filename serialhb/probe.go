package serialhb

import "encoding/binary"

// States of a probe's sender.
const (
	stateTalk uint8 = iota
	stateGo         // the rate changes now
	stateDone
)

const (
	probeMagic = "LST1"
	probeSize  = 96 // about a beat
)

// probe is what the two ends of a cable test send each other.
type probe struct {
	id     uint64
	seq    uint32
	peer   uint64 // whom the sender hears, 0 nobody
	echo   uint32 // the newest of the peer's
	held   uint16 // for how long it was held, in ms
	step   uint8  // the rate to go to, as an index of config.Rates and 1; of the follower: what it agrees to
	golden uint8  // the greatest rate at which the sender heard well, the same way
	state  uint8
}

func (p *probe) append(b []byte) []byte {
	b = append(b, probeMagic...)
	b = binary.BigEndian.AppendUint64(b, p.id)
	b = binary.BigEndian.AppendUint32(b, p.seq)
	b = binary.BigEndian.AppendUint64(b, p.peer)
	b = binary.BigEndian.AppendUint32(b, p.echo)
	b = binary.BigEndian.AppendUint16(b, p.held)
	b = append(b, p.step, p.golden, p.state)
	for len(b) < probeSize {
		b = append(b, byte(0x55+len(b)))
	}
	return b
}

func (p *probe) read(b []byte) bool {
	if len(b) != probeSize || string(b[:len(probeMagic)]) != probeMagic {
		return false
	}
	p.id, p.seq = binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint32(b[12:])
	p.peer, p.echo, p.held = binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint32(b[24:]), binary.BigEndian.Uint16(b[28:])
	p.step, p.golden, p.state = b[30], b[31], b[32]
	return true
}
