package agents

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"locum/wire"
)

// What was left to a disk that hangs is waited for once: a stop has to be over before the lease is, and asks for the disk several times.
func TestADiskThatHangsIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, hangs := newDisk(), make(chan struct{})
		nothing := func() error { return nil }
		began := time.Now()
		for range 5 {
			if err := d.try(func() error { <-hangs; return nil }, func() {}); !errors.Is(err, errDiskHangs) {
				t.Errorf("it says %v", err)
			}
		}
		if waited := time.Since(began); waited != diskWithin {
			t.Errorf("it waited for %s, want %s", waited, diskWithin)
		}
		close(hangs)
		synctest.Wait()
		if err := d.try(nothing, func() {}); err != nil {
			t.Errorf("the disk is well again: %v", err)
		}
		// One that is at it, and not yet too late, is waited for.
		slow := make(chan error, 1)
		go func() { slow <- d.try(func() error { time.Sleep(diskWithin / 2); return nil }, func() {}) }()
		synctest.Wait()
		if err := errors.Join(d.try(nothing, func() {}), <-slow); err != nil {
			t.Errorf("the disk is slow: %v", err)
		}
	})
}

// A stop leaves to a disk that hangs what it wanted to write. That must not come over the record of the next start: what runs would be taken
// for stopped, and be started a second time.
func TestWhatAStopHasLeftToTheDiskDoesNotComeOverTheNextStart(t *testing.T) {
	needRoot(t)
	f := newFifo(t)
	a := newSession(sh("echo $$ >"+f.name+"; exec sleep 1000"), stateDir(t))
	mustStart(t, a)
	first := f.process(t)
	r, err := loadRecord(a.stateDir, a.name)
	if err != nil {
		t.Fatal(err)
	}
	r.Phase = phaseStopping
	hangs := make(chan struct{})
	if err := a.disk.try(func() error { <-hangs; return r.save(a.stateDir) }, func() {}); !errors.Is(err, errDiskHangs) {
		t.Fatalf("it says %v", err)
	}
	mustStop(t, a)
	mustLive(t, first, false)
	mustBe(t, a, wire.StateStopped)
	early := a.Start(patient(t))
	close(hangs)
	for end := time.Now().Add(patience); len(a.disk.turn) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to its end")
		}
	}
	wantOutcome(t, early, wire.OutcomeFailed, errDiskHangs.Error())
	mustBe(t, a, wire.StateStopped)
	mustStart(t, a)
	mustBe(t, a, wire.StateRunning)
	mustStop(t, a)
}
