package lab

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// recording is what alpha has sent over ethernet and over a serial cable.
type recording struct {
	mu    sync.Mutex
	bytes []byte   // on the cable
	frame [][]byte // of the ethernet path
}

func (r *recording) pass(from int, b []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if from == 0 {
		r.bytes = append(r.bytes, b...)
	}
	return b
}

// ofPath are the frames of an ethernet path.
func ofPath(frames [][]byte) (list [][]byte) {
	for _, f := range frames {
		if len(f) > 14 && bytes.Equal(f[12:14], []byte{ofEthernet >> 8, ofEthernet & 0xff}) {
			list = append(list, f)
		}
	}
	return list
}

// newRecorded is a cluster over udp, ethernet and serial, and what alpha sends from its start on until there are many beats.
func newRecorded(t *testing.T) (*pair, *Cable, *recording) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	c, err := NewCable(115200)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	var r recording
	c.Solder(func(s *Soldering) { s.Pass = r.pass })
	p := makePair(t, withFence, "", theService+fmt.Sprintf("path ethernet cross alpha=eth0 beta=eth0\npath serial null alpha=%s beta=%s baud=115200\n",
		c.Devices[0], c.Devices[1]))
	tap, err := p.Wires.Tap("alpha")
	must(t, err)
	for _, n := range p.Nodes {
		must(t, p.serve(n))
	}
	p.owned("alpha")
	p.whole()
	p.bothWays(map[string]bool{"lan": true, "cross": true, "null": true})
	p.eventually("alpha has sent many frames", func() bool { return len(ofPath(tap.Frames())) >= 60 })
	r.frame = ofPath(tap.Frames())
	tap.Close()
	return p, c, &r
}

// play sends beta all of it over and over, until it is told to stop; alpha's own wire is cut meanwhile.
func (r *recording) play(p *pair, c *Cable, stop chan struct{}) error {
	r.mu.Lock()
	line := bytes.Clone(r.bytes)
	r.mu.Unlock()
	for {
		frames := slices.Collect(slices.Chunk(r.frame, 1))
		for i, some := range slices.Collect(slices.Chunk(line, 32)) {
			c.Ends[1].put(some)
			if err := p.Wires.Inject("beta", frames[i%len(frames)]...); err != nil {
				return err
			}
			select {
			case <-stop:
				return nil
			case <-time.After(3 * time.Millisecond):
			}
		}
	}
}

// TestRecordedFramesOnEthernetAndSerialChangeNothing replays them while alpha lives, when they must not make its cut wire look whole,
// and while it is dead, when they must not make it look alive.
func TestRecordedFramesOnEthernetAndSerialChangeNothing(t *testing.T) {
	long(t)
	p, c, r := newRecorded(t)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	end := sync.OnceValue(func() error { close(stop); return <-stopped })
	p.unmoved(func() {
		c.Cut(0, true)
		before := p.paths(p.beta)
		go func() { stopped <- r.play(p, c, stop) }()
		t.Cleanup(func() { must(t, end()) })
		p.eventually("the cut wire is lost, though it carries recorded frames", func() bool { return !p.paths(p.beta)["null"].Up })
		p.pass(2*beatDead + shootDelay)
		for _, name := range []string{"cross", "null"} {
			p.eventually("many are counted as replayed on "+name, func() bool {
				return p.paths(p.beta)[name].Drops["replayed"] >= before[name].Drops["replayed"]+20
			})
		}
		after := p.paths(p.beta)
		if after["null"].Up || !after["cross"].Up {
			t.Errorf("null %+v, cross %+v", after["null"], after["cross"])
		}
	})
	must(t, p.alpha.Crash())
	last := p.Observer.LastBeat("alpha", Now())
	p.owned("beta")
	if _, since := p.Observer.Holder(vip); Between(last, since) > 2*(beatDead+shootDelay) {
		t.Errorf("beta holds the address only %s after alpha's last beat", Between(last, since))
	}
	must(t, end())
}
