package lab

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"locum/console"
)

// limitFor is the time of this test's limits, and limitSlack what may pass until the node says that one was passed.
const (
	limitFor   = 2 * time.Second
	limitSlack = 2 * time.Second
)

// TestANodeThatIsPastALimitIsSaidToBe: a small file system on beta fills up and is emptied, and beta's way to its gateway is cut
// and mended. Both nodes say so, in time, and the service on alpha is not touched.
func TestANodeThatIsPastALimitIsSaidToBe(t *testing.T) {
	long(t)
	limits := fmt.Sprintf("limit beta disk=%s/small:4M gateway=%s for=%s\n", NodeDir, ClientAddress, limitFor)
	p := makePair(t, withFence, "", theService+limits)
	p.shell(p.beta, "mkdir -p small && mount -t tmpfs -o size=8m tmpfs small")
	for _, n := range p.Nodes {
		must(t, p.serve(n))
	}
	p.owned("alpha")
	p.whole()
	before := p.kept(p.alpha)

	for _, c := range []struct {
		name       string
		spoil, end func()
		past       string
	}{
		{"a disk that fills up",
			func() { p.shell(p.beta, "head -c 6M /dev/zero >small/ballast") },
			func() { p.shell(p.beta, "rm small/ballast") },
			"free for " + NodeDir + "/small, limit 4M, for 2s"},
		{"a gateway that is cut off",
			func() { must(t, p.CutBetween("beta", ClientName)) },
			func() { must(t, p.Heal()) },
			fmt.Sprintf("gateway %s does not answer, for 2s", ClientAddress)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := p.in(t)
			p.inTime("is past a limit", c.spoil)
			p.eventually("both nodes show that beta is past its limit", func() bool { return p.shows(p.alpha, c.past) && p.shows(p.beta, c.past) })
			p.inTime("is within its limit again", c.end)
			p.eventually("no node shows that beta is past a limit", func() bool { return !p.shows(p.alpha, "past its limit") && !p.shows(p.beta, "past its limit") })
		})
	}
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	for _, n := range p.status(p.alpha).Nodes {
		if n.Health == nil || n.Health.Load == nil || *n.Health.MemoryAvailable < 1<<20 {
			t.Errorf("alpha shows nothing of how %s is: %+v", n.Name, n.Health)
		}
	}
}

// in is the pair for a part of the test, which fails by itself.
func (p *pair) in(t *testing.T) *pair {
	return &pair{World: p.World, t: t, alpha: p.alpha, beta: p.beta, client: p.client, locums: p.locums}
}

func (p *pair) shows(n *Node, words string) bool {
	out, _ := p.locum(n, "status")
	return strings.Contains(out, words)
}

// inTime does something and waits until beta's history says what follows; by its own time that was soon enough.
func (p *pair) inTime(words string, do func()) {
	p.t.Helper()
	begun := time.Now()
	do()
	done := time.Now()
	var at time.Time
	p.eventually("beta "+words, func() bool {
		for _, e := range p.history(p.beta) {
			if e.Kind == "health" && e.Time.After(begun) && strings.Contains(e.Text, words) {
				at = e.Time
			}
		}
		return !at.IsZero()
	})
	p.t.Logf("beta %s %s after it was so", words, at.Sub(done).Round(time.Millisecond))
	if at.Sub(begun) < limitFor || at.Sub(done) > limitFor+limitSlack {
		p.t.Errorf("it was said %s after it was so, and %s after that began: it has to be after %s, and %s later at most", at.Sub(done), at.Sub(begun), limitFor, limitSlack)
	}
}

// history is what a node's locum events says.
func (p *pair) history(n *Node) (list []console.Event) {
	p.t.Helper()
	out, _ := p.locum(n, "events", "--json")
	for line := range strings.Lines(out) {
		var e console.Event
		if err := json.Unmarshal([]byte(line), &e); err == nil {
			list = append(list, e)
		}
	}
	return list
}
