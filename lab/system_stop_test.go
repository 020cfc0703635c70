package lab

import (
	"fmt"
	"strings"
	"testing"
)

// inBetween is a program in locum's place that rests before it becomes locum run, as a slow machine does. What is asked of it by signals meanwhile ends it.
const inBetween = `#!/bin/sh
if [ "$1" = run ]; then
	echo >/run/rests
	read go </run/go
fi
exec /usr/local/sbin/locum.real "$@"
`

// TestAStopWhileTheHeartExecutesItselfAnewIsAnOrderlyOne: the two commands of an operator who does not wait in between.
func TestAStopWhileTheHeartExecutesItselfAnewIsAnOrderlyOne(t *testing.T) {
	long(t)
	p := makeSystems(t, "")
	for _, n := range p.Nodes {
		p.shell(n, fmt.Sprintf("sed -i 's/dead=%s/dead=20s/' /etc/locum.conf && systemctl enable --now locum 2>&1", beatDead))
	}
	p.owned("alpha")
	p.whole()
	must(t, p.alpha.WriteFile("in-between", []byte(inBetween), 0o755))
	p.shell(p.alpha, "cd /usr/local/sbin && mkfifo /run/go && mv locum locum.real && mv "+NodeDir+"/in-between locum && systemctl reload locum")
	p.eventually("it rests", func() bool { return strings.Contains(p.shell(p.alpha, "ls /run"), "rests") })
	p.shell(p.alpha, "systemctl stop --no-block locum")
	p.eventually("the stop is under way", func() bool { return p.property(p.alpha, "locum", "SubState") != "running" })
	p.shell(p.alpha, "timeout 5 sh -c 'echo >/run/go' || true")
	p.eventually("locum has ended", func() bool { return p.property(p.alpha, "locum", "ActiveState") == "inactive" })
	if got := p.property(p.alpha, "web ready", "ActiveState"); strings.Contains(strings.ReplaceAll(got, "inactive", ""), "active") {
		t.Errorf("after the stop a unit is %q on alpha", got)
	}
	p.owned("beta")
	if p.told("alpha", "off") {
		t.Error("a node that left in order was fenced")
	}
	must(t, p.Power.Err())
}
