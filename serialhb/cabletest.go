package serialhb

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
)

// Times of a cable test.
const (
	probeEvery = 50 * time.Millisecond
	baseTime   = 3 * time.Second // how long the file's rate is tried
	stepTime   = time.Second     // how long each greater one is
	stepRest   = 400 * time.Millisecond
	agreeTime  = 3 * time.Second // for the other end to agree to a step
	wellShare  = 80              // percent of the probes that have to come for a rate to work
)

// Report is what a cable test found.
type Report struct {
	Device    string   `json:"device"`
	Baud      int      `json:"baud"`
	OK        bool     `json:"ok"`
	Verdict   string   `json:"verdict"`
	Hears     bool     `json:"hears"`    // the other end's probes come
	IsHeard   bool     `json:"is_heard"` // the other end says that ours do
	Sent      int      `json:"sent"`     // probes at Baud
	Heard     int      `json:"heard"`    // the other end's
	LossPct   float64  `json:"loss_percent"`
	Garbage   uint64   `json:"garbage"` // pieces that were no frame
	RTTMicros int64    `json:"rtt_us"`  // the median
	Greatest  int      `json:"greatest_baud"`
	Finished  bool     `json:"finished"`    // no greater rate was left to be tried when the time was over
	Modem     []string `json:"modem_lines"` // those that are raised; null if the port cannot say
}

// probe is what the two ends of a cable test send each other.
type probe struct {
	id     uint64
	seq    uint32
	peer   uint64 // whom the sender hears, 0 nobody
	echo   uint32 // the newest of the peer's
	held   uint16 // for how long it was held, in ms
	step   uint8  // the rate to go to, as an index of config.Rates and 1; of the follower: what it agrees to
	golden uint8  // the greatest rate at which the sender heard well, the same way
	state  uint8
}

// States of a probe's sender.
const (
	stateTalk uint8 = iota
	stateGo         // the rate changes now
	stateDone
)

const (
	probeMagic = "LST1"
	probeSize  = 96 // about a beat
)

func (p *probe) append(b []byte) []byte {
	b = append(b, probeMagic...)
	b = binary.BigEndian.AppendUint64(b, p.id)
	b = binary.BigEndian.AppendUint32(b, p.seq)
	b = binary.BigEndian.AppendUint64(b, p.peer)
	b = binary.BigEndian.AppendUint32(b, p.echo)
	b = binary.BigEndian.AppendUint16(b, p.held)
	b = append(b, p.step, p.golden, p.state)
	for len(b) < probeSize {
		b = append(b, byte(0x55+len(b)))
	}
	return b
}

func (p *probe) read(b []byte) bool {
	if len(b) != probeSize || string(b[:len(probeMagic)]) != probeMagic {
		return false
	}
	p.id, p.seq = binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint32(b[12:])
	p.peer, p.echo, p.held = binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint32(b[24:]), binary.BigEndian.Uint16(b[28:])
	p.step, p.golden, p.state = b[30], b[31], b[32]
	return true
}

// tester is one end of a cable test.
type tester struct {
	r       Report
	l       line
	me      probe
	peer    probe
	peerAt  time.Time
	sentAt  map[uint32]time.Time
	rtts    []time.Duration
	heard   int    // since the rate was set
	first   uint32 // the first of the peer's that was heard
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
	t.r.Sent, t.r.Heard = int(t.me.seq), t.heard
	if came := t.peer.seq - t.first + 1; int(came) > t.heard {
		t.r.LossPct = 100 * float64(int(came)-t.heard) / float64(came)
	}
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
	if !t.r.Hears {
		t.first = p.seq
	}
	t.r.Hears, t.me.peer = true, p.id
	t.heard++
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
	heard := t.heard
	_, err = t.until(ctx, agreeTime, func() bool { return t.heard >= heard+3 })
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
	garbage := t.l.heard.spoilt
	sent := t.me.seq
	if _, err := t.until(ctx, stepTime, func() bool { return false }); err != nil {
		return err
	}
	// The ends do not change at the same moment: what falls into that is no fault of the rate.
	spoilt := t.l.heard.spoilt - garbage
	if 100*t.heard >= wellShare*int(t.me.seq-sent-uint32(stepRest/probeEvery)) && spoilt <= 2 && t.heard > 0 {
		t.me.golden = want
	}
	t.me.state = stateTalk
	time.Sleep(stepRest)
	return t.setRate(t.r.Baud)
}

func (t *tester) setRate(baud int) error {
	t.l.baud, t.heard, t.l.rest, t.l.in = baud, 0, nil, decoder{}
	t.l.out.clear()
	unix.IoctlSetInt(t.l.fd, unix.TCSBRK, 1) // waits until all is sent (tcdrain(3))
	err := setSpeed(t.l.fd, t.l.device, baud, false)
	unix.IoctlSetInt(t.l.fd, unix.TCFLSH, unix.TCIFLUSH)
	return err
}

// judge says in words what was found.
func (t *tester) judge() {
	r := &t.r
	r.Garbage = t.l.heard.spoilt
	if r.Sent == 0 {
		r.Sent, r.Heard = int(t.me.seq), t.heard
	}
	if len(t.rtts) > 0 {
		slices.Sort(t.rtts)
		r.RTTMicros = t.rtts[len(t.rtts)/2].Microseconds()
	}
	if r.Greatest == 0 && r.Hears && r.IsHeard {
		r.Greatest = r.Baud
	}
	switch at := t.l.heard; {
	case r.Hears && r.IsHeard:
		r.OK, r.Verdict = true, "the cable is right"
	case r.Hears:
		r.Verdict = "the other end is heard, and does not hear this one: the wire from our pin TD to its RD is broken, or not crossed"
	case at.own != 0:
		r.Verdict = "this end hears itself: a loopback plug, TD and RD joined, or an echoing device"
	case t.foreign:
		r.Verdict = "frames of a running locum arrive: stop it at the other end, and run locum serial-test there"
	case at.bad != 0 && at.text:
		r.Verdict = "text arrives: a login prompt or a console sits at the other end"
	case at.bad != 0 || at.bytes != 0:
		r.Verdict = fmt.Sprintf("only garbage arrives: the other end has another rate than %d, or ground is missing", r.Baud)
	default:
		r.Verdict = "nothing arrives: no cable, the wrong port, a straight cable instead of a null modem (TD and RD have to be crossed), or no locum serial-test at the other end"
	}
}

// modemLines names the lines that the other end, or the cable, raises; nil if the port cannot say.
func modemLines(fd int) []string {
	bits, err := unix.IoctlGetInt(fd, unix.TIOCMGET)
	if err != nil {
		return nil
	}
	raised := []string{}
	for _, m := range []struct {
		bit  int
		name string
	}{{unix.TIOCM_CTS, "CTS"}, {unix.TIOCM_DSR, "DSR"}, {unix.TIOCM_CD, "DCD"}, {unix.TIOCM_RI, "RI"}} {
		if bits&m.bit != 0 {
			raised = append(raised, m.name)
		}
	}
	return raised
}
