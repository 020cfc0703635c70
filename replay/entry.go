package replay

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"reflect"
	"slices"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// Head begins a record: an engine as it was, and all that is needed to have it go on.
type Head struct {
	Program string    `json:"program"` // the version of locum that recorded it
	Layout  string    `json:"layout"`
	Node    wire.Node `json:"node"`
	Time    time.Time `json:"time"` // UTC
	File    string    `json:"file"` // the configuration's name and text
	Text    string    `json:"text"`
	Engine  []byte    `json:"engine"` // by Freeze
}

// Freeze gives an engine as bytes. cfg is the file that it was made with.
func Freeze(e *cluster.Engine, cfg *config.Config) ([]byte, error) {
	enc := encoder{cfg: cfg}
	enc.value(reflect.ValueOf(e).Elem())
	return enc.b, enc.err
}

// Thaw makes the engine that Freeze was given, with the same file.
func Thaw(b []byte, cfg *config.Config) (*cluster.Engine, error) {
	e := &cluster.Engine{}
	d := decoder{b: b, cfg: cfg}
	d.value(reflect.ValueOf(e).Elem())
	if d.err == nil && len(d.b) > 0 {
		d.err = errShort
	}
	if d.err != nil {
		return nil, fmt.Errorf("the engine of the record: %w", d.err)
	}
	return e, nil
}

// Entry is one step.
type Entry struct {
	Time  time.Time // UTC
	At    wire.Instant
	Event cluster.Event
	Sum   uint64 // of the actions, by SumOf
}

// SumOf tells lists of actions apart.
func SumOf(actions []cluster.Action) uint64 {
	h := fnv.New64a()
	for _, a := range actions {
		v := reflect.ValueOf(a)
		enc := encoder{}
		enc.value(v)
		fmt.Fprintf(h, "%s %d ", v.Type(), len(enc.b))
		h.Write(enc.b)
	}
	return h.Sum64()
}

// A frame is the length of what follows and its CRC-32C, both 4 bytes big-endian, then a kind and the rest.
const (
	frameHead = 8
	kindHead  = 'H'
	kindEntry = 'E'
	// MaxFrame bounds a frame: an engine of the largest file is smaller.
	MaxFrame = 8 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func framed(kind byte, rest []byte) []byte {
	b := make([]byte, frameHead, frameHead+1+len(rest))
	b = append(append(b, kind), rest...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-frameHead))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[frameHead:], castagnoli))
	return b
}

// Encode gives the head as it stands in a file.
func (h Head) Encode() ([]byte, error) {
	h.Layout = Layout
	b, err := json.Marshal(h)
	return framed(kindHead, b), err
}

// Encode gives the entry as it stands in a file.
func (e Entry) Encode() ([]byte, error) {
	at := slices.Index(events, reflect.TypeOf(e.Event))
	if at < 0 {
		return nil, fmt.Errorf("a %T cannot be recorded", e.Event)
	}
	enc := encoder{}
	enc.b = binary.AppendVarint(enc.b, e.Time.UnixNano())
	enc.b = binary.AppendVarint(enc.b, int64(e.At))
	enc.b = binary.BigEndian.AppendUint64(enc.b, e.Sum)
	enc.uint(uint64(at))
	enc.value(reflect.ValueOf(e.Event))
	return framed(kindEntry, enc.b), enc.err
}

func decodeEntry(b []byte) (e Entry, err error) {
	d := decoder{b: b}
	e.Time = time.Unix(0, d.int()).UTC()
	e.At = wire.Instant(d.int())
	if len(d.b) < 8 {
		return e, errShort
	}
	e.Sum, d.b = binary.BigEndian.Uint64(d.b), d.b[8:]
	at := d.uint()
	if at >= uint64(len(events)) {
		return e, errors.New("it names an event that there is not")
	}
	v := reflect.New(events[at])
	d.value(v.Elem())
	if d.err == nil && len(d.b) > 0 {
		d.err = errShort
	}
	e.Event, _ = v.Elem().Interface().(cluster.Event)
	return e, d.err
}

// errTorn is the end of a file whose writer was killed, or a damaged place.
var errTorn = errors.New("it ends in the middle of a step, or is damaged there")

// Whole is how many of a file's first bytes are whole frames.
func Whole(b []byte) int {
	at := 0
	for {
		_, _, size, err := unframe(b[at:])
		if err != nil || size == 0 {
			return at
		}
		at += size
	}
}

// unframe gives the first frame and how long it is, 0 at the end.
func unframe(b []byte) (kind byte, rest []byte, size int, err error) {
	if len(b) == 0 {
		return 0, nil, 0, nil
	}
	if len(b) < frameHead {
		return 0, nil, 0, errTorn
	}
	n := binary.BigEndian.Uint32(b)
	if n < 1 || n > MaxFrame || int(n) > len(b)-frameHead {
		return 0, nil, 0, errTorn
	}
	body := b[frameHead : frameHead+int(n)]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return 0, nil, 0, errTorn
	}
	return body[0], body[1:], frameHead + int(n), nil
}
