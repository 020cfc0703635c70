package fence

import (
	"context"
	"errors"
	"fmt"

	"locum/config"
	"locum/wire"
)

// manual is an operator: nothing happens by itself, and nothing is known until somebody says so.
type manual struct{ node string }

// NewManual makes the device of a "fence … type=manual" line. It takes no keys.
func NewManual(_ config.Fence, node string) (Device, error) { return manual{node}, nil }

// IsOperators reports whether an error is that of a line of type=manual, which is as it should be: nobody can be asked.
func IsOperators(err error) bool { return errors.Is(err, errOperator) }

// Off does nothing: a shot by it ends as unknown, and the operator's word is another proof.
func (m manual) Off(context.Context) error {
	return fmt.Errorf("waits for an operator: locum fence %s --confirm, once %s is switched off", m.node, m.node)
}

// On does nothing.
func (m manual) On(context.Context) error {
	return fmt.Errorf("%w: %s has to be switched on by hand", errOperator, m.node)
}

// Status is unknown.
func (m manual) Status(context.Context) (wire.Power, error) {
	return wire.PowerUnknown, fmt.Errorf("%w: locum fence %s --confirm says that %s is switched off", errOperator, m.node, m.node)
}
