package lab

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"locum/console"
	"locum/wire"
)

// kindAt is where the kind of a frame stands, and headSize how long its clear part is: wire/frame.go.
const (
	kindAt   = 1
	headSize = 19
)

// record taps a node until so many of its frames of a kind have come, and gives all frames.
func (p *pair) record(n *Node, kind wire.Kind, count int) (all [][]byte) {
	p.t.Helper()
	tap, err := p.Wires.Tap(n.Name)
	must(p.t, err)
	defer tap.Close()
	p.eventually(n.Name+" is heard at its switch port", func() bool {
		all = tap.Frames()
		return len(ofKind(all, kind)) >= count
	})
	return all
}

func ofKind(frames [][]byte, kind wire.Kind) (list [][]byte) {
	for _, f := range frames {
		if b := BeatOf(f); len(b) > headSize && wire.Kind(b[kindAt]) == kind {
			list = append(list, f)
		}
	}
	return list
}

// altered gives copies of frames that carry what alter makes of what they carried.
func altered(frames [][]byte, alter func(beat []byte) []byte) (list [][]byte) {
	for _, f := range frames {
		list = append(list, WithBeat(f, alter(bytes.Clone(BeatOf(f)))))
	}
	return list
}

func same(beat []byte) []byte { return beat }

// flips gives a frame with each bit of what it carries flipped in turn, from one octet to another.
func flips(frame []byte, from, to int) (list [][]byte) {
	beat := BeatOf(frame)
	for bit := from * 8; bit < min(to, len(beat))*8; bit++ {
		b := bytes.Clone(beat)
		b[bit/8] ^= 1 << (bit % 8)
		list = append(list, WithBeat(frame, b))
	}
	return list
}

// drops is what "locum paths" counts on a node, over all paths.
func (p *pair) drops(n *Node) map[string]int {
	p.t.Helper()
	out, code := p.locum(n, "paths", "--json")
	var r console.Reply
	if code != 0 || json.Unmarshal([]byte(out), &r) != nil {
		p.t.Fatalf("locum paths: exit %d: %s", code, out)
	}
	sum := map[string]int{}
	for _, path := range r.Paths {
		for reason, count := range path.Drops {
			sum[reason] += int(count)
		}
	}
	return sum
}

// more is what was counted since.
func more(now, before map[string]int) map[string]int {
	now = maps.Clone(now)
	for reason, count := range before {
		now[reason] -= count
	}
	maps.DeleteFunc(now, func(_ string, count int) bool { return count == 0 })
	return now
}

// stranger seals a beat of node 1 as somebody would who has another key, or another cluster's name.
func stranger(t *testing.T, cluster string) []byte {
	t.Helper()
	key, err := wire.ParseKey([]byte(newKey(t)))
	must(t, err)
	s, err := wire.NewSealer(cluster, key, 1, 1, wire.Salt{1})
	must(t, err)
	frame, err := s.Beat(nil, &wire.Beat{})
	must(t, err)
	return frame
}

// TestAttackedFramesAreCountedByTheirReasonAndChangeNothing sends beta frames that it must not believe, made from those
// that alpha really sent. Each is counted once, under the reason that a user reads in "locum paths".
func TestAttackedFramesAreCountedByTheirReasonAndChangeNothing(t *testing.T) {
	p := newPair(t, withFence, "", theService)
	before, view := p.kept(p.alpha), p.status(p.beta).Epoch
	beats := ofKind(p.record(p.alpha, wire.KindBeat, 10), wire.KindBeat)
	one := beats[:1]
	size := len(BeatOf(one[0]))
	for _, c := range []struct {
		name   string
		frames [][]byte
		want   []string // the reasons that it may have
	}{
		{"beats that were heard before", altered(beats, same), []string{"replayed"}},
		{"beats of another version", altered(beats, func(b []byte) []byte { b[0]++; return b }), []string{"wrong_version"}},
		{"beats of another cluster's key", altered(one, func([]byte) []byte { return stranger(t, "lab") }), []string{"wrong_cluster"}},
		{"beats of another cluster's name", altered(one, func([]byte) []byte { return stranger(t, "lob") }), []string{"wrong_cluster"}},
		{"beats of another key under our tag", altered(one, func(own []byte) []byte {
			return slices.Concat(own[:headSize], stranger(t, "lab")[headSize:])
		}), []string{"forged", "short", "malformed"}},
		{"beats with a wrong bit in what is sealed", flips(one[0], headSize, size), []string{"forged"}},
		{"beats with a wrong bit in the counter", flips(one[0], 11, 17), []string{"forged"}},
		{"beats with a wrong bit in the incarnation", flips(one[0], 7, 11), []string{"not_admitted", "malformed"}},
		{"beats with a wrong bit in the sender", flips(one[0], 6, 7), []string{"unknown_sender"}},
		{"beats with a wrong bit in the cluster's tag", flips(one[0], 2, 6), []string{"wrong_cluster"}},
		{"beats with a wrong bit in the kind", flips(one[0], kindAt, kindAt+1), []string{"malformed", "forged"}},
		{"beats with a wrong bit in the length", flips(one[0], 17, headSize), []string{"malformed", "short", "forged"}},
		{"beats that were cut short", altered(one, func(b []byte) []byte { return b[:headSize] }), []string{"short"}},
		{"beats with padding that is too long", altered(one, func(b []byte) []byte { return append(b, make([]byte, wire.MaxFrame+1-len(b))...) }), []string{"long"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := p.drops(p.beta)
			must(t, p.Wires.Inject("beta", c.frames...))
			got := map[string]int{}
			sum := 0
			for end := time.Now().Add(longWait); sum < len(c.frames) && time.Now().Before(end); {
				sum, got = 0, more(p.drops(p.beta), start)
				for reason, count := range got {
					if sum += count; !slices.Contains(c.want, reason) {
						t.Fatalf("%d are counted as %q, want only %q", count, reason, c.want)
					}
				}
			}
			if sum != len(c.frames) {
				t.Errorf("of %d frames %v are counted", len(c.frames), got)
			}
		})
	}
	if out, _ := p.locum(p.beta, "paths"); !strings.Contains(out, "DROPPED") || !strings.Contains(out, "replayed 1") || !strings.Contains(out, "forged ") {
		t.Errorf("locum paths does not show it:\n%s", out)
	}
	p.pass(2 * beatDead)
	p.whole()
	if now := p.status(p.beta).Epoch; now != view {
		t.Errorf("view %d became %d", view, now)
	}
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	if p.told("alpha", "off") || p.told("beta", "off") {
		t.Errorf("somebody was fenced")
	}
}

// TestRecordedFramesDoNotKeepADeadNodeAlive replays to beta, all the while, everything that alpha ever sent to it: before
// alpha is killed, while it is dead, and after it has come back.
func TestRecordedFramesDoNotKeepADeadNodeAlive(t *testing.T) {
	long(t)
	p := makePair(t, withFence, "", theService)
	tap, err := p.Wires.Tap("alpha")
	must(t, err)
	for _, n := range p.Nodes {
		must(t, p.serve(n))
	}
	p.owned("alpha")
	p.whole()
	p.eventually("alpha has sent many beats", func() bool { return len(ofKind(tap.Frames(), wire.KindBeat)) >= 40 })
	frames := altered(slices.Concat(ofKind(tap.Frames(), wire.KindHello), ofKind(tap.Frames(), wire.KindSegment),
		ofKind(tap.Frames(), wire.KindBeat)), same)
	tap.Close()
	if len(ofKind(frames, wire.KindHello)) == 0 || len(ofKind(frames, wire.KindSegment)) == 0 {
		t.Fatalf("of %d frames not every kind was recorded", len(frames))
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() { stopped <- p.replay(frames, stop) }()
	must(t, p.alpha.Crash())
	last := p.Observer.LastBeat("alpha", Now())
	p.owned("beta")
	_, since := p.Observer.Holder(vip)
	if took := Between(last, since); took > 2*(beatDead+shootDelay) {
		t.Errorf("beta holds the address only %s after alpha's last beat", took)
	}
	must(t, p.alpha.Boot())
	must(t, p.serve(p.alpha))
	p.whole()
	start, before := p.drops(p.beta), p.kept(p.beta)
	p.pass(2*beatDead + shootDelay)
	close(stop)
	must(t, <-stopped)
	p.whole()
	got := more(p.drops(p.beta), start)
	for _, reason := range []string{"not_admitted", "older_life"} {
		if got[reason] == 0 {
			t.Errorf("none is counted as %q: %v", reason, got)
		}
	}
	delete(got, "not_admitted")
	delete(got, "older_life")
	if len(got) > 0 {
		t.Errorf("some are counted as %v", got)
	}
	if after := p.kept(p.beta); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}

// replay sends frames to beta over and over, until it is told to stop.
func (p *pair) replay(frames [][]byte, stop chan struct{}) error {
	for {
		for some := range slices.Chunk(frames, 10) {
			if err := p.Wires.Inject("beta", some...); err != nil {
				return err
			}
			select {
			case <-stop:
				return nil
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}
