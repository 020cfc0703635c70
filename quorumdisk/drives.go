package quorumdisk

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"locum/wire"
)

// Drives does on the real disks what a Desk says: on each disk one action after the other, each answered once, however late. It
// opens the disks, opens them again after a failure, and lets no disk be used that does not belong to the set, or does not count.
type Drives struct {
	o       DriveOptions
	ended   chan Ended
	stop    chan struct{}
	once    sync.Once
	drives  []*drive
	mu      sync.Mutex
	headers map[int]Header // by disk: as last read
}

// DriveOptions say which disks, and whose.
type DriveOptions struct {
	Paths   []string // one or three, as in the file
	LockDir string   // this node's own: keeps a successor's operations behind its predecessor's
	Seals   Seals
	Self    wire.Node
	Highest wire.Node     // the greatest number of any node in the file
	Timeout time.Duration // after which an operation is late
	Retry   time.Duration // after which a disk that could not be opened is tried again
	// Say gets what is worth a line in the log: which disk, and what became of it.
	Say func(path, text string)
}

// mostWaiting is how many actions may wait for one disk: a round, and what the tie-break has under way, with room to spare.
const mostWaiting = 16

// OpenDrives begins with all disks. Nothing here ever waits for a disk.
func OpenDrives(o DriveOptions) *Drives {
	d := &Drives{o: o, ended: make(chan Ended, len(o.Paths)*mostWaiting), stop: make(chan struct{}), headers: map[int]Header{}}
	for i, path := range o.Paths {
		k := &drive{set: d, index: i, path: path, todo: make(chan Action, mostWaiting)}
		d.drives = append(d.drives, k)
		go k.live()
	}
	return d
}

// Do has one action done; Ended answers it. With too many waiting it fails at once.
func (d *Drives) Do(a Action) {
	select {
	case d.drives[a.Disk].todo <- a:
	default:
		go d.answer(Ended{Disk: a.Disk, Op: a.Op, Failed: errTooMany}) // never in the way of who asks
	}
}

// Ended gives what came of actions.
func (d *Drives) Ended() <-chan Ended { return d.ended }

// Closed is closed once Close was called: nothing more comes then.
func (d *Drives) Closed() <-chan struct{} { return d.stop }

// Close gives all disks up, and waits for none.
func (d *Drives) Close() { d.once.Do(func() { close(d.stop) }) }

func (d *Drives) answer(e Ended) {
	select {
	case d.ended <- e:
	case <-d.stop:
	}
}

// ErrJoining is what keeps a disk from counting that Repair has put in the place of another, until Join.
var ErrJoining = errors.New("it replaces another disk and does not count yet")

// ErrBehind says that a disk's header is older than that of another one that counts: who replaced a disk did not come to the end, and
// no tie is broken on the two together until Join has ended it.
var ErrBehind = errors.New("its header is older than that of another disk of the set: a replacement of a disk (locum disk init --repair) did not come to its end; the leader of a quorum ends it by itself")

var (
	errTooMany = errors.New("too many operations wait for the disk")
	errClosed  = errors.New("the disks are being given up")
)

// learn takes note of a header.
func (d *Drives) learn(i int, h Header) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.headers[i] = h
}

// judge tells what keeps a disk from counting, by all headers that were ever read; nil if nothing does.
func (d *Drives) judge(i int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.headers[i]
	if len(h.Disks) != len(d.o.Paths) {
		return fmt.Errorf("it is one of a set of %d, and the file has %d disk lines", len(h.Disks), len(d.o.Paths))
	}
	if !h.Nodes.Has(d.o.Highest) {
		return fmt.Errorf("it has room for %d nodes, and the file has node %d; initialise new disks", h.Nodes, d.o.Highest)
	}
	return d.judgeSet(i)
}

// judgeSet holds a disk against the others. Of disks that were not initialised together those count that are more.
func (d *Drives) judgeSet(i int) error {
	var set []Header
	others, at := 0, 0
	for j := range d.o.Paths {
		switch h, known := d.headers[j]; {
		case !known:
		case h.Set != d.headers[i].Set:
			others++
		default:
			if j == i {
				at = len(set)
			}
			set = append(set, h)
		}
	}
	if others >= len(set) {
		return errors.New("it is not of the set of the other disks: not initialised by one command")
	}
	_, counts, err := Together(set)
	switch {
	case err != nil:
		return err
	case counts[at]:
		return nil
	case d.headers[i].Counts():
		return errors.New("it was replaced by another disk and counts no more")
	}
	return ErrJoining
}
