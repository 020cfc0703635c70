package config

import (
	"strings"
	"testing"
	"time"
)

const tied = `cluster office
key /etc/locum.key
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
path udp cross alpha=198.51.100.1 beta=198.51.100.2
tiebreak fence delay=11s
fence alpha plug type=http url-off=http://192.0.2.50/1/off url-status=http://192.0.2.50/1 timeout=5s
fence beta plug type=http url-off=http://192.0.2.50/2/off url-status=http://192.0.2.50/2 timeout=5s
service web nodes=alpha,beta
resource web unit nginx.service
`

func TestALeaseLastsWhileASideFences(t *testing.T) {
	for _, c := range []struct {
		more  string
		lease time.Duration
		warn  bool
	}{
		{"", 8 * time.Second, false},
		{"watchdog /dev/watchdog timeout=10s\n", 45 * time.Second, false},
		{"watchdog /dev/watchdog timeout=10s\nlease 20s\n", 20 * time.Second, true},
		{"watchdog /dev/watchdog timeout=10s\nlease 50s\n", 50 * time.Second, false},
		{"watchdog reboot\nlease 20s\n", 20 * time.Second, true},
	} {
		cfg, p := Parse("f", tied+c.more)
		if cfg == nil {
			t.Fatal(p)
		}
		warned := false
		for _, w := range p.Warnings {
			warned = warned || strings.Contains(w.Text, "obeys its lease also while it fences")
		}
		if cfg.Lease != c.lease || warned != c.warn {
			t.Errorf("%q: lease %s, warned: %v", c.more, cfg.Lease, warned)
		}
	}
}
