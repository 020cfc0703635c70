package serialhb

import (
	"encoding/binary"
	"hash/crc32"

	"locum/wire"
)

// A frame on the line: a zero, the COBS encoding (Cheshire and Baker, 1999) of
//
//	0 1  node it is for, 0 all
//	1 1  how often it was forwarded
//	2 2  length of what follows, big endian
//	4 n  the frame of wire
//	  4  CRC-32C of all before, big endian
//
// and a zero. No zero stands inside, so that after any garbage the next zero begins anew.
const (
	envelopeSize = 4
	checkSize    = 4
	maxRaw       = envelopeSize + wire.MaxFrame + checkSize
	maxEncoded   = maxRaw + maxRaw/254 + 1
	// Overhead is what a frame of wire costs more on the line, in bytes, if it is shorter than 254.
	Overhead = envelopeSize + checkSize + 1 + 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// envelope is what this package adds to a frame.
type envelope struct {
	to   wire.Node
	hops uint8
}

// encoder makes frames for a line. It holds its memory, because a beat should cost none. The zero value is ready.
type encoder struct {
	raw [maxRaw]byte
	out []byte
}

// encode gives the encoded frame with its zeros, valid until the next.
func (c *encoder) encode(e envelope, frame []byte) []byte {
	raw := &c.raw
	raw[0], raw[1] = byte(e.to), e.hops
	binary.BigEndian.PutUint16(raw[2:], uint16(len(frame)))
	n := envelopeSize + copy(raw[envelopeSize:maxRaw-checkSize], frame)
	binary.BigEndian.PutUint32(raw[n:], crc32.Checksum(raw[:n], castagnoli))
	c.out = append(appendCOBS(append(c.out[:0], 0), raw[:n+checkSize]), 0)
	return c.out
}

func appendCOBS(b, raw []byte) []byte {
	code := len(b)
	b = append(b, 1)
	for i, c := range raw {
		if c != 0 {
			b = append(b, c)
			b[code]++
		}
		if c == 0 || b[code] == 255 && i+1 < len(raw) {
			code = len(b)
			b = append(b, 1)
		}
	}
	return b
}

// decoder finds frames in what a line brings. The zero value is ready.
type decoder struct {
	got  [maxEncoded]byte
	n    int
	long bool // more came than any frame has
}

// feed takes the bytes that came. good gets each sound frame, valid until it returns; bad gets what lay between two zeros
// and is none.
func (d *decoder) feed(b []byte, good func(envelope, []byte), bad func([]byte)) {
	for _, c := range b {
		if c != 0 {
			if d.n == len(d.got) {
				bad(d.got[:d.n])
				d.n, d.long = 0, true
			}
			d.got[d.n] = c
			d.n++
			continue
		}
		e, frame, ok := open(d.got[:d.n])
		switch {
		case d.n == 0:
		case ok && !d.long:
			good(e, frame)
		default:
			bad(d.got[:d.n])
		}
		d.n, d.long = 0, false
	}
}

// open undoes what encode did, in place.
func open(b []byte) (envelope, []byte, bool) {
	raw, ok := undoCOBS(b)
	if !ok || len(raw) < envelopeSize+checkSize {
		return envelope{}, nil, false
	}
	end := len(raw) - checkSize
	length := int(binary.BigEndian.Uint16(raw[2:]))
	if envelopeSize+length != end || length > wire.MaxFrame ||
		binary.BigEndian.Uint32(raw[end:]) != crc32.Checksum(raw[:end], castagnoli) {
		return envelope{}, nil, false
	}
	return envelope{wire.Node(raw[0]), raw[1]}, raw[envelopeSize:end], true
}

// undoCOBS decodes in place: what is written never overtakes what is read.
func undoCOBS(b []byte) ([]byte, bool) {
	out := 0
	for i := 0; i < len(b); {
		code := int(b[i])
		if code == 0 || i+code > len(b) {
			return nil, false
		}
		out += copy(b[out:], b[i+1:i+code])
		i += code
		if code < 255 && i < len(b) {
			b[out] = 0
			out++
		}
	}
	return b[:out], true
}
