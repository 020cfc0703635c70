package serialhb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
)

// steps tries the greater rates, one after the other, both ends together. The end with the smaller id leads. What worked at both
// ends is kept as it is found, should the time be over before the next.
func (t *tester) steps(ctx context.Context, say func(string)) error {
	rates := config.Rates()
	base := slices.Index(rates, t.r.Baud)
	t.me.golden, t.r.Greatest = uint8(base+1), t.r.Baud
	for i := base + 1; i < len(rates); i++ {
		want := uint8(i + 1)
		tried, err := t.step(ctx, rates[i], want, say)
		if err != nil || !tried {
			return err
		}
		if t.me.golden < want || t.peer.golden < want {
			break
		}
		t.r.Greatest = rates[i]
	}
	t.r.Finished = true
	t.me.state = stateDone
	_, err := t.until(ctx, 10*probeEvery, func() bool { return false })
	return err
}

// step tries one rate and waits for the other end's word on it. It was not tried if the other end fell silent, or if the time
// was over before it could say anything.
func (t *tester) step(ctx context.Context, baud int, want uint8, say func(string)) (tried bool, err error) {
	if agreed, err := t.agree(ctx, want); err != nil || !agreed {
		return false, err
	}
	say(fmt.Sprintf("trying %d baud", baud))
	if err := t.try(ctx, baud, want); err != nil {
		return false, err
	}
	heard := t.window.heard
	_, err = t.until(ctx, agreeTime, func() bool { return t.window.heard >= heard+3 })
	return ctx.Err() == nil, err
}

// agree waits until both ends want this step: the leader then says go, and the follower goes when it hears that.
func (t *tester) agree(ctx context.Context, want uint8) (bool, error) {
	t.me.step, t.me.state = want, stateTalk
	leads := t.me.id < t.peer.id
	met, err := t.until(ctx, agreeTime, func() bool {
		return t.peer.step == want && (leads || t.peer.state == stateGo)
	})
	if err != nil || !met || !leads {
		return met, err
	}
	t.me.state = stateGo
	_, err = t.until(ctx, 4*probeEvery, func() bool { return false })
	return true, err
}

// try counts what comes at a rate, and goes back.
func (t *tester) try(ctx context.Context, baud int, want uint8) error {
	if err := t.setRate(baud); err != nil {
		return nil // the port does not have it: as if nothing had come
	}
	if _, err := t.until(ctx, stepTime, func() bool { return false }); err != nil {
		return err
	}
	if t.window.isWell() {
		t.me.golden = want
	}
	t.me.state = stateTalk
	time.Sleep(stepRest)
	return t.setRate(t.r.Baud)
}

func (t *tester) setRate(baud int) error {
	t.l.baud, t.window, t.l.rest, t.l.in = baud, window{}, nil, decoder{}
	t.l.out.clear()
	unix.IoctlSetInt(t.l.fd, unix.TCSBRK, 1) // waits until all is sent (tcdrain(3))
	err := setSpeed(t.l.fd, t.l.device, baud, false)
	unix.IoctlSetInt(t.l.fd, unix.TCFLSH, unix.TCIFLUSH)
	return err
}
