package agents

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// diskWithin is how long the state directory's disk may take for a few bytes before one goes on without it.
const diskWithin = 2 * time.Second

var errDiskHangs = errors.New("the disk of the state directory hangs")

// disk is the state directory as those see it who can do without: where it hangs, one thing of an agent's waits for it, and what comes
// after does not. The zero value is not usable; see newDisk.
type disk struct {
	turn  chan struct{}
	hangs *atomic.Bool // who has the turn was left to itself
}

func newDisk() disk { return disk{make(chan struct{}, 1), new(atomic.Bool)} }

// try does something there. If that takes too long it is left to itself, and undo is done when it has succeeded after all.
func (d disk) try(do func() error, undo func()) error {
	late := time.NewTimer(diskWithin)
	defer late.Stop()
	if err := d.take(late.C); err != nil {
		return err
	}
	done, given := make(chan error), make(chan struct{})
	go func() {
		defer d.leave()
		err := do()
		select {
		case done <- err:
		case <-given:
			if err == nil {
				undo()
			}
		}
	}()
	select {
	case err := <-done:
		return err
	case <-late.C:
		d.hangs.Store(true)
		close(given)
		return errDiskHangs
	}
}

// own waits until nothing that was left to itself is still to come, and keeps everything else away until leave: what comes late would take the place of
// what is written next.
func (d disk) own() (leave func(), err error) {
	late := time.NewTimer(diskWithin)
	defer late.Stop()
	return d.leave, d.take(late.C)
}

// take waits for the turn, but not for one who was left to itself.
func (d disk) take(late <-chan time.Time) error {
	select {
	case d.turn <- struct{}{}:
		return nil
	default:
	}
	if d.hangs.Load() {
		return errDiskHangs
	}
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-late:
		return errDiskHangs
	}
}

func (d disk) leave() {
	d.hangs.Store(false)
	<-d.turn
}

// log is openLog, or, where that fails, a file that keeps nothing.
func (d disk) log(stateDir, name string) (*os.File, int64, error) {
	var log *os.File
	var end int64
	err := d.try(func() (err error) {
		log, end, err = openLog(stateDir, name)
		return err
	}, func() { log.Close() })
	if err == nil {
		return log, end, nil
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_RDWR, 0) // log may still be another's
	return nowhere, 0, err
}

// trim is trimLog.
func (d disk) trim(log *os.File) {
	_ = d.try(func() error { trimLog(log); return nil }, func() {})
}
