// Package agents runs the resources of services: units of systemd, plain processes, scripts.
//
// Its one idea: a signal, an exit status or a file is only a reason to look; what is so is read from the kernel or from
// systemd each time, and what could not be read is unknown. Stop says done only after it has seen that nothing is left.
// No start of ours runs before a record of it is on disk, so that an engine can always end what its predecessor left
// under way (EndLeftovers) and yet touches nothing that serves. What stops or looks is recorded too where the disk takes it.
//
// The daemon's engine calls the agents, one worker a resource; the package decides nothing and logs nothing. Addresses
// are in package vip, which satisfies the same interface.
package agents

import (
	"context"

	"locum/wire"
)

// Agent runs one resource on this node. Its methods may be called from several goroutines; Start and Stop of one agent
// wait for each other. Start and Stop are idempotent and bounded by the resource's own deadlines start= and stop=, or by
// ctx if that ends sooner; what their errors mean is told by Outcome.
type Agent interface {
	// Probe says what is so and changes nothing. With an error the state is unknown, and the error says why.
	Probe(ctx context.Context) (wire.State, error)
	// Start returns when the resource serves.
	Start(ctx context.Context) error
	// Stop returns nil only when nothing of the resource is left.
	Stop(ctx context.Context) error
	// Watch calls changed, from its own goroutine, with the present state and with each other one that follows, until
	// ctx ends; it returns ctx's error then. While nothing can be learned the state is unknown, and Watch goes on.
	Watch(ctx context.Context, changed func(wire.State)) error
}
