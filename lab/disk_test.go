package lab

import (
	"fmt"
	"os"
	"path/filepath"
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

// newDiskPair makes a pair that shares a quorum disk, and serves.
func newDiskPair(t *testing.T, tiebreak string) *pair {
	t.Helper()
	p := makePair(t, tiebreak, "", theService)
	dir, err := os.MkdirTemp("/var/tmp", "locum-lab") // on a disk, where nodes see it too
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, n := range p.Nodes {
		p.shell(n, fmt.Sprintf("ln -s %s %s", filepath.Join(dir, "quorum"), quorumDisk))
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
