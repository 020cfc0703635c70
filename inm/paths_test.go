package inm

import (
	"testing"
	"time"

	"locum/wire"
)

func TestThePathIsChosenByWhatIsKnownOfIt(t *testing.T) {
	up := PathInfo{MTU: 1400, Up: true}
	slow := PathInfo{MTU: 256, Up: true, RTT: 40 * time.Millisecond}
	tests := []struct {
		name  string
		paths []path
		want  int
	}{
		{"none", nil, -1},
		{"none is up", []path{{PathInfo: PathInfo{MTU: 1400}}}, -1},
		{"one that carries too little", []path{{PathInfo: PathInfo{MTU: wire.SegmentOverhead + wire.MinPayload - 1, Up: true}}}, -1},
		{"the first of two alike", []path{{PathInfo: up}, {PathInfo: up}}, 0},
		{"the one that is expected to be quicker", []path{{PathInfo: slow}, {PathInfo: up}}, 1},
		{"the one that was found quicker", []path{{PathInfo: up, smoothed: 9 * time.Millisecond}, {PathInfo: up, smoothed: 2 * time.Millisecond}}, 1},
		{"the first, for the difference is small", []path{{PathInfo: up, smoothed: 900 * time.Microsecond}, {PathInfo: up, smoothed: 200 * time.Microsecond}}, 0},
		{"the one that does not time out", []path{{PathInfo: up, timeouts: 1, suspectUntil: 20}, {PathInfo: slow}}, 1},
		{"the one that timed out long ago", []path{{PathInfo: up, timeouts: 1, suspectUntil: 10}, {PathInfo: slow}}, 0},
		{"of two that time out, that with fewer", []path{{PathInfo: up, timeouts: 2, suspectUntil: 20}, {PathInfo: slow, timeouts: 1, suspectUntil: 20}}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := lone()
			s.paths = tt.paths
			if got := s.choose(10); got != tt.want {
				t.Errorf("path %d, want %d", got, tt.want)
			}
		})
	}
}

func TestEachTimeOutInARowDoublesTheWaitUpToItsBound(t *testing.T) {
	p := path{PathInfo: PathInfo{MTU: 1400, Up: true}, window: 8}
	p.measured(10 * time.Millisecond)
	if got := p.retryAfter(); got != 30*time.Millisecond {
		t.Fatalf("the first wait is %v", got)
	}
	now := wire.Instant(0)
	for i, want := range []time.Duration{60, 120, 240, 480, 960, 1920, 2000, 2000, 2000, 2000, 2000} {
		now += 10_000 * ms
		p.late(now, now-1)
		p.late(now, now-2) // another segment of the same loss
		if got := p.retryAfter(); got != want*time.Millisecond {
			t.Errorf("after %d time-outs the wait is %v, want %v", i+1, got, want*time.Millisecond)
		}
	}
	if p.window != 1 {
		t.Errorf("the window is %d", p.window)
	}
	p.measured(10 * time.Millisecond)
	if p.timeouts != 0 || p.suspect(now) || p.retryAfter() > 40*time.Millisecond {
		t.Error("an acknowledgement does not rehabilitate the path")
	}
}

func TestTheWaitIsBoundedBelowAndHasAGuessAtFirst(t *testing.T) {
	var p path
	if p.retryAfter() != wire.RetryFirst {
		t.Errorf("unknown: %v", p.retryAfter())
	}
	p.RTT = 50 * time.Millisecond
	if p.retryAfter() != 150*time.Millisecond {
		t.Errorf("guessed: %v", p.retryAfter())
	}
	for range 50 {
		p.measured(100 * time.Microsecond)
	}
	if p.retryAfter() != wire.RetryMin || p.window > wire.MaxInFlight {
		t.Errorf("measured: %v, window %d", p.retryAfter(), p.window)
	}
}

// The first time-out alone counts when a whole window is lost: it was one loss.
func TestOneLossIsOneTimeOut(t *testing.T) {
	s := lone()
	for id := range uint64(4) {
		if err := s.Send(wire.Instant(id)*ms, id, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for at := range wire.Instant(4) {
		s.Due(wire.Instant(wire.RetryFirst) + at*ms)
	}
	if n := s.paths[0].timeouts; n != 1 {
		t.Errorf("%d time-outs", n)
	}
}

func TestADeadPathCostsLittle(t *testing.T) {
	c := lan()
	c.cut = [2]bool{true, true}
	w := newWorld(t, 1, c)
	if err := w.send(0, letter(1, 100)); err != nil {
		t.Fatal(err)
	}
	w.run(w.now + 1000_000*ms)
	if late := len(w.ends[0].s.sending.flights); w.frames > 520 || late > maxLate+1 {
		t.Errorf("%d frames in 1000 s, %d segments remembered", w.frames, late)
	}
}

func TestANewSessionStartsWithFreePaths(t *testing.T) {
	w := newWorld(t, 1, lan())
	for n := range uint16(20) {
		for i := range 4 {
			if err := w.send(0, letter(i, 100)); err != nil {
				t.Fatal(err)
			}
		}
		w.ends[0].s.Rename(wire.End{Incarnation: 5, EngineStart: 2 + n})
		w.settle(0)
	}
	if n := len(w.ends[0].lost); n != 80 {
		t.Errorf("%d lost", n)
	}
}

func TestASegmentOnASlowPathIsGivenTheTimeOfThoseBeforeIt(t *testing.T) {
	for _, c := range []struct {
		name string
		rate int
		want bool
	}{{"a slow path", 1920, false}, {"a path without a rate", 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			s := New(wire.End{Incarnation: 1, EngineStart: 1})
			s.SetPeer(wire.End{Incarnation: 2, EngineStart: 1})
			s.SetPaths(1, []PathInfo{{MTU: 128, Up: true, Rate: c.rate}})
			if err := s.Send(1, 1, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			first := len(s.Outputs())
			// Three segments of 128 bytes take 1920 bytes a second 200 ms, which is longer than RetryFirst.
			s.Due(1 + wire.Instant(wire.RetryFirst) + 1)
			again := len(s.Outputs()) > 0
			if first != wire.FirstInFlight || again != c.want {
				t.Errorf("%d segments at first; sent again after %s: %v, want %v", first, wire.RetryFirst, again, c.want)
			}
		})
	}
}

// slow is a serial cable as the heart describes it.
func slow() *cable {
	return &cable{info: PathInfo{MTU: 218, Up: true, Rate: 11520}, delay: time.Millisecond, rate: 11520}
}

func TestOnASlowLineTheWordOfTheEngineIsTheAcknowledgement(t *testing.T) {
	for _, c := range []struct {
		name   string
		hangs  bool
		frames int
	}{{"an engine that takes it at once", false, 2}, {"an engine that hangs", true, 2}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1, slow())
			w.ends[1].hangs = c.hangs
			if err := w.send(0, letter(1, 32)); err != nil {
				t.Fatal(err)
			}
			w.run(w.now + 35*ms)
			if w.frames != c.frames || w.ends[0].s.RTT(0) == 0 {
				t.Errorf("%d frames, the round trip is %v", w.frames, w.ends[0].s.RTT(0))
			}
			if (len(w.ends[0].acked) == 1) == c.hangs {
				t.Errorf("%d acknowledged", len(w.ends[0].acked))
			}
		})
	}
}

// A serial line that was never measured is not taken for as quick as a network, whichever stands first in the file.
func TestTheFirstMessageGoesOverTheQuickPathThoughNoneWasMeasured(t *testing.T) {
	s := lone()
	s.paths = []path{{PathInfo: slow().info}, {PathInfo: lan().info}}
	if got := s.choose(10); got != 1 {
		t.Errorf("path %d", got)
	}
}
