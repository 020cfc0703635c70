package config

import (
	"fmt"
	"strings"
	"testing"
)

// Above eight nodes beats on Ethernet go to all unless the file says otherwise; on UDP only if it says so.
func TestWhichPathsSendABeatOnce(t *testing.T) {
	for _, c := range []struct {
		nodes      int
		line, keys string
		want       bool
	}{
		{2, "ethernet", "", false}, {8, "ethernet", "", false}, {9, "ethernet", "", true}, {64, "ethernet", "", true},
		{2, "ethernet", "multicast=yes", true}, {64, "ethernet", "multicast=no", false},
		{2, "udp", "", false}, {64, "udp", "", false}, {2, "udp", "multicast=239.192.0.66", true}, {64, "udp", "broadcast=192.0.2.255", true},
	} {
		var b strings.Builder
		fmt.Fprintf(&b, "cluster t\nkey /k\n")
		path := "path " + c.line + " p " + c.keys
		for n := 1; n <= c.nodes; n++ {
			fmt.Fprintf(&b, "node %d n%d\n", n, n)
			if c.line == "udp" {
				path += fmt.Sprintf(" n%d=192.0.2.%d", n, n)
			} else {
				path += fmt.Sprintf(" n%d=eth1", n)
			}
		}
		fmt.Fprintf(&b, "%s\ntiebreak unsafe\nservice web nodes=n1,n2 stateless=yes\nresource web vip 192.0.2.100/24 dev=eth0\n", path)
		cfg, problems := Parse("f", b.String())
		if cfg == nil {
			t.Fatal(problems)
		}
		if got := cfg.Paths[0].Shared; got != c.want || cfg.Paths[0].Group.IsValid() != (c.want && c.line == "udp") {
			t.Errorf("%d nodes on %s %s: a beat goes out once: %t, want %t; to %s", c.nodes, c.line, c.keys, got, c.want, cfg.Paths[0].Group)
		}
	}
}
