package fence

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ProbeEvery is how often one node asks an idle device at most whether it still answers.
const ProbeEvery = time.Minute

// Keep asks each device while all is well, at once and then at every interval, and reports each that stops answering on or
// off (with the error), and each that answers again (with nil); took is how long the answer was waited for. One hung
// device delays no other. Reports come one at a time. It ends, and Keep returns, with the context. A shot ends a question
// under way, which is then no failure; an operator's line is not asked.
func (l *Ladder) Keep(ctx context.Context, every time.Duration, report func(device string, err error, took time.Duration)) {
	var one sync.Mutex
	each(slices.Concat(l.levels...), func(_ int, o *outlet) {
		o.keep(ctx, every, func(r Reading) {
			one.Lock()
			defer one.Unlock()
			report(r.Name, r.Err, r.Took)
		})
	})
}

func (o *outlet) keep(ctx context.Context, every time.Duration, report func(Reading)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	failing := false
	for {
		r := o.read(ctx)
		if ctx.Err() != nil || errors.Is(r.Err, errOperator) {
			return
		}
		if bad := r.Err != nil; bad != failing && !errors.Is(r.Err, errGaveWay) {
			failing = bad
			report(r)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
