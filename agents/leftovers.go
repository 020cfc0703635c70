package agents

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// EndLeftovers ends what a former engine left under way: starts and stops of processes that had not come to their end,
// and scripts' calls, with all that they started. It returns when they are gone, and names them. What was serving is not
// touched. A new engine calls it before it probes anything (SAFETY 4), and while nothing else uses stateDir. After an
// error something may be left: the engine must count it as running, and call again.
func EndLeftovers(ctx context.Context, stateDir string) (ended []string, err error) {
	names, err := recordNames(stateDir)
	if err != nil {
		return nil, fmt.Errorf("what a former engine left: %w", err)
	}
	dropUnsaved(stateDir)
	var errs []error
	for _, name := range names {
		title, err := endLeftover(ctx, stateDir, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("what a former engine left of %s: %w", title, err))
		} else if title != "" {
			ended = append(ended, title)
		}
		dropEmptyGroups(name, time.Now())
	}
	return ended, errors.Join(errs...)
}

// endLeftover ends one, and gives its title; "" if there was nothing to end.
func endLeftover(ctx context.Context, stateDir, name string) (string, error) {
	r, err := loadRecord(stateDir, name)
	if err != nil {
		return name, err
	}
	if r == nil { // of an earlier boot
		return "", (&record{Name: name}).remove(stateDir)
	}
	if r.Phase == phaseServing {
		return "", nil
	}
	return r.Title, r.end(ctx, stateDir)
}
