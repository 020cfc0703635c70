package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// spoiled is a quorum disk that is a file of the test's, and what stood on it when all was well.
type spoiled struct {
	*pair
	file string
	well []byte
}

// put has the disk hold something else, from its beginning on; it is as long as that if it is to be.
func (s *spoiled) put(text []byte, cut bool) {
	s.t.Helper()
	f, err := os.OpenFile(s.file, os.O_RDWR, 0)
	must(s.t, err)
	defer f.Close()
	_, err = f.WriteAt(text, 0)
	must(s.t, err)
	if cut {
		must(s.t, f.Truncate(int64(len(text))))
	}
}

// attribute sets or takes away an attribute of the file (chattr(1)).
func (s *spoiled) attribute(what string) {
	s.t.Helper()
	if out, err := exec.Command("chattr", what, s.file).CombinedOutput(); err != nil {
		s.t.Fatalf("chattr %s: %v: %s", what, err, out)
	}
}

// ofAnotherCluster makes a quorum disk of another cluster, with a key of its own, and gives what stands on it.
func (s *spoiled) ofAnotherCluster() []byte {
	s.t.Helper()
	other := filepath.Join(filepath.Dir(s.file), "other")
	s.shell(s.alpha, "head -c 32 /dev/urandom | base64 >other.key && chmod 600 other.key && ln -s "+other+" other && "+
		"sed 's,^cluster .*,cluster other,; s,^key .*,key "+NodeDir+"/other.key,; s,"+quorumDisk+" ,"+NodeDir+"/other ,' locum.conf >other.conf")
	if out, code := s.locum(s.alpha, "disk", "init", "--config", NodeDir+"/other.conf"); code != 0 {
		s.t.Fatalf("locum disk init: %d: %s", code, out)
	}
	text, err := os.ReadFile(other)
	must(s.t, err)
	return text
}

// Under two nodes that hear each other the disk becomes what it must not be: each node says what is wrong and where, nothing moves, and once
// the disk is as it was it is used again.
func TestADiskThatIsSpoiledIsToldAndDisturbsNothing(t *testing.T) {
	long(t)
	dir := diskDir(t)
	s := &spoiled{pair: newPairOn(t, onDisk, func(name string) string { return filepath.Join(dir, name) }), file: filepath.Join(dir, "quorum")}
	before := s.kept(s.alpha)
	for _, trouble := range []struct {
		name, told string
		begin      func()
	}{
		{"a corrupt header", "corrupt: the tag does not fit", func() { s.put(append(bytes.Clone(s.well[:100]), 0xff, 0xff, 0xff, 0xff), false) }},
		{"a disk of something else", "not locum's: something else has written here; if it is the right device, and nothing else uses it, make it anew: locum disk init --force", func() { s.put(bytes.Repeat([]byte("something else. "), len(s.well)/16), false) }},
		{"a blank disk", "nothing but zeros: it was never initialised, or was wiped", func() { s.put(make([]byte, len(s.well)), false) }},
		{"the disk of another cluster", "sealed with another key: the disk of another cluster", func() { s.put(s.ofAnotherCluster(), false) }},
		{"a disk that became too small", "the disk ends at", func() { s.put(s.well[:2*4096], true) }},
		{"a disk that became read-only", "operation not permitted", func() { s.attribute("+i"); t.Cleanup(func() { _ = exec.Command("chattr", "-i", s.file).Run() }) }},
	} {
		var err error
		s.well, err = os.ReadFile(s.file)
		must(t, err)
		trouble.begin()
		for _, n := range s.Nodes {
			s.eventually(n.Name+" tells of "+trouble.name, func() bool {
				st := s.status(n)
				return st != nil && !st.Disk.Usable && strings.Contains(st.Disk.Trouble, trouble.told) && strings.Contains(st.Disk.Trouble, quorumDisk)
			})
		}
		s.pass(2 * beatDead)
		if trouble.told == "operation not permitted" {
			s.attribute("-i")
		} else {
			s.put(s.well, true)
		}
		for _, n := range s.Nodes {
			s.eventually(fmt.Sprintf("after %s %s uses the disk again", trouble.name, n.Name), func() bool {
				st := s.status(n)
				return st != nil && st.Disk.Usable && st.Disk.Trouble == "" && len(st.Disk.NotSeen) == 0
			})
		}
	}
	if after := s.kept(s.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}

// The disk lines of one node lead to the same three disks in another order: each says which it is, and a tie is decided on all.
func TestDisksInAnotherOrderAreTheSameDisks(t *testing.T) {
	p := newDiskPair(t, onThreeDisks)
	p.shell(p.alpha, "ln -sf $(readlink quorum1) first && ln -sf $(readlink quorum3) quorum1 && ln -sf $(readlink first) quorum3")
	p.kill(p.heart(p.alpha), syscall.SIGKILL)
	<-p.process(p.alpha).Ended()
	must(t, p.serve(p.alpha))
	p.whole()
	for _, n := range p.Nodes {
		p.eventually(n.Name+" uses all disks, and sees the other on them", func() bool {
			st := p.status(n)
			return st != nil && st.Disk != nil && st.Disk.Usable && st.Disk.Trouble == "" && len(st.Disk.NotSeen) == 0
		})
	}
	before := p.kept(p.alpha)
	must(t, p.CutBetween("alpha", "beta"))
	p.eventually("the disks have decided", func() bool { return p.said(p.beta, "the quorum disk has decided for alpha") && p.quorate(p.alpha) })
	p.pass(2 * beatDead)
	if now := p.kept(p.alpha); now != before || p.quorate(p.beta) {
		t.Errorf("the service was touched (%+v, was %+v), or both sides are quorate", now, before)
	}
}
