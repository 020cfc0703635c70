package fence

import (
	"context"
	"fmt"

	"locum/config"
	"locum/wire"
)

// manual is an operator: nothing happens by itself.
type manual struct{ node string }

// NewManual makes the device of a "fence … type=manual" line.
func NewManual(_ config.Fence, node string) (Device, error) { return manual{node}, nil }

func (m manual) Off(context.Context) error {
	return fmt.Errorf("waits for an operator: switch %s off, then run locum fence %s --confirm", m.node, m.node)
}

func (m manual) On(context.Context) error {
	return fmt.Errorf("an operator has to switch %s on", m.node)
}

func (m manual) Status(context.Context) (wire.Power, error) {
	return wire.PowerUnknown, fmt.Errorf("only an operator knows; locum fence %s --confirm", m.node)
}
