package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"locum/cluster"
	"locum/console"
	"locum/wire"
)

// The records between the two processes travel as JSON, each in one or more packets of a SOCK_SEQPACKET socket pair: the
// first byte of a packet says whether more of the record follows. So a record may be larger than the kernel's send buffer.
const (
	maxPacket = 32 << 10
	// maxRecord has room for a status of 64 nodes, for an internode message of wire.MaxMessage in base64, and for a client's largest
	// request, of which JSON may write each byte as six.
	maxRecord  = 8 << 20
	packetLast = 0
	packetMore = 1
)

// record is one record in either direction; exactly one field beside Version is set.
type record struct {
	Version int `json:"version"`

	Setup    *setup           `json:"setup,omitempty"`     // heart -> engine: the first record
	ToEngine *wire.ToEngine   `json:"to_engine,omitempty"` // heart -> engine
	Ask      *question        `json:"ask,omitempty"`       // heart -> engine: what a client of the control socket asks
	Hangup   *hangup          `json:"hangup,omitempty"`    // heart -> engine: that client went away
	Note     *cluster.History `json:"note,omitempty"`      // heart -> engine: something for the history

	ToHeart *wire.ToHeart `json:"to_heart,omitempty"` // engine -> heart
	Answer  *answer       `json:"answer,omitempty"`   // engine -> heart: a reply for a client
	Reexec  *reexec       `json:"reexec,omitempty"`   // engine -> heart: run the new file
}

// setup is all that an engine is told of its node beside wire.Welcome: both processes run the same text.
type setup struct {
	Self       wire.Node `json:"self"`
	ConfigFile string    `json:"config_file"`
	ConfigText string    `json:"config_text"`
	StateDir   string    `json:"state_dir"`
	Program    string    `json:"program"` // the version of locum
}

// question is a client's request with the number by which its answers are known.
type question struct {
	ID      uint64          `json:"id"`
	Request console.Request `json:"request"`
}

// answer is one reply; Last says that no other follows.
type answer struct {
	ID    uint64        `json:"id"`
	Reply console.Reply `json:"reply"`
	Last  bool          `json:"last"`
}

// hangup says that a client went away before its last answer.
type hangup struct {
	ID uint64 `json:"id"`
}

// reexec has the heart execute itself anew.
type reexec struct {
	Why string `json:"why"`
}

// encodeRecord gives the packets of a record.
func encodeRecord(r record) ([][]byte, error) {
	r.Version = wire.RecordsVersion
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if len(body) > maxRecord {
		return nil, fmt.Errorf("record of %d bytes: at most %d", len(body), maxRecord)
	}
	var packets [][]byte
	for len(body) > maxPacket-1 {
		packets = append(packets, append([]byte{packetMore}, body[:maxPacket-1]...))
		body = body[maxPacket-1:]
	}
	return append(packets, append([]byte{packetLast}, body...)), nil
}

// joiner puts records together from packets.
type joiner struct{ part []byte }

var errPacket = errors.New("packet of the other process: its first byte is neither 0 nor 1")

// add takes one packet and gives the record's bytes once it is whole; they are valid until the next call.
func (j *joiner) add(packet []byte) (body []byte, whole bool, err error) {
	switch {
	case len(packet) == 0 || packet[0] > packetMore:
		return nil, false, errPacket
	case len(j.part)+len(packet)-1 > maxRecord:
		return nil, false, fmt.Errorf("record of more than %d bytes", maxRecord)
	case packet[0] == packetLast && len(j.part) == 0:
		return packet[1:], true, nil
	}
	j.part = append(j.part, packet[1:]...)
	if packet[0] == packetMore {
		return nil, false, nil
	}
	body, j.part = j.part, nil
	return body, true, nil
}

// decodeRecord reads a record strictly: another version, an unknown field, none or two of the kinds are errors. Heart and
// engine are one binary, so any of them means that something is badly wrong with the other process.
func decodeRecord(body []byte) (record, error) {
	var r record
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return record{}, fmt.Errorf("record: %w", err)
	}
	switch {
	case d.More():
		return record{}, errors.New("record: bytes after its end")
	case r.Version != wire.RecordsVersion:
		return record{}, fmt.Errorf("record of version %d, this is %d: the binary was replaced; restart locum", r.Version, wire.RecordsVersion)
	case fieldsSet(r)-1 != 1: // less Version
		return record{}, fmt.Errorf("record: %d kinds in one, want 1", fieldsSet(r)-1)
	case r.ToEngine != nil && fieldsSet(*r.ToEngine) != 1, r.ToHeart != nil && fieldsSet(*r.ToHeart) != 1:
		return record{}, errors.New("record: not exactly one kind inside")
	}
	return r, nil
}

// fieldsSet counts the fields of a struct that are not zero.
func fieldsSet(v any) int {
	n := 0
	for _, f := range reflect.ValueOf(v).Fields() {
		if !f.IsZero() {
			n++
		}
	}
	return n
}
