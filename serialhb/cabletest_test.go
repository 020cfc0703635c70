package serialhb

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/lab"
)

// both runs the cable test at both ends.
func both(t *testing.T, c *lab.Cable, baud int, most time.Duration) [2]Report {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), most)
	defer stop()
	return bothUntil(ctx, t, c, baud, func(string) {})
}

func bothUntil(ctx context.Context, t *testing.T, c *lab.Cable, baud int, said func(string)) [2]Report {
	t.Helper()
	var reports [2]Report
	var ended sync.WaitGroup
	for i := range reports {
		ended.Go(func() {
			r, err := TestCable(ctx, c.Devices[i], baud, func(s string) { t.Log(c.Devices[i], s); said(s) })
			if err != nil {
				t.Error(err)
			}
			reports[i] = r
		})
	}
	ended.Wait()
	return reports
}

// limited spoils what is sent faster than a rate, or at another than the other end's.
func limited(c *lab.Cable, limit uint32) func(*lab.Soldering) {
	pass := func(_ int, b []byte) []byte {
		var speed [2]uint32
		for i := range c.Ends {
			t, err := unix.IoctlGetTermios(c.Ends[i].FD, unix.TCGETS)
			if err != nil {
				return b
			}
			speed[i] = t.Cflag & unix.CBAUD
		}
		if speed[0] != speed[1] || speed[0] > limit {
			for i := range b {
				b[i] |= 0x91
			}
		}
		return b
	}
	return func(s *lab.Soldering) { s.Pass = pass }
}

func TestBothEndsFindTheGreatestRateOfACable(t *testing.T) {
	c := newCable(t, 921600)
	c.Solder(limited(c, unix.B115200))
	for i, r := range both(t, c, 38400, 40*time.Second) {
		if !r.OK || r.Greatest != 115200 || !r.Finished || r.LossPct > 5 || r.RTTMicros == 0 {
			t.Errorf("end %d: %+v", i, r)
		}
	}
}

func TestACableTestThatIsCutShortKeepsWhatHasWorked(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 40*time.Second)
	defer stop()
	reports := bothUntil(ctx, t, newCable(t, 921600), 38400, func(s string) {
		if s == "trying 115200 baud" {
			stop()
		}
	})
	for i, r := range reports {
		if !r.OK || r.Greatest != 57600 || r.Finished {
			t.Errorf("end %d: %+v, want a cable that is right, 57600 baud, and not finished", i, r)
		}
	}
}

func soldered(do func(*lab.Soldering)) func(*lab.Cable) func(*lab.Soldering) {
	return func(*lab.Cable) func(*lab.Soldering) { return do }
}

func TestACableTestSaysWhatIsWiredWrongly(t *testing.T) {
	for _, x := range []struct {
		name    string
		trouble func(*lab.Cable) func(*lab.Soldering)
		want    [2]string
	}{
		{"nothing", soldered(func(s *lab.Soldering) { s.Cut = [2]bool{true, true} }), [2]string{"nothing arrives", "nothing arrives"}},
		{"one wire", soldered(func(s *lab.Soldering) { s.Cut[1] = true }), [2]string{"nothing arrives", "does not hear this one"}},
		{"a loopback", soldered(func(s *lab.Soldering) { s.Loop = true }), [2]string{"hears itself", "hears itself"}},
		{"garbage", func(c *lab.Cable) func(*lab.Soldering) { return limited(c, 0) }, [2]string{"only garbage", "only garbage"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCable(t, 115200)
			c.Solder(x.trouble(c))
			for i, r := range both(t, c, 115200, time.Second) {
				if r.OK || !strings.Contains(r.Verdict, x.want[i]) {
					t.Errorf("end %d: %+v", i, r)
				}
			}
		})
	}
}

// FuzzProbe: what is no probe changes nothing, and what is one says the same when it is sent on.
func FuzzProbe(f *testing.F) {
	f.Add((&probe{id: 1, seq: 2, peer: 3, echo: 4, held: 5, step: 6, golden: 7, state: stateDone}).append(nil))
	f.Add([]byte(probeMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, again probe
		if !p.read(b) {
			if p != (probe{}) {
				t.Errorf("%x is none and is read as %+v", b, p)
			}
			return
		}
		if !again.read(p.append(nil)) || again != p {
			t.Errorf("%+v came back as %+v", p, again)
		}
	})
}
