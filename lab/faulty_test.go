//go:build !386 && !arm

package lab

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/lab/faultydisk"
)

// newFaultyPair makes a pair whose quorum disks have the faults that the test makes.
func newFaultyPair(t testing.TB, tiebreak string) (*pair, map[string]*faultydisk.Disk) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	dir, disks := diskDir(t), map[string]*faultydisk.Disk{}
	for _, name := range []string{"quorum", "quorum1", "quorum2", "quorum3"} { // before the nodes are: they see no mount that comes later
		at := filepath.Join(dir, name)
		must(t, os.Mkdir(at, 0o755))
		d, err := faultydisk.Mount(at, 1<<20)
		if errors.Is(err, faultydisk.ErrCannot) {
			t.Skip(err)
		}
		must(t, err)
		t.Cleanup(d.Close)
		disks[name] = d
	}
	return newPairOn(t, tiebreak, func(name string) string { return disks[name].Path }), disks
}

// The disk does what a disk must not do, while all cables are well: it is told what is wrong with it, no node is taken for late, nothing
// moves, and once it is well it is used again.
func TestAFaultyDiskIsToldAndDisturbsNothing(t *testing.T) {
	long(t)
	p, disks := newFaultyPair(t, onDisk)
	d := disks["quorum"]
	defer d.Heal()
	before := p.kept(p.alpha)
	for _, fault := range []struct {
		name string
		on   func()
		told string
	}{
		{"slow", func() { d.Delay = 2 * time.Second }, "it does not answer"},
		{"failing", func() { d.Err = syscall.EIO }, "input/output error"},
		{"losing writes", func() { d.Lose = true }, "it loses writes, or answers from a cache of its own"},
		{"showing the past", func() { d.Past = bytes.Clone(d.Content) }, "shows an older time stamp"},
		{"tearing writes", func() { d.Tear = 100 }, "the slot of this node: "},
		{"hanging", func() { d.Hang = make(chan struct{}) }, "it does not answer"},
	} {
		d.Set(fault.on)
		p.eventually(fault.name+" is told", func() bool {
			st := p.status(p.alpha)
			return st != nil && !st.Disk.Usable && strings.Contains(st.Disk.Trouble, fault.told)
		})
		p.pass(2 * beatDead)
		d.Heal()
		p.eventually("after "+fault.name+" it is used again", func() bool {
			a, b := p.status(p.alpha), p.status(p.beta)
			return a != nil && b != nil && a.Disk.Usable && b.Disk.Usable
		})
	}
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	for _, n := range p.Nodes {
		if p.said(n, "late, was up") {
			t.Errorf("%s has taken the other for late", n.Name)
		}
	}
}

// One of three disks is bad while the others are claimed.
func TestATieIsBrokenWhileOneOfThreeDisksIsBad(t *testing.T) {
	long(t)
	for name, fault := range map[string]func(*faultydisk.Disk){
		"hangs":         func(d *faultydisk.Disk) { d.Hang = make(chan struct{}) },
		"loses writes":  func(d *faultydisk.Disk) { d.Lose = true },
		"shows no more": func(d *faultydisk.Disk) { d.Past = make([]byte, len(d.Content)) },
	} {
		t.Run(name, func(t *testing.T) {
			p, disks := newFaultyPair(t, onThreeDisks)
			before := p.kept(p.alpha)
			d := disks["quorum2"]
			d.Set(func() { fault(d) })
			defer d.Heal() // no process of a node ends while it waits for the disk
			must(t, p.CutBetween("alpha", "beta"))
			p.eventually("the disks have decided", func() bool { return p.said(p.beta, "the quorum disk has decided for alpha") && p.quorate(p.alpha) })
			p.pass(2 * beatDead)
			if after := p.kept(p.alpha); after != before {
				t.Errorf("the service was touched: %+v, was %+v", after, before)
			}
			if p.quorate(p.beta) {
				t.Error("both sides are quorate")
			}
		})
	}
}

// BenchmarkAnIdleQuorumDisk tells what two nodes do to their disk at the default pace while nothing is wrong, as the file system counts it.
func BenchmarkAnIdleQuorumDisk(b *testing.B) {
	_, disks := newFaultyPair(b, "disk\ndisk "+quorumDisk+"\n")
	d := disks["quorum"]
	time.Sleep(3 * time.Second) // until both have seen the tie-break
	d.Set(func() { d.Ops, d.Bytes = 0, 0 })
	b.ResetTimer()
	for range b.N {
		time.Sleep(10 * time.Second)
	}
	b.StopTimer()
	seconds := b.Elapsed().Seconds()
	d.Set(func() {
		b.ReportMetric(float64(d.Ops)/2/seconds, "I/Os/s/node")
		b.ReportMetric(float64(d.Bytes)/2/seconds/1024, "KiB/s/node")
	})
}
