package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/cluster"
)

// quorumDisk is where the nodes of these tests find their quorum disk: a link to a file that all of them share.
const quorumDisk = NodeDir + "/quorum"

// The tie-break on the disk, without and with power switches.
const (
	onDisk      = "disk\ndisk " + quorumDisk + " every=200ms dead=1s\n"
	onDiskFirst = onDisk + "tiebreak fence delay=1s\n"
)

// newDiskPair makes a pair that shares the quorum disks of its tie-break, and serves.
func newDiskPair(t *testing.T, tiebreak string) *pair {
	t.Helper()
	dir := diskDir(t)
	return newPairOn(t, tiebreak, func(name string) string { return filepath.Join(dir, name) })
}

// diskDir makes a directory on a disk, where nodes see it too.
func diskDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "locum-lab")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// newPairOn makes a pair whose quorum disks are those files.
func newPairOn(t testing.TB, tiebreak string, file func(name string) string) *pair {
	t.Helper()
	p := makePair(t, tiebreak, "", theService)
	for line := range strings.Lines(tiebreak) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "disk" {
			for _, n := range p.Nodes {
				p.shell(n, fmt.Sprintf("ln -s %s %s", file(filepath.Base(f[1])), f[1]))
			}
		}
	}
	if out, code := p.locum(p.alpha, "disk", "init", "--config", NodeDir+"/locum.conf"); code != 0 {
		t.Fatalf("locum disk init: %d: %s", code, out)
	}
	for _, n := range p.Nodes {
		must(t, p.serve(n))
	}
	p.owned("alpha")
	p.whole()
	for _, n := range p.Nodes {
		p.eventually(n.Name+" can use the disk, and sees the other there", func() bool {
			st := p.status(n)
			return st != nil && st.Disk != nil && st.Disk.Usable && len(st.Disk.NotSeen) == 0
		})
	}
	return p
}

// quorate reports whether a node says that it may act.
func (p *pair) quorate(n *Node) bool {
	st := p.status(n)
	return st != nil && st.Quorate
}

// stopDisk has a node's reads and writes of the disk hang, until goOn.
func (p *pair) stopDisk(n *Node) (goOn func()) {
	p.t.Helper()
	pid := p.find(n, "locum", "disk-helper")
	p.kill(pid, syscall.SIGSTOP)
	return func() {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil && err != syscall.ESRCH { // its node may be off by now
			p.t.Error(err)
		}
	}
}

// diskLost reports whether a node has told that the disk does not answer it.
func (p *pair) diskLost(n *Node) bool { return p.said(n, "it does not answer") }

func TestAQuorumDiskDecidesASplitForTheSideThatServes(t *testing.T) {
	p := newDiskPair(t, onDisk)
	before := p.kept(p.alpha)
	must(t, p.CutBetween("alpha", "beta"))
	p.eventually("the disk has decided", func() bool { return p.said(p.beta, "the quorum disk has decided for alpha") })
	p.eventually("alpha goes on", func() bool { return p.quorate(p.alpha) })
	p.pass(10 * beatDead)
	if p.quorate(p.beta) {
		t.Error("both sides are quorate")
	}
	must(t, p.Heal())
	p.whole()
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}

func TestTheWinnerOfTheDiskShootsAndTakesOver(t *testing.T) {
	p := newDiskPair(t, onDiskFirst)
	must(t, p.alpha.Crash())
	p.owned("beta")
	if p.alpha.On() {
		t.Error("alpha was not switched off")
	}
}

func TestASideThatDoesNotReachTheDiskLoses(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDiskFirst)
	goOn := p.stopDisk(p.alpha)
	defer goOn()
	p.eventually("alpha misses the disk", func() bool { return p.diskLost(p.alpha) })
	before := p.kept(p.alpha)
	p.pass(4 * beatDead)
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the loss of the disk alone touched the service: %+v, was %+v", after, before)
	}
	must(t, p.CutBetween("alpha", "beta"))
	p.eventually("alpha is off", func() bool { return !p.alpha.On() })
	p.owned("beta")
	if !p.beta.On() {
		t.Error("both were switched off")
	}
}

func TestADiskThatNobodyReachesIsFollowedByThePowerSwitch(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDiskFirst)
	for _, n := range p.Nodes {
		defer p.stopDisk(n)()
	}
	for _, n := range p.Nodes {
		p.eventually(n.Name+" misses the disk", func() bool { return p.diskLost(n) })
	}
	must(t, p.alpha.Crash())
	p.owned("beta")
}

func TestTheWinnersHeartComesBackWithinItsLease(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDisk)
	must(t, p.CutBetween("alpha", "beta"))
	p.eventually("alpha goes on", func() bool { return p.said(p.alpha, "the quorum disk has decided for alpha") && p.quorate(p.alpha) })
	before := p.kept(p.alpha)
	p.kill(p.heart(p.alpha), syscall.SIGKILL)
	<-p.process(p.alpha).Ended()
	must(t, p.serve(p.alpha))
	p.eventually("alpha is quorate again", func() bool { return p.quorate(p.alpha) })
	p.pass(5 * time.Second) // longer than the disk's dead
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	if p.quorate(p.beta) {
		t.Error("beta has won against a living winner")
	}
}

func TestWithoutADiskNobodyTakesOverFromANodeThatMayLive(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDisk)
	must(t, p.alpha.Crash())
	p.eventually("beta wins", func() bool { return p.said(p.beta, "the quorum disk has decided for beta") && p.quorate(p.beta) })
	p.pass(4 * beatDead)
	if who, _ := p.Observer.Holder(vip); who == "beta" {
		t.Error("beta has taken over without a proof: no watchdog, no power switch")
	}
	st := p.status(p.beta)
	if i := len(st.Waits); i == 0 || !waitsFor(st, "proof that alpha runs nothing") {
		t.Errorf("beta does not say what it waits for: %+v", st.Waits)
	}
	if out, code := p.locum(p.beta, "fence", "alpha", "--confirm", "-y"); code != 0 {
		t.Fatal(out)
	}
	p.owned("beta")
}

func waitsFor(st *cluster.Status, what string) bool {
	for _, w := range st.Waits {
		if w.For == what {
			return true
		}
	}
	return false
}

// onThreeDisks is the tie-break on three disks.
const onThreeDisks = "disk\ndisk " + quorumDisk + "1 every=200ms dead=1s\ndisk " + quorumDisk + "2 every=200ms dead=1s\ndisk " + quorumDisk +
	"3 every=200ms dead=1s\n"

// spoil has a disk be none of locum's any more.
func (p *pair) spoil(disk string) {
	p.t.Helper()
	p.shell(p.alpha, "dd if=/dev/urandom of="+disk+" bs=4k count=64 conv=notrunc status=none")
}

// A disk of three breaks and is replaced. The leader copies to it what the two others know; from then on it counts, so that
// another may break.
func TestAQuorumDiskThatReplacesAnotherCounts(t *testing.T) {
	long(t)
	p := newDiskPair(t, onThreeDisks)
	p.spoil(quorumDisk + "3")
	p.eventually("both say that a disk is of no use", func() bool { // until then they hold it
		return p.said(p.alpha, "the other quorum disks suffice") && p.said(p.beta, "the other quorum disks suffice")
	})
	if out, code := p.locum(p.beta, "disk", "init", "--config", NodeDir+"/locum.conf", "--repair", "--force", quorumDisk+"3"); code != 0 {
		t.Fatalf("locum disk init --repair: %d: %s", code, out)
	}
	p.eventually("the leader has it join", func() bool { return p.said(p.alpha, "has what the others know, and counts") })
	p.eventually("both nodes use all three", func() bool {
		return p.said(p.alpha, "all quorum disks answer") && p.said(p.beta, "all quorum disks answer")
	})
	before := p.kept(p.alpha)
	p.spoil(quorumDisk + "1")
	must(t, p.CutBetween("alpha", "beta"))
	p.eventually("the disks have decided", func() bool { return p.said(p.beta, "the quorum disk has decided for alpha") })
	p.eventually("alpha goes on", func() bool { return p.quorate(p.alpha) })
	if now := p.kept(p.alpha); now != before {
		t.Errorf("something moved on alpha: %+v, then %+v", before, now)
	}
}

// The power fails, and only beta comes back. Its switch says that alpha is off, and the disk that beta has missed no command: it
// serves without an operator.
func TestALoneStarterThatMissedNothingServes(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDiskFirst)
	must(t, p.alpha.Crash())
	must(t, p.beta.Crash())
	must(t, p.beta.Boot())
	must(t, p.serve(p.beta))
	p.owned("beta")
	if p.alpha.On() {
		t.Error("alpha was switched on")
	}
}

// What an operator says while beta is away is noted on the disk: beta, alone later, does not act as if it had not been said.
func TestALoneStarterThatMissedACommandWaits(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDiskFirst)
	must(t, p.beta.Crash())
	p.eventually("alpha has more than half of the votes that count", func() bool { return p.said(p.alpha, "beta runs nothing") && p.quorate(p.alpha) })
	if out, code := p.locum(p.alpha, "stop", "web"); code != 0 {
		t.Fatalf("locum stop: %d: %s", code, out)
	}
	must(t, p.alpha.Crash())
	must(t, p.beta.Boot())
	must(t, p.serve(p.beta))
	p.eventually("beta says what it waits for", func() bool {
		out, _ := p.locum(p.beta, "status")
		return strings.Contains(out, "commands may have been given while this node was away (by the quorum disk, there are such)")
	})
	if p.quorate(p.beta) {
		t.Error("beta acts")
	}
}

// beta wins while alpha, which serves, does not reach the disk. When it does, it finds the pill, and is gone before half of its
// lease is over.
func TestAPillEndsTheSideThatLost(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDisk+"watchdog reboot\n")
	goOn := p.stopDisk(p.alpha)
	p.eventually("alpha misses the disk", func() bool { return p.diskLost(p.alpha) })
	alpha := p.process(p.alpha)
	must(t, p.CutBetween("alpha", "beta"))
	p.eventually("beta wins", func() bool { return p.said(p.beta, "the quorum disk has decided for beta") && p.quorate(p.beta) })
	goOn()
	p.eventually("alpha is off", func() bool { return !p.alpha.On() })
	if !strings.Contains(alpha.Output(), "beta has written on the quorum disk that this life is to end") {
		t.Error("alpha ended, but not by the pill")
	}
}

// All cables are cut, and locum is stopped in order on the side that serves: the disk says so, and the other takes over.
func TestWhoLeavesWhileAllCablesAreCutSaysSoOnTheDisk(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDisk)
	must(t, p.CutBetween("alpha", "beta"))
	p.eventually("alpha goes on", func() bool { return p.said(p.beta, "the quorum disk has decided for alpha") && p.quorate(p.alpha) })
	must(t, p.process(p.alpha).Signal(syscall.SIGTERM))
	p.owned("beta")
	if !p.said(p.beta, "alpha runs nothing: left in order") {
		t.Error("beta took over by another proof")
	}
}

// TestAReloadWhileTheEngineHangsMovesNothing: a heart that waited for its engine beyond dead would lose the disk to the other node.
func TestAReloadWhileTheEngineHangsMovesNothing(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDiskFirst)
	before := p.kept(p.alpha)
	p.kill(p.engine(p.alpha), syscall.SIGSTOP)
	p.kill(p.heart(p.alpha), syscall.SIGHUP)
	p.whole() // by the word of another engine: the old one says nothing
	p.pass(4 * beatDead)
	p.owned("alpha")
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	if !p.alpha.On() || !p.beta.On() {
		t.Error("a node was switched off")
	}
}
