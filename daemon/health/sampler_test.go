package health

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"locum/cluster"
	"locum/config"
)

const file = `cluster t
key /k
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
tiebreak unsafe
service web nodes=alpha,beta stateless=yes
resource web vip 192.0.2.100/24
`

func parsed(t *testing.T, limits string) *config.Config {
	t.Helper()
	cfg, problems := config.Parse("f", file+limits)
	if cfg == nil {
		t.Fatal(problems)
	}
	return cfg
}

// sampleOf is one sample of alpha, from this proc.
func sampleOf(t *testing.T, cfg *config.Config, proc string) cluster.Sampled {
	t.Helper()
	s := newSampler(cfg, 1, proc, sourceOf)
	for i, a := range s.askers {
		go a.run(t.Context(), s.sources[i])
	}
	s.within = 10 * time.Second // the machine may be busy
	return s.sample()
}

func TestThisMachineIsSampled(t *testing.T) {
	got := sampleOf(t, parsed(t, "limit load=8 memory=1M disk=/:1M link=locum-none\nlimit beta load=9\n"), "/proc")
	if !got.Load.Known || !got.Memory.Known || got.Memory.Value < 1<<20 {
		t.Errorf("load %+v, memory %+v", got.Load, got.Memory)
	}
	if l := got.Limits; len(l) != 5 || l[0] != got.Load || l[1] != got.Memory || !l[2].Known || l[2].Value <= 0 || !l[3].Known || l[3].Value != 0 || l[4].Known {
		t.Errorf("%+v", l)
	}
}

// Pressure is said of this very kernel: either it tells of it, or the error says what is missing.
func TestPressureOfThisMachine(t *testing.T) {
	_, err := os.ReadFile("/proc/pressure/io")
	if got := Pressure(config.LimitIOPressure); (got == nil) != (err == nil) {
		t.Errorf("%v, the file: %v", got, err)
	}
	if err := Pressure(config.LimitLoad); err != nil {
		t.Error(err)
	}
}

func TestAProcThatLacksSomethingLeavesThatUnknown(t *testing.T) {
	proc := t.TempDir()
	for name, text := range map[string]string{
		"loadavg":         "9.30 1.85 2.08 15/326 2630\n",
		"meminfo":         "rubbish\n",
		"pressure/memory": "some avg10=61.50 avg60=1.37 avg300=1.42 total=37854203\n",
	} {
		path := filepath.Join(proc, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	cfg := parsed(t, "limit load=8 memory=1M cpu-pressure=5 memory-pressure=5 disk="+proc+"/none:1M\n")
	got := sampleOf(t, cfg, proc)
	for i, want := range map[string]string{"load": "", "memory": "no MemAvailable", "cpu-pressure": "psi=1", "memory-pressure": "", "disk": "no such file"} {
		for k, l := range cfg.Limits {
			if string(l.Kind) == i && (got.Limits[k].Known != (want == "") || !strings.Contains(got.Limits[k].Why, want)) {
				t.Errorf("%s: %+v, want %q", i, got.Limits[k], want)
			}
		}
	}
	if got.Load.Value != 930 || got.Limits[2].Value != 6150 {
		t.Errorf("%+v", got)
	}
}

// A file system that does not answer leaves its own reading unknown, and nothing else; it is asked once, not again and again, and what
// it answers at last to a question of long ago is not taken for news.
func TestAHangingSourceHangsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := parsed(t, "limit disk=/srv:1G for=10s\nlimit load=8 for=10s\n")
		asked, release := 0, make(chan struct{})
		s := newSampler(cfg, 1, "/nowhere", func(l config.Limit, _ string, _ time.Duration) source {
			if l.Kind == config.LimitDisk {
				return func() (int64, error) {
					if asked++; asked == 1 {
						<-release
						return 1, nil // of long ago
					}
					return 5 << 30, nil
				}
			}
			return func() (int64, error) { return 100, nil }
		})
		s.sources[0] = func() (int64, error) { return 100, nil } // the load, which is shared
		var got []cluster.Sampled
		ctx, end := context.WithCancel(t.Context())
		go s.Run(ctx, func(x cluster.Sampled) { got = append(got, x) })
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		for _, x := range got {
			if disk := x.Limits[0]; disk.Known || !strings.HasPrefix(disk.Why, "no answer") || !x.Limits[1].Known {
				t.Errorf("%+v", x)
			}
		}
		if why := got[len(got)-1].Limits[0].Why; why != "no answer for 20s" {
			t.Errorf("the last says %q", why)
		}
		if len(got) != 15 { // one at once, then one every two seconds, a fifth of ten
			t.Errorf("%d samples in 30 s", len(got))
		}
		before := len(got)
		close(release)
		time.Sleep(1500 * time.Millisecond) // the new side is told at once
		synctest.Wait()
		if len(got) == before || got[len(got)-1].Limits[0] != (cluster.Reading{Known: true, Value: 5 << 30}) {
			t.Errorf("after it has answered: %+v", got[before:])
		}
		end()
		synctest.Wait()
	})
}

// What is on another side of its limit is told with the next sample; what moves on one side, now and then.
func TestASampleThatTellsSomethingNewIsGivenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var value, given atomic.Int64
		value.Store(100)
		s := newSampler(parsed(t, "limit load=8 for=50s\n"), 1, "/nowhere", sourceOf)
		s.sources[0] = func() (int64, error) { return value.Add(1), nil }
		s.sources[1] = func() (int64, error) { return 0, errors.New("none") }
		ctx, end := context.WithCancel(t.Context())
		go s.Run(ctx, func(cluster.Sampled) { given.Add(1) })
		time.Sleep(35500 * time.Millisecond)
		synctest.Wait()
		if n := given.Load(); n != 4 { // at 0, 10, 20 and 30 s
			t.Errorf("%d samples", n)
		}
		value.Store(900)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := given.Load(); n != 5 {
			t.Errorf("%d samples after it was over", n)
		}
		end()
		synctest.Wait()
	})
}

func TestALinkIsUpWithItsCarrierAlone(t *testing.T) {
	const both = unix.IFF_UP | unix.IFF_LOWER_UP
	for _, tc := range []struct {
		flags uint32
		state netlink.LinkOperState
		want  int64
	}{
		{both, netlink.OperUp, 1}, {both, netlink.OperUnknown, 1}, {both, netlink.OperDormant, 0}, {both, netlink.OperLowerLayerDown, 0},
		{unix.IFF_UP, netlink.OperUp, 0}, {unix.IFF_LOWER_UP, netlink.OperUp, 0}, {0, netlink.OperDown, 0},
	} {
		if got := linkUp(&netlink.LinkAttrs{RawFlags: tc.flags, OperState: tc.state}); got != tc.want {
			t.Errorf("flags %#x, %s: %d, want %d", tc.flags, tc.state, got, tc.want)
		}
	}
}
