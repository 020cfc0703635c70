package main

import (
	"encoding/binary"
	"io/fs"
	"syscall"
)

// xdr reads and writes what RFC 4506 says: words of four bytes, and bytes that are padded to them. Reading past the end gives zeros.
type xdr struct{ b []byte }

func (x *xdr) u32() uint32 {
	if len(x.b) < 4 {
		x.b = nil
		return 0
	}
	v := binary.BigEndian.Uint32(x.b)
	x.b = x.b[4:]
	return v
}

func (x *xdr) u64() uint64 { return uint64(x.u32())<<32 | uint64(x.u32()) }

func (x *xdr) bytes() []byte {
	n := int(x.u32())
	padded := (n + 3) &^ 3
	if n < 0 || padded > len(x.b) {
		x.b = nil
		return nil
	}
	v := x.b[:n]
	x.b = x.b[padded:]
	return v
}

func (x *xdr) put(words ...uint32) {
	for _, w := range words {
		x.b = binary.BigEndian.AppendUint32(x.b, w)
	}
}

func (x *xdr) put64(v uint64) { x.put(uint32(v>>32), uint32(v)) }

func (x *xdr) putBytes(b []byte) {
	x.put(uint32(len(b)))
	x.b = append(append(x.b, b...), make([]byte, -len(b)&3)...)
}

// putAttributes is a post_op_attr of RFC 1813: there are some, and what they are; or there are none.
func (x *xdr) putAttributes(info fs.FileInfo) {
	if info == nil {
		x.put(0)
		return
	}
	x.put(1)
	x.attributes(info)
}

// attributes is a fattr3.
func (x *xdr) attributes(info fs.FileInfo) {
	st := info.Sys().(*syscall.Stat_t)
	kind := uint32(1)
	if info.IsDir() {
		kind = 2
	}
	x.put(kind, uint32(info.Mode().Perm()), uint32(st.Nlink), st.Uid, st.Gid)
	x.put64(uint64(info.Size()))
	x.put64(uint64(st.Blocks) * 512)
	x.put(0, 0) // no device
	x.put64(1)  // one file system
	x.put64(st.Ino)
	for _, t := range []syscall.Timespec{st.Atim, st.Mtim, st.Ctim} {
		x.put(uint32(t.Sec), uint32(t.Nsec))
	}
}
