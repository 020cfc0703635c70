package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// Prober is a client of a service: it sends a question to an echo at fixed times, from the client's machine and through
// its ordinary ARP cache, and notes who answered when. A lost answer is only a gap; it goes on asking.
type Prober struct {
	every  time.Duration
	fd     int
	target unix.Sockaddr
	stop   chan struct{}
	done   sync.WaitGroup
	close  func()

	mu      sync.Mutex
	sent    uint64
	answers []Answer
	wrong   error
}

// Every question is a sequence number and its time, 8 bytes each; an answer is the question and the node's name.
const questionSize = 16

// Probe starts to ask target, an echo, every so often: 1 ms, 2 ms and 5 ms are usual.
func (w *World) Probe(target netip.AddrPort, every time.Duration) (*Prober, error) {
	p := &Prober{every: every, target: socketAddress(target), stop: make(chan struct{})}
	err := w.client.do(func() (err error) {
		family := unix.AF_INET
		if target.Addr().Is6() {
			family = unix.AF_INET6
		}
		if p.fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		// The receiver looks up now and then, whether it is to end.
		wake := unix.NsecToTimeval(int64(50 * time.Millisecond))
		return errors.Join(unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20),
			unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wake))
	})
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", target, err)
	}
	p.close = sync.OnceFunc(func() {
		close(p.stop)
		p.done.Wait()
		unix.Close(p.fd)
	})
	p.done.Add(2)
	onOwnThread(p.ask)
	onOwnThread(p.hear)
	return p, nil
}

func socketAddress(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func (p *Prober) stopped() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// ask sends at fixed times. If it was itself kept from running it leaves out what it missed.
func (p *Prober) ask() {
	defer p.done.Done()
	realTime()
	question := make([]byte, questionSize)
	next := clock(unix.CLOCK_MONOTONIC)
	for seq := uint64(1); !p.stopped(); seq++ {
		binary.BigEndian.PutUint64(question, seq)
		binary.BigEndian.PutUint64(question[8:], uint64(Now()))
		err := unix.Sendto(p.fd, question, 0, p.target)
		p.mu.Lock()
		p.sent = seq
		if err != nil && p.wrong == nil && !passing(err) {
			p.wrong = err
		}
		p.mu.Unlock()
		now := clock(unix.CLOCK_MONOTONIC)
		for next <= now {
			next += wire.Instant(p.every)
		}
		sleepUntil(next)
	}
}

// sleepUntil is for threads that ask to run before others; the instant is of CLOCK_MONOTONIC.
func sleepUntil(instant wire.Instant) {
	at := unix.NsecToTimespec(int64(instant))
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &at, nil) == unix.EINTR {
	}
}

// passing are the errors that an address without an owner gives: the question is lost, like any other.
func passing(err error) bool {
	return errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENETUNREACH) ||
		errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EINTR)
}

func (p *Prober) hear() {
	defer p.done.Done()
	realTime()
	buf, oob := make([]byte, maxEcho), make([]byte, 128)
	for !p.stopped() {
		n, on, _, _, err := unix.Recvmsg(p.fd, buf, oob, 0)
		if err != nil || n <= questionSize {
			continue // nothing came within the receiver's time, or something that is no answer
		}
		a := Answer{Seq: binary.BigEndian.Uint64(buf), Sent: wire.Instant(binary.BigEndian.Uint64(buf[8:])),
			Got: stampOf(oob[:on]), Node: string(buf[questionSize:n])}
		p.mu.Lock()
		p.answers = append(p.answers, a)
		p.mu.Unlock()
	}
}

// SoFar is what was sent and got until now. Stop gives the same and ends the probing.
func (p *Prober) SoFar() Probes {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Probes{p.every, p.sent, slices.Clone(p.answers)}
}

// Last is the newest answer. It reports false if there was none yet.
func (p *Prober) Last() (Answer, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.answers) == 0 {
		return Answer{}, false
	}
	return p.answers[len(p.answers)-1], true
}

// Stop ends the probing and gives what was sent and got. The error is why something could not be sent at all.
func (p *Prober) Stop() (Probes, error) {
	p.close()
	return p.SoFar(), p.wrong
}
