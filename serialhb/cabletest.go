package serialhb

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Times of a cable test.
const (
	probeEvery = 50 * time.Millisecond
	baseTime   = 3 * time.Second // how long the file's rate is tried
	stepTime   = time.Second     // how long each greater one is
	stepRest   = 400 * time.Millisecond
	agreeTime  = 3 * time.Second // for the other end to agree to a step

	// For a rate to work:
	leastHeard  = 5  // so many probes have to come
	mostLoss    = 20 // percent of those sent may be lost
	mostGarbage = 2  // so many pieces that are no frame may come between them
)

// tester is one end of a cable test.
type tester struct {
	r       Report
	l       line
	me      probe
	peer    probe
	peerAt  time.Time
	sentAt  map[uint32]time.Time
	rtts    []time.Duration
	window  window // since the rate was set
	foreign bool
	next    time.Time
}

// TestCable finds out what a cable is good for, with the same command at its other end. It gives up when ctx ends, and
// says what it knows then. say gets a line for each thing it does. The error is of the port.
func TestCable(ctx context.Context, device string, baud int, say func(string)) (Report, error) {
	fd, err := openPort(device, baud, false)
	if err != nil {
		return Report{Device: device, Baud: baud, Verdict: err.Error()}, err
	}
	defer unix.Close(fd)
	t := &tester{r: Report{Device: device, Baud: baud}, sentAt: map[uint32]time.Time{}}
	t.l = line{device: device, baud: baud, fd: fd, heard: hearing{since: now()}}
	var id [8]byte
	rand.Read(id[:])
	t.me.id = binary.BigEndian.Uint64(id[:]) | 1
	t.r.Modem = modemLines(fd)
	say(fmt.Sprintf("%s at %d baud: waiting for the same command at the other end", device, baud))
	err = t.run(ctx, say)
	t.judge()
	return t.r, err
}

func (t *tester) run(ctx context.Context, say func(string)) error {
	met, err := t.until(ctx, 0, func() bool { return t.r.Hears })
	if err != nil || !met {
		return err
	}
	say("the other end is heard")
	if _, err := t.until(ctx, baseTime, func() bool { return false }); err != nil {
		return err
	}
	t.r.Sent, t.r.Heard, t.r.LossPct = int(t.me.seq), t.window.heard, t.window.lossPct()
	if t.r.IsHeard && ctx.Err() == nil {
		return t.steps(ctx, say)
	}
	return nil
}

// until sends and hears until it is so, ctx ends, or most is over if that is not 0.
func (t *tester) until(ctx context.Context, most time.Duration, so func() bool) (bool, error) {
	end := time.Now().Add(most)
	for !so() {
		if ctx.Err() != nil || most > 0 && time.Now().After(end) {
			return false, nil
		}
		if time.Now().After(t.next) {
			t.send()
		}
		if err := t.l.pump(now()); err != nil {
			return false, fmt.Errorf("%s: write: %w", t.l.device, err)
		}
		unix.Poll([]unix.PollFd{{Fd: int32(t.l.fd), Events: unix.POLLIN}}, 5)
		if err := t.l.read(now(), t.arrived); err != nil {
			return false, fmt.Errorf("%s: read: %w", t.l.device, err)
		}
	}
	return true, nil
}

func (t *tester) send() {
	at := time.Now()
	t.next = at.Add(max(probeEvery, 3*LineTime(probeSize+Overhead, t.l.baud)))
	t.me.seq++
	if t.me.peer != 0 {
		t.me.echo, t.me.held = t.peer.seq, uint16(min(at.Sub(t.peerAt).Milliseconds(), 1<<16-1))
	}
	t.sentAt[t.me.seq] = at
	t.l.out.put(envelope{}, t.me.append(nil))
}

func (t *tester) arrived(_ envelope, frame []byte) {
	var p probe
	switch {
	case !p.read(frame):
		t.foreign = true
		return
	case p.id == t.me.id:
		t.l.heard.own = now()
		return
	}
	t.l.heard.peer = now()
	t.r.Hears, t.me.peer = true, p.id
	t.window.heardOne(p.seq, t.l.heard.spoilt)
	t.peer, t.peerAt = p, time.Now()
	if p.peer != t.me.id {
		return
	}
	t.r.IsHeard = true
	if sent, ok := t.sentAt[p.echo]; ok {
		t.rtts = append(t.rtts, time.Since(sent)-time.Duration(p.held)*time.Millisecond)
		delete(t.sentAt, p.echo)
	}
}
