package vip

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// keeper announces the address from the background for as long as it is held: by schedule, when the link comes up, when
// a split has healed, and against whoever claims it. It ends by itself when the address is gone, because to announce
// what one does not have swallows what the neighbours send.
type keeper struct {
	v      *VIP
	k      *kernel
	voice  *voice
	own    bool // the keeper has opened the voice itself
	index  int  // the interface's
	ear    *ear
	plan   schedule
	wasOff atomic.Bool // the link was seen down since the last look
	ended  chan struct{}
	cancel context.CancelFunc
}

// spoken is the plan just after the first announcement, which is also news enough of a split that healed before.
func (v *VIP) spoken() schedule {
	select {
	case <-v.healed:
	default:
	}
	now, plan := time.Now(), schedule{refresh: v.refresh}
	plan.begin(now)
	plan.spoke(now)
	return plan
}

// keep starts the keeper on the interface of the voice.
func (v *VIP) keep(k *kernel, plan schedule) {
	ctx, cancel := context.WithCancel(context.Background())
	v.keeper = &keeper{v: v, k: k, voice: v.voice, index: v.voice.link.index, plan: plan, ended: make(chan struct{}), cancel: cancel}
	go v.keeper.run(ctx)
}

// hush ends the keeper and waits for it; not a frame follows.
func (v *VIP) hush() {
	if v.keeper == nil {
		return
	}
	v.keeper.cancel()
	<-v.keeper.ended
	v.keeper = nil
}

// keeping reports whether a keeper is at work.
func (v *VIP) keeping() bool {
	if v.keeper == nil {
		return false
	}
	select {
	case <-v.keeper.ended:
		return false
	default:
		return true
	}
}

// Healed has the address announced anew, if it is held: for the moment at which a split has healed, when the neighbours
// may have believed another node meanwhile. It does not wait.
func (v *VIP) Healed() {
	select {
	case v.healed <- struct{}{}:
	default:
	}
}

func (p *keeper) run(ctx context.Context) {
	defer close(p.ended)
	defer p.cleanUp()
	var changes <-chan struct{}
	if f, err := openFeed(p.concerns); err != nil {
		p.v.trouble(err)
	} else {
		defer f.close()
		changes = f.changes
	}
	p.listen()
	if !p.look() { // what happened before the feed was open
		return
	}
	timer := time.NewTimer(time.Until(p.plan.due()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			if !p.look() || !p.announce(ctx) {
				return
			}
		case <-p.v.healed:
			p.plan.begin(time.Now())
		case _, open := <-changes:
			if !open { // look goes on before each announcement
				changes = nil
			}
			if !p.look() {
				return
			}
		case mac, open := <-p.heard():
			if !p.look() {
				return
			}
			p.contest(mac, open)
		}
		timer.Reset(time.Until(p.plan.due()))
	}
}

func (p *keeper) cleanUp() {
	p.cancel()
	if p.ear != nil {
		p.ear.close()
	}
	if p.own {
		p.voice.close()
	}
}

// concerns keeps a link that went down and came back before anybody looked from going unnoticed.
func (p *keeper) concerns(kind uint16, body []byte) bool {
	switch kind {
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		h, err := parseAddress(body)
		return err != nil || h.prefix.Addr() == p.v.prefix.Addr()
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, err := parseLink(body)
		if err == nil && l.index == p.index && !l.up() {
			p.wasOff.Store(true)
		}
		return err != nil || l.index == p.index
	}
	return false
}

// look reports whether the address is still on its interface, and follows what became of the interface.
func (p *keeper) look() bool {
	all, err := p.k.addresses(familyOf(p.v.prefix.Addr()))
	if err != nil {
		p.v.trouble(err)
		return true
	}
	if !slices.ContainsFunc(copiesOf(all, p.v.prefix.Addr()), func(h held) bool { return h.index == p.index }) {
		return false
	}
	l, err := p.k.linkAt(p.index)
	if err != nil {
		if isLinkError(err) {
			return false
		}
		p.v.trouble(err)
		return true
	}
	if !l.up() {
		p.wasOff.Store(true)
		return true
	}
	if p.wasOff.Swap(false) {
		p.plan.begin(time.Now())
	}
	if !p.voice.fits(l, p.v.prefix.Addr()) {
		p.move(l)
	}
	return true
}

// move goes on with an interface that has become another: a bond's hardware address changes when it fails over.
func (p *keeper) move(l link) {
	fresh, err := openVoice(l, p.v.prefix.Addr())
	if err != nil {
		p.v.trouble(err)
		return
	}
	if p.own {
		p.voice.close()
	}
	p.voice, p.own = fresh, true
	p.plan.begin(time.Now())
}

func (p *keeper) announce(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	err := p.voice.announce()
	if err != nil && !errors.Is(err, unix.ENETDOWN) { // a link that is down: announced when it comes up
		p.v.trouble(err)
	}
	p.plan.spoke(time.Now())
	return true
}

func (p *keeper) listen() {
	if !p.voice.link.hasNeighbours() {
		return
	}
	e, err := openEar(p.voice.link, p.v.prefix.Addr())
	if err != nil {
		p.v.trouble(err)
		return
	}
	p.ear = e
}

func (p *keeper) heard() <-chan net.HardwareAddr {
	if p.ear == nil {
		return nil
	}
	return p.ear.heard
}

// contest answers another machine's claim. This machine's other interfaces claim too when they are on the same wire;
// they are none.
func (p *keeper) contest(mac net.HardwareAddr, open bool) {
	if !open {
		p.ear = nil
		return
	}
	if own, err := p.k.owns(mac); err != nil || own {
		return
	}
	if !p.plan.claimed(time.Now()) {
		return
	}
	if err := p.voice.announce(); err == nil {
		p.plan.spoke(time.Now())
	}
	if p.v.Claimed != nil {
		p.v.Claimed(mac)
	}
}

func (v *VIP) trouble(err error) {
	if v.Trouble != nil {
		v.Trouble(v.named(err))
	}
}
