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
}

// Read asks every device, side by side, and says what it all means: on if one says on that knows the machine itself, as its board
// does, whatever an outlet says; else off if every device of some level says off, else on if any says on, else unknown. Two
// supplies that both say off are asked once more: they count only if they were off at one time. Readings stand in the order of
// the levels.
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
	return l.meaning(readings), readings
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
	power, err := o.ask(ctx)
	return Reading{Name: o.name, Level: o.level, Power: power, Err: err, Took: time.Since(begin)}
}
