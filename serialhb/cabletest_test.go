package serialhb

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// both runs the cable test at both ends.
func both(t *testing.T, c *cable, baud int, most time.Duration) [2]Report {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), most)
	defer stop()
	return bothUntil(ctx, t, c, baud, func(string) {})
}

func bothUntil(ctx context.Context, t *testing.T, c *cable, baud int, said func(string)) [2]Report {
	t.Helper()
	var reports [2]Report
	var ended sync.WaitGroup
	for i := range reports {
		ended.Go(func() {
			r, err := TestCable(ctx, c.devices[i], baud, func(s string) { t.Log(c.devices[i], s); said(s) })
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
func (c *cable) limited(limit uint32) {
	c.change = func(b []byte) []byte {
		var speed [2]uint32
		for i := range c.kept {
			t, err := unix.IoctlGetTermios(c.kept[i], unix.TCGETS)
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
}

func TestBothEndsFindTheGreatestRateOfACable(t *testing.T) {
	c := newCable(t, 921600)
	c.set(func(c *cable) { c.limited(unix.B115200) })
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

func TestACableTestSaysWhatIsWiredWrongly(t *testing.T) {
	for _, x := range []struct {
		name    string
		trouble func(*cable)
		want    [2]string
	}{
		{"nothing", func(c *cable) { c.cut = [2]bool{true, true} }, [2]string{"nothing arrives", "nothing arrives"}},
		{"one wire", func(c *cable) { c.cut[1] = true }, [2]string{"nothing arrives", "does not hear this one"}},
		{"a loopback", func(c *cable) { c.loop = true }, [2]string{"hears itself", "hears itself"}},
		{"garbage", func(c *cable) { c.limited(0) }, [2]string{"only garbage", "only garbage"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCable(t, 115200)
			c.set(x.trouble)
			for i, r := range both(t, c, 115200, time.Second) {
				if r.OK || !strings.Contains(r.Verdict, x.want[i]) {
					t.Errorf("end %d: %+v", i, r)
				}
			}
		})
	}
}
