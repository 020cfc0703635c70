package serialhb

import (
	"bytes"
	"testing"

	"locum/wire"
)

// collect decodes a stream and keeps what it finds.
func collect(stream []byte, step int) (frames [][]byte, bad int) {
	var d decoder
	for len(stream) > 0 {
		n := min(step, len(stream))
		d.feed(stream[:n], func(_ envelope, f []byte) { frames = append(frames, bytes.Clone(f)) }, func([]byte) { bad++ })
		stream = stream[n:]
	}
	return frames, bad
}

func TestAFrameOfEveryLengthComesBack(t *testing.T) {
	for n := range wire.MaxFrame + 1 {
		for _, fill := range []byte{0, 1, 255} {
			in := bytes.Repeat([]byte{fill}, n)
			got, bad := collect(new(encoder).encode(envelope{3, 2}, in), 7)
			if len(got) != 1 || bad != 0 || !bytes.Equal(got[0], in) {
				t.Fatalf("%d bytes of %d: %d frames, %d bad", n, fill, len(got), bad)
			}
		}
	}
}

func TestAFrameHasNoZeroInsideAndTheOverheadThatIsReckoned(t *testing.T) {
	in := make([]byte, 200)
	b := new(encoder).encode(envelope{}, in)
	if len(b) != len(in)+Overhead || bytes.IndexByte(b[1:len(b)-1], 0) >= 0 {
		t.Errorf("%d bytes for %d: %x", len(b), len(in), b)
	}
}

func TestTheFrameAfterAnyGarbageIsFound(t *testing.T) {
	frame := []byte("a frame that is to be found")
	for name, garbage := range map[string][]byte{
		"noise":           {1, 2, 3, 255, 254},
		"a zero":          {0, 0, 0, 9},
		"half a frame":    new(encoder).encode(envelope{}, frame)[:12],
		"more than one":   bytes.Repeat([]byte{0x55}, 3*maxEncoded+17),
		"a spoilt frame":  spoil(new(encoder).encode(envelope{}, frame)),
		"a login prompt ": []byte("\r\nlogin: "),
	} {
		got, bad := collect(append(bytes.Clone(garbage), new(encoder).encode(envelope{}, frame)...), 5)
		if len(got) != 1 || !bytes.Equal(got[0], frame) || bad == 0 {
			t.Errorf("after %s: %q, %d bad", name, got, bad)
		}
	}
}

func spoil(b []byte) []byte {
	b[len(b)/2] ^= 0x40
	return b
}

func FuzzDecode(f *testing.F) {
	f.Add(new(encoder).encode(envelope{1, 2}, []byte("frame\x00\x00")), []byte("x"))
	f.Fuzz(func(t *testing.T, noise, frame []byte) {
		frame = frame[:min(len(frame), wire.MaxFrame)]
		got, _ := collect(append(bytes.Clone(noise), new(encoder).encode(envelope{7, 1}, frame)...), 64)
		if len(got) == 0 || !bytes.Equal(got[len(got)-1], frame) {
			t.Fatalf("%x after %x: not found", frame, noise)
		}
	})
}

// A beat on its way to the line and from it costs no memory.
func BenchmarkABeatOnALine(b *testing.B) {
	var c encoder
	var d decoder
	beat := make([]byte, 94)
	good := func(_ envelope, got []byte) {
		if len(got) != len(beat) {
			b.Fatal("another frame came")
		}
	}
	for b.Loop() {
		d.feed(c.encode(envelope{}, beat), good, func([]byte) { b.Fatal("garbage came") })
	}
	b.ReportAllocs()
}
