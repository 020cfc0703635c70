//go:build !386 && !arm

package quorumdisk

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// faultySet is a set of three with one whose faults the test makes.
func faultySet(t *testing.T) (*faulty, []string) {
	f := newFaulty(t)
	dir := t.TempDir()
	return f, newDisks(t, filepath.Join(dir, "a"), f.path, filepath.Join(dir, "c"))
}

func TestATieIsBrokenWhileOneOfThreeDisksHangs(t *testing.T) {
	f, paths := faultySet(t)
	one, two := newPlayer(t, 1, paths...), newPlayer(t, 2, paths...)
	play(t, "both share the disks", func() bool { return one.desk.stamps.Shared(2) && two.desk.stamps.Shared(1) }, one, two)
	f.set(func() { f.hang = make(chan struct{}) })
	claimFor(one)
	claimFor(two)
	play(t, "one has won and the other knows", func() bool {
		return verdict(one) == Won && verdict(two) == Lost || verdict(one) == Lost && verdict(two) == Won
	}, one, two)
	f.set(func() { close(f.hang); f.hang = nil })
	play(t, "the disk that hung is well again", func() bool {
		return one.desk.Trouble(one.now(), 1) == nil && two.desk.Trouble(two.now(), 1) == nil
	}, one, two)
}

func TestAnIdleRoundOfTwoNodesIsOneWriteAndOneReadOf16KiBTogether(t *testing.T) {
	f := newFaulty(t)
	one := newPlayer(t, 1, newDisks(t, f.path)...)
	well := func() bool { return one.desk.Trouble(one.now(), 0) == nil }
	play(t, "it is well", well, one)
	play(t, "the tie-break has been read", func() bool {
		return one.desk.tie.phase == resting && one.desk.tie.disk[0].op == 0 && one.desk.disk[0].op == 0
	}, one)
	f.set(func() { f.ops, f.bytes = 0, 0 })
	one.counter++
	for todo := one.desk.Round(one.now(), Slot{Incarnation: 3, Counter: one.counter}, false); len(todo) > 0; {
		one.do(todo)
		todo = one.desk.Ended(one.now(), <-one.drives.Ended())
	}
	f.set(func() {
		if f.ops != 2 || f.bytes != 16<<10 || !well() {
			t.Errorf("%d operations, %d bytes", f.ops, f.bytes)
		}
	})
}

func TestADiskThatFailsIsOpenedAgainAndUsed(t *testing.T) {
	f, paths := faultySet(t)
	one := newPlayer(t, 1, paths...)
	well := func() bool { return one.desk.Trouble(one.now(), 1) == nil }
	play(t, "it is well", well, one)
	f.set(func() { f.err = unix.EIO })
	play(t, "it fails, and two of three are good", func() bool { return !well() && one.heard("input/output error") && one.desk.Show(one.now()).Good }, one)
	f.set(func() { f.err = 0 })
	play(t, "it is well again", well, one)
}

func TestADiskThatShowsThePastIsNotUsed(t *testing.T) {
	f, paths := faultySet(t)
	one := newPlayer(t, 1, paths...)
	well := func() bool { return one.desk.Trouble(one.now(), 1) == nil }
	play(t, "it is well", well, one)
	f.set(func() { f.past = append([]byte(nil), f.content...) })
	play(t, "the past is noticed", func() bool { return !well() && one.desk.Show(one.now()).Good }, one)
	f.set(func() { f.past = nil })
	play(t, "it is well again", well, one)
}
