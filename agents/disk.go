package agents

import (
	"errors"
	"os"
	"time"
)

// diskWithin is how long the state directory's disk may take for a few bytes before one goes on without it.
const diskWithin = 2 * time.Second

var errDiskHangs = errors.New("the disk of the state directory hangs")

// disk is the state directory as those see it who can do without: where it hangs, one thing of an agent's waits for it, and what comes
// after does not. The zero value is not usable; see newDisk.
type disk struct{ turn chan struct{} }

func newDisk() disk { return disk{make(chan struct{}, 1)} }

// try does something there. If that takes too long it is left to itself, and undo is done when it has succeeded after all.
func (d disk) try(do func() error, undo func()) error {
	late := time.NewTimer(diskWithin)
	defer late.Stop()
	select {
	case d.turn <- struct{}{}:
	case <-late.C:
		return errDiskHangs
	}
	done, given := make(chan error), make(chan struct{})
	go func() {
		defer func() { <-d.turn }()
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
		close(given)
		return errDiskHangs
	}
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
