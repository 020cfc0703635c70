package lab

import (
	"flag"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

var wholeMatrix = flag.Bool("matrix", false, "try every cell of the split matrix, which takes a quarter of an hour")

// A cell of the split matrix: all cables are cut, and who reaches the quorum disk, what the power switch does, and how the node is that serves.
type cell struct {
	disk   reachOfDisk
	fence  string // a switch's Manner, or none
	active activeNode
}

type reachOfDisk string

// Who reaches the disk. In claiming it hangs for both just when they claim it.
const (
	diskBoth     reachOfDisk = "both"
	diskActive   reachOfDisk = "the active"
	diskOther    reachOfDisk = "the other"
	diskNone     reachOfDisk = "none"
	diskClaiming reachOfDisk = "both, hanging while they claim"
)

type activeNode string

// How the active node is: hung is all its processes stopped, paused is that for longer than its lease.
const (
	alive  activeNode = "alive"
	dead   activeNode = "dead"
	hung   activeNode = "hung"
	paused activeNode = "paused"
)

const noFence = "none"

// matrixLease is short, and longer than the rules of this file need.
const matrixLease = 4 * time.Second

// owner is who has to hold the address in the end, alpha having been active, and why; either where chance decides.
func (c cell) owner() (node, why string) {
	shot := c.fence == Obedient.String() || c.fence == Ignoring.String() && c.active == dead
	switch {
	case c.active == dead && shot:
		return "beta", "alpha is confirmed off"
	case c.active == dead:
		return "", "nothing proves that alpha is off"
	case c.active != alive && shot:
		return "beta", "alpha is silent, and confirmed off"
	case c.active == hung:
		return "alpha", "its kernel serves on, and nothing proves that it is off"
	case c.disk == diskClaiming:
		return "either", "who claims first when the disk answers again"
	case c.active == paused && (c.disk == diskBoth || c.disk == diskOther):
		return "", "beta has won the disk meanwhile, and has no proof about alpha"
	case c.disk == diskBoth || c.disk == diskActive:
		return "alpha", "it wins the disk"
	case shot && c.disk == diskOther:
		return "beta", "it wins the disk, and alpha is confirmed off"
	case shot:
		return "alpha", "nobody can use the disk, and the active side shoots first"
	}
	return "", "alpha stops at half of its lease, and nothing proves to beta that it has"
}

func matrix() (cells []cell) {
	for _, disk := range []reachOfDisk{diskBoth, diskActive, diskOther, diskNone, diskClaiming} {
		for _, fence := range []string{Obedient.String(), Failing.String(), Hanging.String(), Ignoring.String(), noFence} {
			for _, active := range []activeNode{alive, dead, hung, paused} {
				cells = append(cells, cell{disk, fence, active})
			}
		}
	}
	return cells
}

// telling are the cells that are tried each time.
var telling = []cell{
	{diskBoth, Obedient.String(), alive},
	{diskOther, Failing.String(), alive},
	{diskNone, Obedient.String(), alive},
	{diskBoth, Ignoring.String(), hung},
	{diskActive, noFence, paused},
	{diskOther, noFence, paused},
	{diskClaiming, Obedient.String(), alive},
}

// TestTheSplitMatrix holds of each cell that there are never two owners, by what the nodes' kernels and a client that asks every 5 ms
// see, and that in the end the right one owns the address, or nobody.
func TestTheSplitMatrix(t *testing.T) {
	long(t)
	for _, c := range matrix() {
		if !*wholeMatrix && !slices.Contains(telling, c) {
			continue
		}
		t.Run(fmt.Sprintf("disk seen by %s, fence %s, active %s", c.disk, c.fence, c.active), func(t *testing.T) {
			s := split{newDiskPair(t, c.lines()), c}
			s.prepare()
			goOn := s.begin()
			s.settle(goOn)
		})
	}
}

// lines is the tie-break of the cell's file.
func (c cell) lines() string {
	if c.fence == noFence {
		return onDisk + fmt.Sprintf("lease %s\n", matrixLease)
	}
	return onDiskFirst + fmt.Sprintf("lease %s\n", matrixLease)
}

// split plays a cell.
type split struct {
	*pair
	cell
}

// prepare has the disk and the switch be as the cell wants.
func (s split) prepare() {
	s.t.Helper()
	for _, n := range s.Nodes {
		for _, m := range []Manner{Failing, Hanging, Ignoring} {
			if m.String() == s.fence {
				s.Power.Behave(n.Name, m, 0)
			}
		}
		if s.disk == diskNone || s.disk == diskActive && n == s.beta || s.disk == diskOther && n == s.alpha {
			goOn := s.stopDisk(n)
			s.t.Cleanup(goOn)
			s.eventually(n.Name+" misses the disk", func() bool { return s.diskLost(n) })
		}
	}
}

// begin cuts all cables and does to the active node what the cell says. What it gives ends a pause.
func (s split) begin() (goOn func()) {
	s.t.Helper()
	goOn = func() {}
	if s.active == hung || s.active == paused {
		goOn = s.stopAll(s.alpha)
	}
	if s.active == dead {
		must(s.t, s.alpha.Crash())
	}
	must(s.t, s.CutBetween("alpha", "beta"))
	if s.disk == diskClaiming {
		s.pass(beatDead - beatEvery)
		for _, n := range s.Nodes {
			if n.On() {
				defer s.stopDisk(n)()
			}
		}
		s.pass(4 * beatEvery)
	}
	return goOn
}

// stopAll stops all processes of a node, until goOn.
func (s split) stopAll(n *Node) (goOn func()) {
	s.t.Helper()
	all, err := n.Processes()
	must(s.t, err)
	if s.disk == diskNone || s.disk == diskOther { // who does not reach the disk goes on without it
		all = slices.DeleteFunc(all, func(r Running) bool { return slices.Contains(r.Args, "disk-helper") })
	}
	for _, r := range all {
		s.kill(r.Pid, syscall.SIGSTOP)
	}
	return func() {
		for _, r := range all {
			if err := syscall.Kill(r.Pid, syscall.SIGCONT); err != nil && err != syscall.ESRCH { // it may be off by now
				s.t.Error(err)
			}
		}
	}
}

// settle waits for the owner that the rules give, and sees that it stays.
func (s split) settle(goOn func()) {
	s.t.Helper()
	want, why := s.owner()
	if s.active == paused {
		s.pass(matrixLease + matrixLease/2)
		goOn()
	}
	holds := func() string { who, _ := s.Observer.Holder(vip); return who }
	switch want {
	case "either":
		s.pass(2 * matrixLease)
		return
	case "alpha", "":
		s.pass(matrixLease + beatDead) // what must not happen has had the time
	}
	s.eventually(fmt.Sprintf("%q holds the address: %s", want, why), func() bool { return holds() == want })
	s.pass(2 * beatDead)
	if now := holds(); now != want {
		s.t.Errorf("%q holds the address, want %q: %s", now, want, why)
	}
}
