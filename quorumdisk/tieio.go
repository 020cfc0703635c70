package quorumdisk

import "locum/wire"

type work uint8

const (
	nothing work = iota
	read
	write
)

// need is what a disk has to do next. A block is read only after this node's own has been written: that is what makes one
// of two nodes see the other.
func (t *Tie) need(d int) work {
	k := t.disk[d]
	switch t.phase {
	case loading:
		if !k.done {
			return read
		}
	case preparing, proposing:
		switch {
		case !k.wrote:
			return write
		case !k.done:
			return read
		}
	case resting:
		switch {
		case t.tell && !k.wrote:
			return write
		case !k.done:
			return read
		}
	}
	return nothing
}

// issue gives every disk that is free its work.
func (t *Tie) issue(now wire.Instant) (todo []TieAction) {
	for d := range t.disks() {
		k := &t.disk[d]
		w := t.need(d)
		if k.op != 0 || w == nothing || now < k.retryAt {
			continue
		}
		t.op++
		k.op, k.issued, k.writing = t.op, now, w == write
		a := TieAction{Disk: d, Op: t.op, Write: w == write}
		if a.Write {
			a.Claim = t.mine
		}
		todo = append(todo, a)
	}
	return todo
}
