package fence

import (
	"context"
	"slices"
	"time"

	"locum/wire"
)

// Reading is what one device said.
type Reading struct {
	Name  string
	Level int
	Power wire.Power
	Err   error // why the power is unknown; nil if it is known
	Took  time.Duration

	dry time.Time // what it feeds has come to a stand by then, if it says off
}

// Read asks every device, side by side, and says what it all means: on if one says on that knows the machine itself, as its board
// does, whatever an outlet says; else off if every device of some level says off, else on if any says on, else unknown. Two
// supplies that both say off are asked once more: they count only if they were off at one time. What was not known to be off before may have been switched off just now: Read then waits as a
// shot does, until what the outlets feed has come to a stand. Readings stand in the order of the levels.
func (l *Ladder) Read(ctx context.Context) (wire.Power, []Reading) {
	all := slices.Concat(l.levels...)
	readings := make([]Reading, len(all))
	each(all, func(i int, o *outlet) { readings[i] = o.read(ctx) })
	rest := readings
	for _, level := range l.levels {
		said := rest[:len(level)]
		rest = rest[len(level):]
		if len(level) > 1 && allOff(said) {
			each(level, func(i int, o *outlet) {
				before := said[i].Took
				said[i] = o.read(ctx)
				said[i].Took += before
			})
		}
	}
	power := l.meaning(readings)
	if power == wire.PowerOff && !sleepUntil(ctx, l.dry(readings)) {
		power = wire.PowerUnknown
	}
	return power, readings
}

// dry is when what feeds the machine has run dry by the word of the level that says so first.
func (l *Ladder) dry(readings []Reading) (first time.Time) {
	for _, level := range l.levels {
		said := readings[:len(level)]
		readings = readings[len(level):]
		if !allOff(said) {
			continue
		}
		last := slices.MaxFunc(said, func(a, b Reading) int { return a.dry.Compare(b.dry) }).dry
		if first.IsZero() || last.Before(first) {
			first = last
		}
	}
	return first
}

// sleepUntil reports whether that time came before the context's end.
func sleepUntil(ctx context.Context, at time.Time) bool {
	select {
	case <-time.After(time.Until(at)):
		return true
	case <-ctx.Done():
		return false
	}
}

func allOff(said []Reading) bool {
	return len(said) > 0 && !slices.ContainsFunc(said, func(r Reading) bool { return r.Power != wire.PowerOff })
}

// Status is the first answer of Read.
func (l *Ladder) Status(ctx context.Context) wire.Power {
	power, _ := l.Read(ctx)
	return power
}

func (l *Ladder) meaning(readings []Reading) wire.Power {
	power := wire.PowerUnknown
	all := slices.Concat(l.levels...)
	guest := slices.ContainsFunc(all, func(o *outlet) bool { return o.guest })
	for i, o := range all {
		if o.knows && o.guest == guest && readings[i].Power == wire.PowerOn { // a guest's board is its host's
			return wire.PowerOn
		}
	}
	for _, level := range l.levels {
		said := readings[:len(level)]
		readings = readings[len(level):]
		if allOff(said) {
			return wire.PowerOff
		}
		if slices.ContainsFunc(said, func(r Reading) bool { return r.Power == wire.PowerOn }) {
			power = wire.PowerOn
		}
	}
	return power
}

func (o *outlet) read(ctx context.Context) Reading {
	begin := time.Now()
	power, since, err := o.ask(ctx)
	return Reading{Name: o.name, Level: o.level, Power: power, Err: err, Took: time.Since(begin), dry: since.Add(o.holdup)}
}
