package health

import (
	"context"
	"fmt"
	"time"

	"locum/cluster"
)

// asker asks one source, one question at a time, on a goroutine of its own.
type asker struct {
	ask    chan struct{}        // a question, at most one
	answer chan cluster.Reading // its answer, when it comes
	asked  time.Time            // when the question was put that is not answered yet; zero if there is none
}

func newAsker() *asker {
	return &asker{ask: make(chan struct{}, 1), answer: make(chan cluster.Reading, 1)}
}

// run answers the questions from the source. It ends with ctx, or, if the source hangs, when that has answered.
func (a *asker) run(ctx context.Context, from source) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.ask:
		}
		value, err := from()
		r := cluster.Reading{Known: err == nil, Value: value}
		if err != nil {
			r = cluster.Reading{Why: err.Error()}
		}
		a.answer <- r
	}
}

// begin puts the question, unless an older one is still open: an answer to that one would be of no moment that anybody knows.
func (a *asker) begin() {
	select {
	case <-a.answer: // too late
		a.asked = time.Time{}
	default:
	}
	if a.asked.IsZero() {
		a.asked = time.Now()
		a.ask <- struct{}{}
	}
}

// end gives the answer to the question of this round, if it comes before over is closed.
func (a *asker) end(begun time.Time, over <-chan struct{}) cluster.Reading {
	if a.asked.Before(begun) {
		return a.silent()
	}
	select {
	case r := <-a.answer:
		a.asked = time.Time{}
		return r
	default:
	}
	select {
	case r := <-a.answer:
		a.asked = time.Time{}
		return r
	case <-over:
		return a.silent()
	}
}

func (a *asker) silent() cluster.Reading {
	why := "no answer yet"
	if d := time.Since(a.asked).Truncate(10 * time.Second); d > 0 { // coarse: it stands in messages
		why = fmt.Sprintf("no answer for %s", d)
	}
	return cluster.Reading{Why: why}
}
