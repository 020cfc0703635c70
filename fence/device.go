package fence

import (
	"context"

	"locum/config"
	"locum/wire"
)

// Device is one power switch outlet, or whatever else makes certain that a node runs nothing. All three end when the
// context does; an error says what the device answered, without any secret.
type Device interface {
	// Off tells the device to switch off. That it accepted is no proof.
	Off(ctx context.Context) error
	// On tells the device to switch on. That it accepted is no proof either.
	On(ctx context.Context) error
	// Status asks for the state. With an error the power is unknown.
	Status(ctx context.Context) (wire.Power, error)
}

// Constructor makes the device of a fence line; node is the target's name. It may read files, and reaches for no network.
type Constructor func(f config.Fence, node string) (Device, error)
