//go:build !386 && !arm

package quorumdisk

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"locum/lab/faultydisk"
)

// newFaulty mounts a disk with room for a few nodes.
func newFaulty(t *testing.T) *faultydisk.Disk {
	t.Helper()
	f, err := faultydisk.Mount(t.TempDir(), Geometry(8).Size())
	switch {
	case errors.Is(err, faultydisk.ErrCannot):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// faultySet is a set of three with one whose faults the test makes.
func faultySet(t *testing.T) (*faultydisk.Disk, []string) {
	f := newFaulty(t)
	dir := t.TempDir()
	return f, newDisks(t, filepath.Join(dir, "a"), f.Path, filepath.Join(dir, "c"))
}

func TestATieIsBrokenWhileOneOfThreeDisksHangs(t *testing.T) {
	f, paths := faultySet(t)
	one, two := newPlayer(t, 1, paths...), newPlayer(t, 2, paths...)
	play(t, "both share the disks", func() bool { return one.desk.stamps.Shared(2) && two.desk.stamps.Shared(1) }, one, two)
	f.Set(func() { f.Hang = make(chan struct{}) })
	claimFor(one)
	claimFor(two)
	play(t, "one has won and the other knows", func() bool {
		return verdict(one) == Won && verdict(two) == Lost || verdict(one) == Lost && verdict(two) == Won
	}, one, two)
	f.Set(func() { close(f.Hang); f.Hang = nil })
	play(t, "the disk that hung is well again", func() bool {
		return one.desk.Trouble(one.now(), 1) == nil && two.desk.Trouble(two.now(), 1) == nil
	}, one, two)
}

func TestAnIdleRoundOfTwoNodesIsOneWriteAndOneReadOf16KiBTogether(t *testing.T) {
	f := newFaulty(t)
	one := newPlayer(t, 1, newDisks(t, f.Path)...)
	well := func() bool { return one.desk.Trouble(one.now(), 0) == nil }
	play(t, "it is well", well, one)
	play(t, "the tie-break has been read", func() bool {
		return one.desk.tie.phase == resting && one.desk.tie.disk[0].op == 0 && one.desk.disk[0].op == 0
	}, one)
	f.Set(func() { f.Ops, f.Bytes = 0, 0 })
	one.counter++
	for todo := one.desk.Round(one.now(), Slot{Incarnation: 3, Counter: one.counter}, false); len(todo) > 0; {
		one.do(todo)
		todo = one.desk.Ended(one.now(), <-one.drives.Ended())
	}
	f.Set(func() {
		if f.Ops != 2 || f.Bytes != 16<<10 || !well() {
			t.Errorf("%d operations, %d bytes", f.Ops, f.Bytes)
		}
	})
}

func TestADiskThatFailsIsOpenedAgainAndUsed(t *testing.T) {
	f, paths := faultySet(t)
	one := newPlayer(t, 1, paths...)
	well := func() bool { return one.desk.Trouble(one.now(), 1) == nil }
	play(t, "it is well", well, one)
	f.Set(func() { f.Err = unix.EIO })
	play(t, "it fails, and two of three are good", func() bool { return !well() && one.heard("input/output error") && one.desk.Show(one.now()).Good }, one)
	f.Set(func() { f.Err = 0 })
	play(t, "it is well again", well, one)
}

func TestADiskThatShowsThePastIsNotUsed(t *testing.T) {
	f, paths := faultySet(t)
	one := newPlayer(t, 1, paths...)
	well := func() bool { return one.desk.Trouble(one.now(), 1) == nil }
	play(t, "it is well", well, one)
	f.Set(func() { f.Past = append([]byte(nil), f.Content...) })
	play(t, "the past is noticed", func() bool { return !well() && one.desk.Show(one.now()).Good }, one)
	f.Set(func() { f.Past = nil })
	play(t, "it is well again", well, one)
}
