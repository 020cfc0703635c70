package config

import (
	"strings"
	"time"
)

// Disk is a "disk" line: a quorum disk, as every node sees it. There is one, or there are three.
type Disk struct {
	Path  string        // a block device, a partition, or a file on shared storage: absolute
	Every time.Duration // how often a node writes its slot and reads the others'; default 1s; 100ms to 1m
	// Dead is how long a slot may stand still before its node is taken for gone from the disk; default 5s; at least 3 x Every.
	Dead time.Duration
	Line int
}

// The defaults of a disk line, and what one round may take of a death for the check of the lease.
const (
	defaultDiskEvery = time.Second
	defaultDiskDead  = 5 * time.Second
	claimTime        = 500 * time.Millisecond
)

// MaxDisks is how many quorum disks there may be.
const MaxDisks = 3

func (p *parser) disk(l line) {
	if !p.take(l, "disk PATH [every=1s] [dead=5s]", 1, 1, "every", "dead") {
		return
	}
	d := Disk{Path: l.words[1], Every: defaultDiskEvery, Dead: defaultDiskDead, Line: l.number}
	if !strings.HasPrefix(d.Path, "/") {
		p.add(l.number, "disk %q is no absolute path; write the name that stays the same over a reboot: disk /dev/disk/by-id/…", d.Path)
	}
	for _, prefix := range []string{"/dev/sd", "/dev/vd", "/dev/nvme"} {
		if strings.HasPrefix(d.Path, prefix) {
			p.warn(l.number, "disk %s: such a name may belong to another disk after the next boot, and on the other node; write one of /dev/disk/by-id", d.Path)
		}
	}
	for _, o := range p.cfg.Disks {
		if o.Path == d.Path {
			p.add(l.number, "disk %s stands on line %d already", d.Path, o.Line)
		}
	}
	if v, ok := l.value("every"); ok {
		d.Every = p.duration(l, "every", v, 100*time.Millisecond, time.Minute)
	}
	if v, ok := l.value("dead"); ok {
		d.Dead = p.duration(l, "dead", v, 300*time.Millisecond, 10*time.Minute)
	}
	if d.Every > 0 && d.Dead > 0 && d.Dead < 3*d.Every {
		p.add(l.number, "dead=%s is less than three times every=%s: one slow write would be a death; write dead=%s or more", d.Dead, d.Every, 3*d.Every)
	}
	p.cfg.Disks = append(p.cfg.Disks, d)
}

// checkDisks holds the disk lines, the tie-break and the lease against one another.
func (p *parser) checkDisks() {
	c := p.cfg
	tie := c.tiebreakLine("disk")
	switch {
	case len(c.Disks) == 0 && tie != 0 && !p.stands("disk"):
		p.add(tie, "tiebreak disk, but there is no disk line; write: disk /dev/disk/by-id/… every=1s dead=5s")
		return
	case len(c.Disks) == 0:
		return
	case len(c.Disks) == 2 || len(c.Disks) > MaxDisks:
		p.add(c.Disks[len(c.Disks)-1].Line, "%d disks: a majority of them decides, so there is one, or there are three", len(c.Disks))
	case tie == 0 && !p.stands("tiebreak"):
		p.warn(c.Disks[0].Line, "a disk line without \"tiebreak disk\": the disk decides nothing")
	}
	for _, d := range c.Disks[1:] {
		if first := c.Disks[0]; d.Every != first.Every || d.Dead != first.Dead {
			p.add(d.Line, "every=%s dead=%s differ from those of line %d, every=%s dead=%s: all disks have the same", d.Every, d.Dead, first.Line, first.Every, first.Dead)
		}
	}
	if least := c.leaseForDisk(); c.Lease < least {
		p.add(p.leaseLine, "lease %s: half of it must be longer than dead=%s, the rounds of a view and a claim on the disk (%s) and every=%s of the disk, or every death of a peer stops the survivor; write lease %s",
			c.Lease, c.Beat.Dead, viewRounds+claimTime, c.Disks[0].Every, least)
	}
}

// leaseForDisk is the shortest lease whose first half lasts until the disk has decided for one side; 0 where it is not asked.
func (c *Config) leaseForDisk() time.Duration {
	if len(c.Disks) == 0 || !c.has("disk") {
		return 0
	}
	return 2 * (c.Beat.Dead + viewRounds + claimTime + c.Disks[0].Every)
}

// tiebreakLine is the line of a tie-break, 0 if the file has none of that type.
func (c *Config) tiebreakLine(kind string) int {
	for _, t := range c.Tiebreaks {
		if t.Type == kind {
			return t.Line
		}
	}
	return 0
}
