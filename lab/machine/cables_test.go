package machine

import (
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
