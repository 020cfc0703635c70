package fence

import (
	"context"
	"time"
)

// ProbeEvery is how often an idle device is asked whether it still answers.
const ProbeEvery = time.Minute

// Keep asks the devices while all is well and reports each one that stops answering, or answers again. It ends with the
// context. The first round comes at once: a switch that was never there is known before it is needed.
func (l *Ladder) Keep(ctx context.Context, every time.Duration, report func(device string, err error, took time.Duration)) {
	failing := map[string]bool{}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		_, readings := l.Read(ctx)
		for _, r := range readings {
			bad := r.Err != nil
			if ctx.Err() == nil && bad != failing[r.Name] {
				failing[r.Name] = bad
				report(r.Name, r.Err, r.Took)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
