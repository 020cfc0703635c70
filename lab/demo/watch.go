package demo

import (
	"context"
	"fmt"
	"time"

	"locum/lab"
)

// lookEvery is how often the demo looks whether something new can be shown; the times that it shows are exact.
const lookEvery = 5 * time.Millisecond

// silence is how long the client has to be without an answer before that is shown.
const silence = 50 * time.Millisecond

// watchClient shows when the client is answered by another node than before, or by none.
func watchClient(ctx context.Context, s *screen, p *lab.Prober) {
	var shown lab.Answer
	quiet := true
	for tick(ctx) {
		a, ok := p.Last()
		now := lab.Now()
		switch {
		case !ok:
		case quiet && a.Got > shown.Got, a.Node != shown.Node:
			text := "is answered by " + a.Node
			if shown.Node != "" {
				text += fmt.Sprintf(", after %s without an answer", length(gapBefore(p, a, shown)))
			}
			s.line(a.Got, "client", text)
			shown, quiet = a, false
		case !quiet && lab.Between(a.Got, now) > silence:
			s.line(a.Got, "client", "has its last answer from "+a.Node)
			shown, quiet = a, true
		case !quiet:
			shown = a
		}
	}
}

// gapBefore is the gap that the answers after shown begin with.
func gapBefore(p *lab.Prober, a, shown lab.Answer) time.Duration {
	list := p.SoFar().Answers
	for i := len(list) - 1; i > 0; i-- {
		if list[i-1].Got <= shown.Got {
			return lab.Between(list[i-1].Got, list[i].Got)
		}
	}
	return lab.Between(shown.Got, a.Got)
}

// watchPower shows what the power switch was told and what it said when asked after that.
func watchPower(ctx context.Context, s *screen, p *lab.PowerSwitch) {
	done, next := map[int]bool{}, 0
	ask := map[string]bool{} // nodes of which the next status is worth a line
	for tick(ctx) {
		log := p.Log()
		for i := next; i < len(log); i++ {
			a := log[i]
			if done[i] || a.Answered == 0 {
				continue
			}
			done[i] = true
			switch {
			case a.Verb == "off":
				s.line(a.Answered, "switch", fmt.Sprintf("has cut the power of %s", a.Node))
				ask[a.Node] = true
			case a.Verb == "status" && ask[a.Node]:
				s.line(a.Answered, "switch", fmt.Sprintf("asked again, says of %s: %s", a.Node, a.Answer))
				ask[a.Node] = false
			}
		}
		for done[next] {
			delete(done, next)
			next++
		}
	}
}

func tick(ctx context.Context) bool {
	select {
	case <-time.After(lookEvery):
		return true
	case <-ctx.Done():
		return false
	}
}

// length writes a time as a person reads it: "8.8 ms", "2.988 s".
func length(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
