package quorumdisk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"locum/wire"
)

// player is a node's part: a real Desk on real disks, in real time.
type player struct {
	desk    Desk
	drives  *Drives
	self    wire.Node
	life    wire.Incarnation
	counter uint64
	began   time.Time
	mu      sync.Mutex
	said    []string
}

const deskEvery = 20 * time.Millisecond

func newPlayer(t *testing.T, self wire.Node, paths ...string) *player {
	t.Helper()
	return newSealingPlayer(t, self, sealsOf(t, "office"), paths...)
}

// newSealingPlayer is a player that goes by some keys; of two it seals anew with the first.
func newSealingPlayer(t *testing.T, self wire.Node, seals Seals, paths ...string) *player {
	t.Helper()
	life := wire.Incarnation(2 + len(seals)) // another one with two keys
	p := &player{self: self, life: life, began: time.Now(), desk: NewDesk(DeskSettings{Self: self, Incarnation: life, Disks: len(paths), Every: deskEvery, Dead: 10 * time.Second,
		Nodes: wire.SetOf(1, 2), Reseal: len(seals) > 1})}
	p.drives = OpenDrives(DriveOptions{Paths: paths, LockDir: t.TempDir(), Seals: seals, Self: self, Highest: 2, Timeout: patience, Retry: deskEvery,
		Say: func(path, text string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.said = append(p.said, filepath.Base(path)+": "+text)
		}})
	t.Cleanup(p.drives.Close)
	return p
}

func (p *player) now() wire.Instant { return wire.Instant(time.Since(p.began)) + 1 }

func (p *player) do(todo []Action) {
	for _, a := range todo {
		p.drives.Do(a)
	}
}

// heard tells whether the drives have said something.
func (p *player) heard(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(strings.Join(p.said, "\n"), text)
}

// play lets all go on until something is so.
func play(t *testing.T, what string, until func() bool, players ...*player) {
	t.Helper()
	tick := time.NewTicker(deskEvery)
	defer tick.Stop()
	end := time.After(patience)
	for !until() {
		select {
		case <-tick.C:
			for _, p := range players {
				p.counter++
				p.do(p.desk.Round(p.now(), Slot{Incarnation: p.life, Counter: p.counter}, true))
			}
		case <-end:
			for _, p := range players {
				t.Errorf("node %d: %+v; %v; %+v; %q", p.self, p.desk.Show(p.now()), p.desk.Trouble(p.now(), 0), p.desk.tie.Outcome(), p.said)
			}
			t.Fatalf("it never came to this: %s", what)
		case e := <-players[0].drives.Ended():
			players[0].do(players[0].desk.Ended(players[0].now(), e))
		case e := <-players[len(players)-1].drives.Ended():
			last := players[len(players)-1]
			last.do(last.desk.Ended(last.now(), e))
		}
	}
}

func claimFor(p *player) {
	p.do(p.desk.Tie(p.now(), Claimed{Want{Epoch: wire.Epoch(10 + p.self), Side: wire.SetOf(p.self), Common: 5, Members: wire.SetOf(1, 2), Rank: int(p.self) - 1}}))
}

func verdict(p *player) Verdict { return p.desk.tie.Outcome().Verdict }

// newDisks makes a set.
func newDisks(t *testing.T, paths ...string) []string {
	t.Helper()
	if err := Init(t.Context(), planFor(t, nil, paths...)); err != nil {
		t.Fatal(err)
	}
	return paths
}

func threeFiles(t *testing.T) []string {
	dir := t.TempDir()
	return newDisks(t, filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c"))
}

func TestTwoNodesThatClaimOnRealDisksHaveOneWinner(t *testing.T) {
	for name, disks := range map[string]func(t *testing.T) []string{
		"a file":         func(t *testing.T) []string { return newDisks(t, filepath.Join(t.TempDir(), "a")) },
		"a block device": func(t *testing.T) []string { return newDisks(t, loop(t, emptyFileOf(t, 8))) },
		"three files":    threeFiles,
	} {
		t.Run(name, func(t *testing.T) {
			paths := disks(t)
			one, two := newPlayer(t, 1, paths...), newPlayer(t, 2, paths...)
			play(t, "both see that they share the disks", func() bool { return one.desk.stamps.Shared(2) && two.desk.stamps.Shared(1) }, one, two)
			claimFor(one)
			claimFor(two)
			play(t, "one has won and the other knows", func() bool {
				return verdict(one) == Won && verdict(two) == Lost || verdict(one) == Lost && verdict(two) == Won
			}, one, two)
			if a, b := one.desk.tie.Outcome().Last, two.desk.tie.Outcome().Last; a != b {
				t.Errorf("%+v and %+v", a, b)
			}
		})
	}
}

func emptyFileOf(t *testing.T, g Geometry) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "device")
	if err := os.WriteFile(name, make([]byte, g.Size()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestADiskThatWasReplacedCountsNoMoreForThoseThatUseIt(t *testing.T) {
	paths := threeFiles(t)
	one := newPlayer(t, 1, paths...)
	play(t, "all three are well", func() bool {
		return one.desk.Trouble(one.now(), 0) == nil && one.desk.Trouble(one.now(), 1) == nil && one.desk.Trouble(one.now(), 2) == nil
	}, one)
	// Another node's operator replaces the second; this node has the old file still open.
	if err := os.Remove(paths[1]); err != nil {
		t.Fatal(err)
	}
	if err := Repair(context.Background(), planFor(t, nil, paths...), 1); err != nil {
		t.Fatal(err)
	}
	play(t, "the second does not count", func() bool { return one.heard("b: it replaces another disk and does not count yet") }, one)
	play(t, "the others are well again", func() bool {
		return one.desk.Show(one.now()).Good && one.desk.Trouble(one.now(), 0) == nil && one.desk.Trouble(one.now(), 1) != nil && one.desk.Trouble(one.now(), 2) == nil
	}, one)
}

func TestDisksThatDoNotBelongTogetherAreNotUsed(t *testing.T) {
	set, other := threeFiles(t), threeFiles(t)
	for want, paths := range map[string][]string{
		"b: two of the paths lead to one disk":                          {set[0], link(t, set[0], "b"), set[2]},
		"a: it is one of a set of 3, and the file has 1 disk lines":     {set[0]},
		"foreign: it is not of the set of the other disks: not init":    {set[0], set[1], plainCopy(t, other[2])},
		"gone: disk " + filepath.Dir(set[0]) + "/gone does not exist; ": {set[0], set[1], filepath.Join(filepath.Dir(set[0]), "gone")},
	} {
		one := newPlayer(t, 1, paths...)
		play(t, want, func() bool { return one.heard(want) || one.heard(strings.Replace(want, "b: ", "a: ", 1)) }, one)
		one.drives.Close()
	}
}

// A disk that is long enough for slots, and not for all claims and mailboxes, would fail when a tie is to be broken.
func TestADiskThatLacksItsEndIsNotUsedNorMadeLonger(t *testing.T) {
	set := threeFiles(t)
	info, err := os.Stat(set[2])
	if err != nil {
		t.Fatal(err)
	}
	size := info.Size() - SectorSize
	if err := os.Truncate(set[2], size); err != nil {
		t.Fatal(err)
	}
	one := newPlayer(t, 1, set...)
	play(t, "it is told", func() bool { return one.heard(fmt.Sprintf("the disk ends at %d bytes", size)) }, one)
	play(t, "the others are used", func() bool { return one.desk.Show(one.now()).Good }, one)
	one.drives.Close()
	if info, err = os.Stat(set[2]); err != nil || info.Size() != size {
		t.Errorf("it is %d bytes long, was %d (%v)", info.Size(), size, err)
	}
}

func link(t *testing.T, to, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// plainCopy moves a disk of another set to a name that tells it from the rest.
func plainCopy(t *testing.T, from string) string {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
