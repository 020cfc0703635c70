package vip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Answer is what was heard while asking.
type Answer struct {
	MAC net.HardwareAddr // the machine that has, or claims, the address
	Err error            // or why a question could not be asked, or answers not be heard: silence proves nothing then
}

const (
	// asksPerInterval is how often one interval is asked.
	asksPerInterval = 8
	// leastAskGap keeps a short interval from filling the wire.
	leastAskGap = 10 * time.Millisecond
)

// Ask finds out whether another machine has the address, without taking it or touching anybody's cache: probes as in
// RFC 5227 (2.1.1) and RFC 4862 (5.4.2), at once and then every eighth of interval (at least 10 ms apart), until ctx
// ends; then answers is closed. It is for the time from which a peer is late until it is dead, and does not hold up
// Start. The answers that nobody reads in time are dropped, oldest first. An error means that nobody was asked.
func (v *VIP) Ask(ctx context.Context, interval time.Duration) (answers <-chan Answer, err error) {
	a, err := v.openAsker()
	if err != nil {
		return nil, v.named(err)
	}
	if err := a.voice.question(); err != nil {
		a.close()
		return nil, v.named(fmt.Errorf("ask on %s: %w", a.voice.link.name, err))
	}
	go a.run(ctx, max(interval/asksPerInterval, leastAskGap))
	return a.answers, nil
}

type asker struct {
	v       *VIP
	k       *kernel
	voice   *voice
	ear     *ear
	answers chan Answer
}

func (v *VIP) openAsker() (*asker, error) {
	_, l, err := v.survey()
	if err != nil {
		return nil, err
	}
	if err := l.mustServe(); err != nil {
		return nil, err
	}
	if !l.hasNeighbours() {
		return nil, fmt.Errorf("interface %s has no neighbours to ask", l.name)
	}
	k, err := v.kernel()
	if err != nil {
		return nil, err
	}
	a := &asker{v: v, k: k, answers: make(chan Answer, maxWaiting)}
	if a.ear, err = openEar(l, v.prefix.Addr()); err != nil {
		return nil, err
	}
	if a.voice, err = openVoice(l, v.prefix.Addr()); err != nil {
		a.ear.close()
		return nil, err
	}
	return a, nil
}

func (a *asker) close() {
	a.ear.close()
	a.voice.close()
}

func (a *asker) run(ctx context.Context, every time.Duration) {
	defer close(a.answers)
	defer a.close()
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			if err := a.voice.question(); err != nil {
				a.give(Answer{Err: a.v.named(err)})
			}
		case mac, open := <-a.ear.heard:
			if !open {
				a.give(Answer{Err: a.v.named(errors.New("answers cannot be heard any more"))})
				return
			}
			a.hear(mac)
		}
	}
}

func (a *asker) hear(mac net.HardwareAddr) {
	own, err := a.k.owns(mac)
	switch {
	case err != nil:
		a.give(Answer{MAC: mac, Err: a.v.named(err)})
	case !own:
		a.give(Answer{MAC: mac})
	}
}

// give makes room by dropping the oldest answer: the newest weighs most.
func (a *asker) give(answer Answer) {
	for {
		select {
		case a.answers <- answer:
			return
		default:
		}
		select {
		case <-a.answers:
		default:
		}
	}
}
