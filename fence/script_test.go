package fence

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"locum/config"
	"locum/wire"
)

// scripted is a device in the test's own time: what it does to one action, and a record of all.
type scripted struct {
	off, on func(ctx context.Context, d *scripted) error
	status  func(ctx context.Context, d *scripted) (wire.Power, error)

	mu    sync.Mutex
	power wire.Power
	log   []string
	start time.Time
}

func (d *scripted) note(what string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, fmt.Sprintf("%s %s", time.Since(d.start), what))
	return len(d.log)
}

func (d *scripted) set(p wire.Power) { d.mu.Lock(); defer d.mu.Unlock(); d.power = p }

func (d *scripted) get() wire.Power { d.mu.Lock(); defer d.mu.Unlock(); return d.power }

func (d *scripted) Off(ctx context.Context) error {
	d.note("off")
	if d.off != nil {
		return d.off(ctx, d)
	}
	d.set(wire.PowerOff)
	return nil
}

func (d *scripted) On(ctx context.Context) error {
	d.note("on")
	if d.on != nil {
		return d.on(ctx, d)
	}
	d.set(wire.PowerOn)
	return nil
}

func (d *scripted) Status(ctx context.Context) (wire.Power, error) {
	d.note("status")
	if d.status != nil {
		return d.status(ctx, d)
	}
	return d.get(), nil
}

// hang waits for the end of the context.
func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

var errBroken = errors.New("no route to host")

func broken(ctx context.Context, _ *scripted) error { return errBroken }

// scriptedLadder has the given devices, named by their level and place: a1, b1, a2.
func scriptedLadder(timeout time.Duration, levels ...[]*scripted) *Ladder {
	byName := map[string]*scripted{}
	var lines [][]config.Fence
	for i, level := range levels {
		var list []config.Fence
		for j, d := range level {
			d.start = time.Now()
			if d.power == wire.PowerUnknown {
				d.power = wire.PowerOn
			}
			f := config.Fence{Name: fmt.Sprintf("%c%d", 'a'+j, i+1), Type: "scripted", Level: i + 1, Timeout: timeout}
			byName[f.Name] = d
			list = append(list, f)
		}
		lines = append(lines, list)
	}
	l, err := NewLadder("beta", lines, map[string]Constructor{
		"scripted": func(f config.Fence, _ string) (Device, error) { return byName[f.Name], nil }})
	if err != nil {
		panic(err)
	}
	return l
}
