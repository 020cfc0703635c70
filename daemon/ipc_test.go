package daemon

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"locum/cluster"
	"locum/console"
	"locum/wire"
)

func TestARecordComesOutAsItWentIn(t *testing.T) {
	for name, r := range map[string]record{
		"a ping is one packet":             {ToEngine: &wire.ToEngine{Ping: &wire.Ping{Number: 7}}},
		"a word to the heart":              {ToHeart: &wire.ToHeart{Title: "well"}},
		"a question":                       {Ask: &question{ID: 3, Request: console.Request{Version: 1, Verb: "status"}}},
		"an answer":                        {Answer: &answer{ID: 3, Last: true, Reply: console.Reply{Version: 1, Status: &cluster.Status{Node: "alpha"}}}},
		"a message of the largest size":    {ToEngine: &wire.ToEngine{Arrived: &wire.Arrived{Payload: bytes.Repeat([]byte{0xff}, wire.MaxMessage)}}},
		"a body that just fills a packet":  {ToHeart: &wire.ToHeart{Title: strings.Repeat("x", maxPacket-1-len(`{"version":1,"to_heart":{"title":""}}`))}},
		"a body that is one byte too long": {ToHeart: &wire.ToHeart{Title: strings.Repeat("x", maxPacket-len(`{"version":1,"to_heart":{"title":""}}`))}},
	} {
		t.Run(name, func(t *testing.T) {
			packets, err := encodeRecord(r)
			if err != nil {
				t.Fatal(err)
			}
			var j joiner
			for i, p := range packets {
				if len(p) > maxPacket {
					t.Errorf("packet of %d bytes, at most %d", len(p), maxPacket)
				}
				body, whole, err := j.add(p)
				if err != nil || whole != (i == len(packets)-1) {
					t.Fatalf("packet %d of %d: whole %v, error %v", i+1, len(packets), whole, err)
				}
				if !whole {
					continue
				}
				got, err := decodeRecord(body)
				if err != nil {
					t.Fatal(err)
				}
				r.Version = wire.RecordsVersion
				if d := cmp.Diff(r, got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestARecordThatIsNotOursIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"another version":      `{"version":2,"reexec":{"why":"x"}}`,
		"no kind":              `{"version":1}`,
		"two kinds":            `{"version":1,"reexec":{"why":"x"},"hangup":{"id":1}}`,
		"none inside":          `{"version":1,"to_heart":{}}`,
		"two inside":           `{"version":1,"to_heart":{"title":"x","idle":{"idle":true}}}`,
		"an unknown field":     `{"version":1,"bogus":1}`,
		"bytes after the end":  `{"version":1,"reexec":{"why":"x"}}{}`,
		"nothing":              ``,
		"an unknown enum word": `{"version":1,"to_engine":{"lease":{"state":"eternal","until":1}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := decodeRecord([]byte(text)); err == nil {
				t.Errorf("taken as %+v", r)
			}
		})
	}
}

func TestPacketsThatNeverEndAreRefusedAtTheLimit(t *testing.T) {
	var j joiner
	packet := append([]byte{packetMore}, make([]byte, maxPacket-1)...)
	for range maxRecord/(maxPacket-1) + 1 {
		if _, _, err := j.add(packet); err != nil {
			return
		}
	}
	t.Errorf("%d bytes were taken", len(j.part))
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x00" + `{"version":1,"to_engine":{"ping":{"number":1}}}`))
	f.Add([]byte("\x01" + `{"version":1,`))
	f.Add([]byte("\x00" + `{"version":1,"ask":{"id":1,"request":{"version":1,"verb":"command","command":{"verb":"move"}}}}`))
	f.Fuzz(func(t *testing.T, packet []byte) {
		var j joiner
		body, whole, err := j.add(packet)
		if err != nil || !whole {
			return
		}
		r, err := decodeRecord(body)
		if err != nil {
			return
		}
		packets, err := encodeRecord(r)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		var again joiner
		for _, p := range packets {
			body, whole, err = again.add(p)
		}
		if back, err2 := decodeRecord(body); err != nil || !whole || err2 != nil || !cmp.Equal(back, r) {
			t.Errorf("%+v became %+v (%v, %v)", r, back, err, err2)
		}
	})
}

// The largest request, of the character that JSON writes longest, ends no engine.
func TestTheLargestRequestFitsInARecord(t *testing.T) {
	r := console.Request{Verb: "command", Command: &cluster.Command{Verb: "apply", Text: strings.Repeat("<", maxRequest)}}
	if _, err := encodeRecord(record{Ask: &question{ID: 1, Request: r}}); err != nil {
		t.Error(err)
	}
}
