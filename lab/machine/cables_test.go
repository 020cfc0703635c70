package machine

import (
	"strings"
	"testing"
	"time"
)

func TestOneCableCutOfTwoMovesNothing(t *testing.T) {
	p := newPair(t, "")
	p.serves(p.alpha)
	for _, c := range []*Cable{p.cross, p.lan} {
		since := time.Now()
		c.Cut(true)
		p.until("the loss of a path is told", 10*time.Second, func() bool { return p.pathsUp(p.alpha) == 1 && p.pathsUp(p.beta) == 1 })
		p.stays(p.alpha, 2*time.Second, since)
		c.Cut(false)
		p.until("both paths are up again", 10*time.Second, func() bool { return p.pathsUp(p.alpha) == 2 && p.pathsUp(p.beta) == 2 })
	}
}

func TestTheNullModemJoinsTheSecondPorts(t *testing.T) {
	p := newPair(t, "")
	const port = "/dev/ttyS1"
	for _, m := range []*Machine{p.alpha, p.beta} {
		p.do(m, "serial-read", port)
		p.do(m, "hold", port) // a port that nobody has open hears nothing, and drops what is on its way
	}
	got := ""
	p.until("a word has crossed the cable", 10*time.Second, func() bool {
		p.do(p.alpha, "serial-write", port, "word")
		got += p.do(p.beta, "serial-read", port)
		return strings.Contains(got, "wordword")
	})
	p.serial.Cut(true)
	p.do(p.beta, "serial-read", port) // what was on its way
	p.do(p.alpha, "serial-write", port, "lost")
	if got := p.do(p.beta, "serial-read", port); strings.Contains(got, "lost") {
		t.Errorf("%q has come over a cable that is cut", got)
	}
}
