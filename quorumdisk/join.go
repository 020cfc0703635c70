package quorumdisk

import (
	"context"
	"errors"
	"fmt"
)

// Join ends what Repair has begun: it copies the newest records of the two others to the disk that is joining, and then has it count. Only the
// leader of a quorate view may do that, since two that did it at once could each make a majority of their own. What a former leader has not
// finished does no harm: each attempt gives the disk a new id, under which nothing is readable that an earlier one still writes.
//
// It is safe beside nodes that claim. Whoever reads a header of before on one of the two has written its claim there before
// that header was replaced, and all of those are copied; whoever reads the new one counts no disk but the two until it is over.
func Join(ctx context.Context, p Plan) error {
	if len(p.Paths) != MaxDisks {
		return errors.New("only one of three disks can join")
	}
	j, err := p.openJoin(ctx)
	if err != nil {
		return err
	}
	defer j.close()
	if j.at < 0 {
		return j.finish(ctx)
	}
	h := j.newest
	h.Disks = append([]DiskID(nil), h.Disks...)
	if err := p.draw(&h.Disks[j.place]); err != nil {
		return err
	}
	h.Generation++
	h.Joining = h.Disks[j.place]
	if err := j.announce(ctx, h); err != nil {
		return err
	}
	if err := j.copy(ctx, h); err != nil {
		return err
	}
	h.Generation++
	h.Joining = DiskID{}
	return j.announce(ctx, h)
}

// joining is what Join works on.
type joining struct {
	p       Plan
	newest  Header
	place   int // in the set
	at      int // in p.Paths
	all     [MaxDisks]*Session
	headers [MaxDisks]Header
}

func (j *joining) close() {
	for _, s := range j.all {
		if s != nil {
			s.Close()
		}
	}
}

// openJoin opens all three and finds the one that is joining.
func (p Plan) openJoin(ctx context.Context) (j *joining, err error) {
	j = &joining{p: p, at: -1}
	defer func() {
		if err != nil {
			j.close()
		}
	}()
	for i, path := range p.Paths {
		if j.all[i], err = OpenSession(ctx, path, false, repairPatience); err != nil {
			return j, err
		}
		if j.headers[i], err = j.all[i].Header(ctx, p.Seals); err != nil {
			return j, err
		}
	}
	newest, counts, err := Together(j.headers[:])
	if err != nil {
		return j, err
	}
	for i, count := range counts {
		switch {
		case count:
		case j.at >= 0:
			return j, fmt.Errorf("neither %s nor %s counts: one after the other can be repaired, while the two others count", p.Paths[j.at], p.Paths[i])
		default:
			j.at = i
		}
	}
	j.newest = newest
	if j.at < 0 {
		return j, nil
	}
	if j.headers[j.at].ID != newest.Joining {
		return j, fmt.Errorf("disk %s was replaced and is not the one that joins; say locum disk init --repair %s --force", p.Paths[j.at], p.Paths[j.at])
	}
	j.place = Header{ID: newest.Joining, Disks: newest.Disks}.Index()
	return j, nil
}

// finish writes the newest header to the disks that have an older one: who wrote it to the others did not come to the end.
func (j *joining) finish(ctx context.Context) error {
	behind := 0
	for i, own := range j.headers {
		if own.Generation == j.newest.Generation {
			continue
		}
		behind++
		h := j.newest
		h.ID, h.MadeAt = own.ID, own.MadeAt
		if _, err := j.all[i].Do(ctx, Request{Place: HeaderPlace, Write: j.p.Seals.SealHeader(h)}); err != nil {
			return err
		}
	}
	if behind == 0 {
		return errors.New("all three disks count; none is joining")
	}
	return nil
}

// announce writes new headers: on the joining disk first, which alone decides nothing, then on the two others.
func (j *joining) announce(ctx context.Context, h Header) error {
	for _, i := range []int{j.at, (j.at + 1) % MaxDisks, (j.at + 2) % MaxDisks} {
		own := h
		own.ID, own.MadeAt = j.headers[i].ID, j.headers[i].MadeAt
		if i == j.at {
			own.ID = h.Disks[j.place]
		}
		if _, err := j.all[i].Do(ctx, Request{Place: HeaderPlace, Write: j.p.Seals.SealHeader(own)}); err != nil {
			return err
		}
		j.headers[i] = own
	}
	return nil
}

// copy brings every sector of the joining disk up to the newer of the two others.
func (j *joining) copy(ctx context.Context, h Header) error {
	a, b := (j.at+1)%MaxDisks, (j.at+2)%MaxDisks
	h.ID = h.Joining
	for first := Place(1); first < h.Nodes.Sectors(); first += mostRead {
		n := int(min(mostRead, h.Nodes.Sectors()-first))
		fromA, err := j.all[a].Do(ctx, Request{Place: first, Count: n})
		if err != nil {
			return err
		}
		fromB, err := j.all[b].Do(ctx, Request{Place: first, Count: n})
		if err != nil {
			return err
		}
		for i := range Place(n) {
			sector, err := j.p.Seals.carry(h, first+i, [2]Header{j.headers[a], j.headers[b]}, [2][]byte{sectorOf(fromA, i), sectorOf(fromB, i)})
			if err != nil {
				return fmt.Errorf("disks %s and %s: %w", j.p.Paths[a], j.p.Paths[b], err)
			}
			if _, err := j.all[j.at].Do(ctx, Request{Place: first + i, Write: sector}); err != nil {
				return err
			}
		}
	}
	return nil
}
