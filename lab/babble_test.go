package lab

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"testing"
	"time"

	"locum/wire"
)

// babble is somebody who holds the wire on which beta sends to alpha, and sends on it himself.
type babble struct {
	cable *Cable
	under bool     // a true frame is under way
	some  []byte   // of it
	heard [][]byte // true frames, as wire made them
	sent  int
}

// pass lets all through and notes where true frames begin and end.
func (h *babble) pass(from int, b []byte) []byte {
	if from != 1 {
		return b
	}
	for _, c := range b {
		switch {
		case c != 0:
			h.under, h.some = true, append(h.some, c)
		case h.under:
			if raw := undoCOBS(h.some); len(raw) > 8+headSize && len(h.heard) < 64 {
				h.heard = append(h.heard, raw[4:len(raw)-4])
			}
			h.under, h.some = false, nil
		}
	}
	return b
}

// frames sends what next gives, so many a second for a time; politely: never while a true frame is under way.
func (h *babble) frames(perSecond int, politely bool, next func() []byte) time.Duration {
	began, due := time.Now(), 0
	for passed := time.Duration(0); passed < floodFor; passed = time.Since(began) {
		due += int(float64(perSecond)*passed.Seconds()) - due
		h.cable.Solder(func(*Soldering) {
			var all []byte
			for ; h.sent < due && len(all) < 4096 && (!politely || !h.under); h.sent++ {
				all = append(all, next()...)
			}
			h.cable.Ends[0].put(all)
		})
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}

// framed is a frame as serialhb puts it on the line, for a node.
func framed(to wire.Node, frame []byte) []byte {
	raw := append([]byte{byte(to), 0}, binary.BigEndian.AppendUint16(nil, uint16(len(frame)))...)
	raw = append(raw, frame...)
	raw = binary.BigEndian.AppendUint32(raw, crc32.Checksum(raw, crc32.MakeTable(crc32.Castagnoli)))
	out := []byte{0}
	for rest := raw; ; {
		n := min(bytes.IndexByte(append(rest[:len(rest):len(rest)], 0), 0), 254)
		out = append(append(out, byte(n+1)), rest[:n]...)
		switch {
		case n == len(rest):
			return append(out, 0)
		case n == 254:
			rest = rest[n:]
		default:
			rest = rest[n+1:]
		}
	}
}

func undoCOBS(b []byte) (raw []byte) {
	for len(b) > 0 && int(b[0]) <= len(b) {
		code := int(b[0])
		raw = append(raw, b[1:code]...)
		if b = b[code:]; code < 255 && len(b) > 0 {
			raw = append(raw, 0)
		}
	}
	return raw
}

// nonsense is n bytes that are no zero, and a zero.
func nonsense(n int) []byte {
	b := make([]byte, n+1)
	for i := range b[:n] {
		b[i] = byte(1 + rand.IntN(255))
	}
	return b
}

// TestGarbageOnASerialCableChangesNothing: beside beta's true frames alpha gets what is none, as much as a line brings, or more.
func TestGarbageOnASerialCableChangesNothing(t *testing.T) {
	long(t)
	p, c := newCabledPair(onFitMachine(t, beatDead/8))
	h := &babble{cable: c}
	c.Solder(func(s *Soldering) { s.Pass = h.pass })
	carried := func() bool { return p.carries(p.alpha, "null") && p.carries(p.beta, "null") }
	p.eventually("the cable carries, and true frames were heard", func() bool {
		known := false
		c.Solder(func(*Soldering) { known = len(h.heard) >= 10 })
		return known && carried()
	})
	n := 0
	for _, x := range []struct {
		name      string
		perSecond int
		politely  bool
		next      func() []byte
		counted   string // under what locum counts it, "" nothing: it never was a frame
	}{
		{"the shortest frames", floodRate, true, func() []byte { return nonsense(1) }, ""},
		{"frames of every length", 250, true, func() []byte { n++; return nonsense(n % (wire.MaxFrame + 64)) }, ""},
		{"well-formed frames of every length", 250, true, func() []byte {
			n++
			body := nonsense(n % wire.MaxFrame)
			return framed(wire.Node(n%3), body)
		}, ""},
		{"true frames with a wrong bit", 700, true, func() []byte {
			n++
			f := bytes.Clone(h.heard[n%len(h.heard)])
			bit := headSize*8 + n%((len(f)-headSize)*8)
			f[bit/8] ^= 1 << (bit % 8)
			return framed(1, f)
		}, "forged"},
		{"true frames once more", 700, true, func() []byte { n++; return framed(wire.Node(n%2), h.heard[n%len(h.heard)]) }, "replayed"},
		{"garbage right through the true frames", 600, false, func() []byte { n++; return nonsense(n % 40) }, ""},
	} {
		p.unmoved(func() {
			heart := p.heart(p.alpha)
			before, used := p.path(p.alpha, "null"), p.used(heart)
			h.sent = 0
			took := h.frames(x.perSecond, x.politely, x.next)
			share := 100 * (p.used(heart) - used).Seconds() / took.Seconds()
			after := p.path(p.alpha, "null")
			t.Logf("%s: %.0f a second; the heart used %.1f %% of a core; %.1f %% of the beats lost", x.name, float64(h.sent)/took.Seconds(), share, after.LossPct)
			if share > mostOfACore {
				p.t.Errorf("%s: the heart used %.1f %% of a core, more than %d", x.name, share, mostOfACore)
			}
			if x.politely && (!after.Up || !after.PeerHears) {
				p.t.Errorf("%s: true beats do not arrive: %+v", x.name, after)
			}
			if x.counted != "" && after.Drops[x.counted]-before.Drops[x.counted] < 100 {
				p.t.Errorf("%s: %d are counted as %s", x.name, after.Drops[x.counted]-before.Drops[x.counted], x.counted)
			}
		})
		p.eventually("the cable carries after it", carried)
	}
}
