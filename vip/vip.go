package vip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"locum/config"
	"locum/wire"
)

// VIP is the agent of one service address. Its methods may be called from several goroutines; Prepare, Start, Stop and
// Close wait for one another, and Watch, which keeps what it finds, for them; the others for nobody.
type VIP struct {
	// Claimed, if set before Start, is called from the background, at most once a second, when another machine says
	// that the address is its own. The claim has been answered by then. It must not block, nor call Stop.
	Claimed func(mac net.HardwareAddr)
	// Trouble, if set before Start, is called from the background when an announcement could not be sent or claims
	// cannot be heard. It must not block, nor call Stop.
	Trouble func(err error)

	prefix  netip.Prefix
	dev     string // "" means the interface that has an address in the prefix
	refresh time.Duration
	healed  chan struct{}
	index   lastIndex

	mu     sync.Mutex // Prepare, Start, Stop, Close
	voice  *voice
	keeper *keeper

	kernelMu sync.Mutex
	opened   *kernel
}

// New makes the agent of a "vip" resource: Args[0] is the address with its prefix length; dev= names the interface,
// refresh= is the time between announcements in quiet times (1s to 1h, default 60s). It touches nothing; the error says
// which word is wrong and what would be right.
func New(r config.Resource) (*VIP, error) {
	v, err := parse(r.Args, r.Keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.ID(), err)
	}
	return v, nil
}

// Prepare finds the interface and opens the sockets that Start needs. It changes nothing and may be repeated; where it
// was not called, or the interface has been replaced since, Start does it.
func (v *VIP) Prepare(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.named(v.prepare(ctx))
}

func (v *VIP) prepare(ctx context.Context) error {
	if err := ctx.Err(); err != nil || v.keeping() {
		return err
	}
	_, l, err := v.survey()
	if err != nil {
		return err
	}
	return v.speakOn(l)
}

// Probe says what is so: running if the address is on its interface and usable and the interface is up, stopped if no
// interface of this machine has it, failed if it is there and cannot serve (no carrier, a failed duplicate check, the
// wrong interface), unknown with an error if the kernel could not be asked.
func (v *VIP) Probe(ctx context.Context) (wire.State, error) {
	if err := ctx.Err(); err != nil {
		return wire.StateUnknown, v.named(err)
	}
	seen, err := v.look()
	return seen.state, v.named(err)
}

// Start takes the address and announces it; announcing goes on in the background until Stop. It returns once the first
// announcement is sent. An address that is already there and usable is adopted, untouched. After an error nothing is
// left, unless the error says so. ctx is looked at between the steps only: each step is one request to the kernel, and
// to return before its answer would leave an address that nobody asked for.
func (v *VIP) Start(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hush()
	return v.named(v.start(ctx))
}

func (v *VIP) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	took, said := v.takePrepared()
	if err := v.takeAndSay(ctx, said); err != nil {
		if took {
			err = errors.Join(err, v.release())
		}
		return err
	}
	k, err := v.kernel()
	if err != nil {
		return errors.Join(err, v.release())
	}
	v.keep(k, v.spoken())
	return nil
}

// takePrepared takes the address and announces it where all is as it was prepared, and gives the voice that said so, nil
// if none has. A look at all addresses of the machine, which costs as much again, comes after it; what fails here fails
// there again, or is found done.
func (v *VIP) takePrepared() (took bool, said *voice) {
	k, err := v.kernel()
	if err != nil || v.voice == nil {
		return false, nil
	}
	l, err := k.linkAt(v.voice.link.index)
	if err != nil || l.mustServe() != nil || !v.voice.fits(l, v.prefix.Addr()) || k.add(l.index, v.prefix) != nil {
		return false, nil
	}
	if v.voice.announce() != nil {
		return true, nil
	}
	return true, v.voice
}

// takeAndSay takes the address where it belongs, and only there, and announces it unless that voice has.
func (v *VIP) takeAndSay(ctx context.Context, said *voice) error {
	copies, l, err := v.survey()
	if err != nil {
		return err
	}
	if err := l.mustServe(); err != nil {
		return err
	}
	if err := v.speakOn(l); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := v.take(copies, l); err != nil {
		return err
	}
	if v.voice == said {
		return nil
	}
	if err := v.voice.announce(); err != nil {
		return errors.Join(fmt.Errorf("announce on %s: %w", l.name, err), v.release())
	}
	return nil
}

// Stop ends the announcements, removes the address from every interface of this machine, whoever put it there, and
// returns when it has seen that it is gone. Other addresses stay. It succeeds if nothing is there.
func (v *VIP) Stop(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hush()
	if err := ctx.Err(); err != nil {
		return v.named(err)
	}
	return v.named(v.release())
}

// Close ends the announcements and gives back the sockets. The address stays: Close is for an engine that ends, not
// for a service that stops. The VIP can be used again afterwards.
func (v *VIP) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hush()
	v.silence()
	v.kernelMu.Lock()
	defer v.kernelMu.Unlock()
	if v.opened != nil {
		v.opened.close()
		v.opened = nil
	}
}

// Prefix is the address with its prefix length.
func (v *VIP) Prefix() netip.Prefix { return v.prefix }

func (v *VIP) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("vip %s: %w", v.prefix, err)
}

// kernel gives the rtnetlink socket, opened once.
func (v *VIP) kernel() (*kernel, error) {
	v.kernelMu.Lock()
	defer v.kernelMu.Unlock()
	if v.opened == nil {
		k, err := openKernel()
		if err != nil {
			return nil, err
		}
		v.opened = k
	}
	return v.opened, nil
}

// speakOn makes sure that there is a voice for this very interface as it is now.
func (v *VIP) speakOn(l link) error {
	if v.voice != nil && v.voice.fits(l, v.prefix.Addr()) {
		return nil
	}
	v.silence()
	voice, err := openVoice(l, v.prefix.Addr())
	if err != nil {
		return err
	}
	v.voice = voice
	return nil
}

func (v *VIP) silence() {
	if v.voice != nil {
		v.voice.close()
		v.voice = nil
	}
}
