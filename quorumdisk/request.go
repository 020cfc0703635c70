package quorumdisk

import (
	"encoding/binary"
	"fmt"
)

// Request is one operation on a disk: to read a run of sectors, or to write one.
type Request struct {
	Op    uint64 // to be given back with what came of it; from 1
	Place Place
	Count int    // read: how many sectors
	Write []byte // write: the record, in its first 512 bytes or more
}

// mostRead is how many sectors one read may have: header, slots and claims of 64 nodes.
const mostRead = 1 + 2*64

// A request between a Port and its helper: op (8), place (4), count (4), and the record of a write, which has the count 0.
const requestHead = 16

func (r Request) encode() ([]byte, error) {
	switch {
	case r.Write != nil && (r.Count != 0 || len(r.Write) < blockSize):
		return nil, fmt.Errorf("a write of %d bytes and a count of %d", len(r.Write), r.Count)
	case r.Write == nil && (r.Count < 1 || r.Count > mostRead):
		return nil, fmt.Errorf("a read of %d sectors; there may be 1 to %d", r.Count, mostRead)
	}
	b := binary.BigEndian.AppendUint64(nil, r.Op)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Place))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Count))
	if r.Write != nil {
		b = append(b, r.Write[:blockSize]...)
	}
	return b, nil
}

func decodeRequest(b []byte) (Request, error) {
	if len(b) < requestHead {
		return Request{}, fmt.Errorf("a request of %d bytes", len(b))
	}
	r := Request{Op: binary.BigEndian.Uint64(b), Place: Place(binary.BigEndian.Uint32(b[8:])), Count: int(binary.BigEndian.Uint32(b[12:]))}
	if r.Count == 0 {
		r.Write = b[requestHead:]
	}
	again, err := r.encode()
	if err == nil && string(again) != string(b) {
		err = fmt.Errorf("a request of %d bytes", len(b))
	}
	return r, err
}

// A reply: op (8), what kind of failure (1), then the first 512 bytes of each sector that was read, or the failure's text.
const replyHead = 9

type failure byte

const (
	noFailure failure = iota
	inOpening
	inOperation
)

func encodeReply(op uint64, how failure, data []byte) []byte {
	b := append(binary.BigEndian.AppendUint64(nil, op), byte(how))
	return append(b, data...)
}

func decodeReply(b []byte) (op uint64, how failure, data []byte, err error) {
	if len(b) < replyHead || b[8] > byte(inOperation) {
		return 0, 0, nil, fmt.Errorf("a reply of %d bytes that makes no sense", len(b))
	}
	return binary.BigEndian.Uint64(b), failure(b[8]), b[replyHead:], nil
}
