package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// Change is what an Observer can see.
type Change uint8

// What is seen of a node and of an address.
const (
	Booted  Change = iota + 1 // the node was switched on
	Gained                    // it holds the address from now on
	Lost                      // it holds the address no longer
	Crashed                   // it has been killed; something of it may still run
	Gone                      // nothing of it is left
	Missed                    // the kernel could not tell all of its changes: nothing is proven of it
)

var changeNames = [...]string{"?", "booted", "gained", "lost", "crashed", "gone", "missed"}

// String is the change's name.
func (c Change) String() string { return changeNames[min(int(c), len(changeNames)-1)] }

// Sight is one thing that the Observer saw.
type Sight struct {
	At     wire.Instant
	Node   string
	Change Change
	Addr   netip.Addr // Gained and Lost
}

// Observer sees from outside, without polling, which node holds which address, by netlink inside each node's network
// namespace, and when each node was last heard, at its switch port. It is one thread, before all others on its processor
// if the kernel allows that, so that what it measures does not blur it.
//
// What is read at one wake-up is one instant, and there what was lost counts before what was gained. So a hand-over
// whose two halves follow each other closely is no overlap, and an overlap that is reported was one.
type Observer struct {
	wires *Wires
	epoll int
	wake  int // eventfd that counts: each read is one job
	jobs  chan func()

	sources map[int32]*source // of the thread, as are its buffers
	buf     []byte
	oob     []byte
	batch   []Sight

	mu     sync.Mutex
	sights []Sight
	beats  map[string][]wire.Instant
	more   chan struct{} // closed and made anew with each sight
	ended  bool
}

// source is one descriptor of the observer's.
type source struct {
	node string
	fd   int
	read func(*source)
}

func newObserver(w *Wires) (*Observer, error) {
	o := &Observer{wires: w, jobs: make(chan func()), sources: map[int32]*source{}, buf: make([]byte, 64<<10),
		oob: make([]byte, 256), beats: map[string][]wire.Instant{}, more: make(chan struct{})}
	var err error
	if o.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("observer: %w", err)
	}
	if o.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK|unix.EFD_SEMAPHORE); err != nil {
		unix.Close(o.epoll)
		return nil, fmt.Errorf("observer: %w", err)
	}
	if err := o.add(&source{fd: o.wake, read: o.runJob}); err != nil {
		return nil, err
	}
	onOwnThread(o.loop)
	return o, nil
}

// realTime asks for the calling thread to run before ordinary ones. A kernel that refuses costs precision, nothing else.
func realTime() {
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 50,
		Flags: unix.SCHED_FLAG_RESET_ON_FORK}, 0)
}

func (o *Observer) loop() {
	realTime()
	ready := make([]unix.EpollEvent, 16)
	wait := -1
	for {
		n, err := unix.EpollWait(o.epoll, ready, wait)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return // closed
		}
		if n <= 0 {
			o.commit()
			wait = -1
			continue
		}
		for _, e := range ready[:n] {
			if s := o.sources[e.Fd]; s != nil {
				s.read(s)
			}
		}
		if o.ended {
			return
		}
		wait = 0 // until nothing more is there, it is one instant
	}
}

// commit makes the batch known: at one instant, losses first.
func (o *Observer) commit() {
	if len(o.batch) == 0 {
		return
	}
	rank := func(s Sight) int {
		if s.Change == Gained {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(o.batch, func(a, b Sight) int { return rank(a) - rank(b) })
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sights = append(o.sights, o.batch...)
	o.batch = o.batch[:0]
	close(o.more)
	o.more = make(chan struct{})
}

func (o *Observer) saw(node string, c Change, a netip.Addr) {
	o.batch = append(o.batch, Sight{Now(), node, c, a})
}

// run has the observer's thread do f, and waits for it.
func (o *Observer) run(f func()) {
	done := make(chan struct{})
	go func() { o.jobs <- func() { f(); close(done) } }()
	if _, err := unix.Write(o.wake, binary.NativeEndian.AppendUint64(nil, 1)); err != nil {
		panic("observer: " + err.Error()) // an eventfd of our own that cannot be written
	}
	<-done
}

func (o *Observer) runJob(s *source) {
	var count [8]byte
	if _, err := unix.Read(s.fd, count[:]); err != nil {
		return
	}
	(<-o.jobs)()
}

func (o *Observer) add(s *source) error {
	o.sources[int32(s.fd)] = s
	if err := unix.EpollCtl(o.epoll, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.fd)}); err != nil {
		return fmt.Errorf("observer: %w", err)
	}
	return nil
}

// crashed notes that a node's first process was killed.
func (o *Observer) crashed(n *Node) { o.run(func() { o.saw(n.Name, Crashed, netip.Addr{}) }) }

// gone notes that nothing is left of a node, after reading what there is to read. The descriptors are no longer used, and
// the caller's to close.
func (o *Observer) gone(n *Node) (unused []int) {
	o.run(func() {
		for fd, s := range o.sources {
			if s.node == n.Name {
				s.read(s)
				delete(o.sources, fd)
				_ = unix.EpollCtl(o.epoll, unix.EPOLL_CTL_DEL, s.fd, nil) // an open descriptor that is in it
				unused = append(unused, s.fd)
			}
		}
		o.saw(n.Name, Gone, netip.Addr{})
	})
	return unused
}

func (o *Observer) close() {
	o.run(func() {
		for _, s := range o.sources {
			unix.Close(s.fd)
		}
		unix.Close(o.epoll)
		o.ended = true
	})
}

// Sights is everything that was seen so far, in order.
func (o *Observer) Sights() []Sight {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.sights)
}

// Await waits for a sight that want accepts, among those since the given instant.
func (o *Observer) Await(ctx context.Context, since wire.Instant, want func(Sight) bool) (Sight, error) {
	seen := 0
	for {
		o.mu.Lock()
		sights, more := o.sights, o.more
		o.mu.Unlock()
		for ; seen < len(sights); seen++ {
			if s := sights[seen]; s.At >= since && want(s) {
				return s, nil
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return Sight{}, fmt.Errorf("not seen: %w", ctx.Err())
		}
	}
}

// Beats is when a node was heard at its switch port since an instant, in order.
func (o *Observer) Beats(node string, since wire.Instant) []wire.Instant {
	o.mu.Lock()
	defer o.mu.Unlock()
	from, _ := slices.BinarySearch(o.beats[node], since)
	return slices.Clone(o.beats[node][from:])
}

// LastBeat is when a node was last heard at its switch port before the given instant, 0 if never. Beats are frames for
// locum's UDP port, and those of its EtherType.
func (o *Observer) LastBeat(node string, before wire.Instant) wire.Instant {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.beats[node]
	for _, at := range slices.Backward(list) {
		if at < before {
			return at
		}
	}
	return 0
}
