package inm

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"locum/wire"
)

const ms = wire.Instant(time.Millisecond)

// cable is how a simulated path behaves, in each direction.
type cable struct {
	info   PathInfo
	delay  time.Duration
	jitter time.Duration // frames overtake each other
	rate   int           // bytes a second, 0 unlimited: frames wait for each other
	loss   float64
	twice  float64
	cut    [2]bool // from end 0, from end 1
	hole   int     // larger frames are swallowed, 0 none
	busy   [2]wire.Instant
}

// world is two ends, their engines, and the cables between them, in simulated time.
type world struct {
	t      testing.TB
	rand   *rand.Rand
	now    wire.Instant
	ends   [2]*end
	cables []*cable
	events events
	order  int
	frames int // sent over cables
}

// end is a session with an engine that takes messages in order.
type end struct {
	s          *Session
	name       wire.End
	hangs      bool
	sent       [][]byte
	delivered  [][]byte
	acked      []uint64
	lost       []uint64
	takeNumber uint64
	last       uint64
	drops      [wire.Drops]int
	wakeAt     wire.Instant
}

type event struct {
	at    wire.Instant
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	x := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return x
}

func newWorld(t testing.TB, seed uint64, cables ...*cable) *world {
	w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 99)), now: 1000 * ms, cables: cables}
	names := [2]wire.End{{Incarnation: 5, EngineStart: 1}, {Incarnation: 8, EngineStart: 3}}
	for i := range w.ends {
		w.ends[i] = &end{s: New(names[i]), name: names[i]}
	}
	for i, e := range w.ends {
		e.s.SetPeer(names[1-i])
	}
	w.setPaths()
	return w
}

func (w *world) setPaths() {
	var infos []PathInfo
	for _, c := range w.cables {
		infos = append(infos, c.info)
	}
	for i, e := range w.ends {
		e.s.SetPaths(w.now, infos)
		w.settle(i)
	}
}

func (w *world) at(at wire.Instant, do func()) {
	w.order++
	heap.Push(&w.events, event{at, w.order, do})
}

// run does what happens until the instant.
func (w *world) run(until wire.Instant) {
	for len(w.events) > 0 && w.events[0].at <= until {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	w.now = until
}

func (w *world) send(from int, payload []byte) error {
	e := w.ends[from]
	err := e.s.Send(w.now, uint64(len(e.sent)+1), payload)
	if err == nil {
		e.sent = append(e.sent, bytes.Clone(payload))
	}
	w.settle(from)
	return err
}

// wantSound fails unless the session's counts agree with each other and with the limits.
func wantSound(t testing.TB, s *Session) {
	t.Helper()
	var inFlight [wire.MaxPaths]int
	late := 0
	for _, f := range s.sending.flights {
		if f.late {
			late++
		} else {
			inFlight[f.path]++
		}
	}
	for i := range s.paths {
		if s.paths[i].inFlight != inFlight[i] || inFlight[i] > wire.MaxInFlight+1 {
			t.Fatalf("path %d counts %d segments under way, there are %d", i, s.paths[i].inFlight, inFlight[i])
		}
	}
	bytes := 0
	for _, m := range s.sending.queue {
		bytes += len(m.payload)
	}
	if bytes != s.sending.bytes || bytes > wire.MaxQueuedBytes || len(s.sending.queue) > wire.MaxQueued {
		t.Fatalf("%d messages of %d bytes wait, counted as %d", len(s.sending.queue), bytes, s.sending.bytes)
	}
	if late > maxLate+wire.MaxPaths*wire.MaxInFlight || len(s.arriving.parts) > wire.MaxUntaken || s.arriving.kept() > 2*wire.MaxMessage {
		t.Fatalf("keeps %d late segments, %d parts, %d bytes", late, len(s.arriving.parts), s.arriving.kept())
	}
}

// settle carries out what a session asks for, and sets its timer.
func (w *world) settle(i int) {
	e := w.ends[i]
	wantSound(w.t, e.s)
	for _, o := range e.s.Outputs() {
		switch o := o.(type) {
		case Transmit:
			w.carry(i, o)
		case Deliver:
			if o.Number <= e.last || o.From != w.ends[1-i].name {
				w.t.Fatalf("delivered number %d of %v after %d", o.Number, o.From, e.last)
			}
			e.last = o.Number
			e.delivered = append(e.delivered, o.Payload)
			w.at(w.now+wire.Instant(w.rand.Int64N(int64(3*ms))), func() { w.take(i, o.Number) })
		case Acked:
			e.acked = append(e.acked, o.ID)
		case Lost:
			e.lost = append(e.lost, o.ID)
		}
	}
	if next, ok := e.s.Next(); ok {
		next = max(next, w.now)
		e.wakeAt = next
		w.at(next, func() {
			if e.wakeAt != next {
				return // set anew since
			}
			e.s.Due(w.now)
			if again, ok := e.s.Next(); ok && again <= w.now {
				w.t.Fatalf("after Due at %d Next is %d", w.now, again)
			}
			w.settle(i)
		})
	}
}

// take is the engine: it takes in order, though it may be told in any.
func (w *world) take(i int, number uint64) {
	e := w.ends[i]
	if e.hangs {
		w.at(w.now+10*ms, func() { w.take(i, number) })
		return
	}
	e.takeNumber = max(e.takeNumber, number)
	e.s.Took(w.now, e.takeNumber)
	w.settle(i)
}

func (w *world) carry(from int, o Transmit) {
	c := w.cables[o.Path]
	g := o.Segment
	g.Payload = bytes.Clone(g.Payload)
	size := wire.SegmentOverhead + len(g.Payload)
	if size > c.info.MTU || !g.Valid() {
		w.t.Fatalf("path %d of MTU %d was given %d bytes, valid: %v", o.Path, c.info.MTU, size, g.Valid())
	}
	w.frames++
	sent := w.now
	if c.rate > 0 {
		c.busy[from] = max(c.busy[from], w.now) + wire.Instant(time.Duration(size)*time.Second/time.Duration(c.rate))
		sent = c.busy[from]
	}
	copies := 1
	if w.rand.Float64() < c.twice {
		copies = 2
	}
	for range copies {
		if c.cut[from] || c.hole > 0 && size > c.hole || w.rand.Float64() < c.loss {
			continue
		}
		at := sent + wire.Instant(c.delay)
		if c.jitter > 0 {
			at += wire.Instant(w.rand.Int64N(int64(c.jitter)))
		}
		w.at(at, func() {
			to := w.ends[1-from]
			to.drops[to.s.Receive(w.now, o.Path, &g)]++
			w.settle(1 - from)
		})
	}
}

// wantAll fails unless each end got, once and in order, what the other sent, and every message was acknowledged.
func (w *world) wantAll() {
	w.t.Helper()
	for i, e := range w.ends {
		o := w.ends[1-i]
		if len(o.delivered) != len(e.sent) || len(e.acked) != len(e.sent) || len(e.lost) != 0 || e.s.Waiting() != 0 {
			w.t.Fatalf("end %d sent %d messages: %d delivered, %d acked, %d lost, %d waiting", i, len(e.sent),
				len(o.delivered), len(e.acked), len(e.lost), e.s.Waiting())
		}
		for n := range e.sent {
			if !bytes.Equal(e.sent[n], o.delivered[n]) || e.acked[n] != uint64(n+1) {
				w.t.Fatalf("end %d: message %d arrived changed, or message %d was acknowledged in its place", i, n+1, e.acked[n])
			}
		}
	}
}

// letter is a message of a length that no other message resembles.
func letter(number, length int) []byte {
	b := make([]byte, max(length, 8))
	for i := 0; i+4 <= len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], uint32(number)<<16^uint32(i)*2654435761)
	}
	copy(b, fmt.Sprintf("%08d", number))
	return b
}

func lan() *cable {
	return &cable{info: PathInfo{MTU: 1400, Up: true}, delay: 100 * time.Microsecond}
}

func serial() *cable {
	return &cable{info: PathInfo{MTU: 256, Up: true, RTT: 40 * time.Millisecond}, delay: time.Millisecond, rate: 11520}
}
