package quorumdisk

import (
	"encoding/binary"

	"locum/wire"
)

// fields takes a body apart, from the front. What is too short is remembered, and gives zeros.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) next(n int) []byte {
	if len(f.b) < n {
		f.short, f.b = true, nil
		return make([]byte, n)
	}
	head := f.b[:n]
	f.b = f.b[n:]
	return head
}

func (f *fields) u8() uint8   { return f.next(1)[0] }
func (f *fields) u16() uint16 { return binary.BigEndian.Uint16(f.next(2)) }
func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.next(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.next(8)) }
func (f *fields) id() wire.ID { return wire.ID(f.next(len(wire.ID{}))) }

// whole tells whether the body had exactly what was taken.
func (f *fields) whole() bool { return !f.short && len(f.b) == 0 }

// body puts a record together.
type body []byte

func (b *body) u8(v uint8)   { *b = append(*b, v) }
func (b *body) u16(v uint16) { *b = binary.BigEndian.AppendUint16(*b, v) }
func (b *body) u32(v uint32) { *b = binary.BigEndian.AppendUint32(*b, v) }
func (b *body) u64(v uint64) { *b = binary.BigEndian.AppendUint64(*b, v) }
func (b *body) id(v wire.ID) { *b = append(*b, v[:]...) }
