package fence

import (
	"context"
	"sync"

	"locum/wire"
)

// pending is a device that could not be made: its program is not installed, its secret cannot be read. It tries again at
// every use, so that what was put right counts without a restart, and so that one bad line leaves the other levels usable.
type pending struct {
	make func() (Device, error)

	mu     sync.Mutex
	device Device
}

func (p *pending) get() (Device, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.device != nil {
		return p.device, nil
	}
	d, err := p.make()
	if err == nil {
		p.device = d
	}
	return d, err
}

func (p *pending) Off(ctx context.Context) error {
	d, err := p.get()
	if err != nil {
		return err
	}
	return d.Off(ctx)
}

func (p *pending) On(ctx context.Context) error {
	d, err := p.get()
	if err != nil {
		return err
	}
	return d.On(ctx)
}

func (p *pending) Status(ctx context.Context) (wire.Power, error) {
	d, err := p.get()
	if err != nil {
		return wire.PowerUnknown, err
	}
	return d.Status(ctx)
}
