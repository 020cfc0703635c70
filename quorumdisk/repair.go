package quorumdisk

import (
	"context"
	"fmt"
	"time"
)

// Repair puts a disk in the place of one of a set of three, by the headers of the two others. The new disk gets an id of its own and is
// "joining": it counts for nobody before a quorate cluster has copied the newest records of the two to it, since a majority that
// includes an empty disk would have forgotten what was decided. The disk that it replaces counts no more, wherever it comes back.
//
// at is which of p.Paths is the new disk. The order of the writes: the new disk first, which is of no account alone; then the
// others' headers. Whoever reads one header of the new generation knows the new list.
func Repair(ctx context.Context, p Plan, at int) error {
	if len(p.Paths) != MaxDisks {
		return fmt.Errorf("--repair is for one disk of three; what a single disk held cannot be had from anywhere: stop locum on all nodes, then say locum disk init --force")
	}
	if err := different(p.Paths); err != nil {
		return err
	}
	headers, err := p.others(ctx, at)
	if err != nil {
		return err
	}
	newest, _, err := Together(headers)
	if err != nil {
		return err
	}
	replaced, err := missing(newest, headers)
	if err != nil {
		return err
	}
	p.Nodes = newest.Nodes
	alone := p
	alone.Paths = p.Paths[at : at+1]
	devices, err := alone.allReady()
	if err != nil {
		return err
	}
	d := devices[0]
	defer d.Close()
	h := newest
	h.Generation, h.MadeAt = newest.Generation+1, p.Now
	h.Disks = append([]DiskID(nil), newest.Disks...)
	if err := p.draw(&h.Disks[replaced]); err != nil {
		return err
	}
	h.ID, h.Joining = h.Disks[replaced], h.Disks[replaced]
	if err := p.write(d, h); err != nil {
		return err
	}
	for i, path := range p.Paths {
		if i == at {
			continue
		}
		own := headers[0]
		headers = headers[1:]
		h.ID, h.MadeAt = own.ID, own.MadeAt
		if err := p.newHeader(ctx, path, h); err != nil {
			return fmt.Errorf("%w; %s does not count yet: say the same again once both others can be written", err, p.Paths[at])
		}
	}
	p.Say("%s replaces disk %d of cluster %s. It does not count before what the others hold has been copied to it, which the leader of a quorum does by itself: until then both others are needed", p.Paths[at], replaced+1, h.Cluster)
	return nil
}

// repairPatience is how long each operation on a disk that should be well may take.
const repairPatience = 10 * time.Second

// others reads the headers of the disks that stay.
func (p Plan) others(ctx context.Context, at int) (list []Header, err error) {
	for i, path := range p.Paths {
		if i == at {
			continue
		}
		s, err := OpenSession(ctx, path, true, repairPatience)
		if err != nil {
			return nil, fmt.Errorf("%w; both other disks are needed", err)
		}
		h, err := s.Header(ctx, p.Seals)
		s.Close()
		if err != nil {
			return nil, fmt.Errorf("%w; both other disks are needed", err)
		}
		list = append(list, h)
	}
	return list, nil
}

// missing tells which place of the set is the one to be filled: that of the disk that is not among the two others, which both
// have to count.
func missing(newest Header, others []Header) (int, error) {
	place := -1
	for i, id := range newest.Disks {
		if id != others[0].ID && id != others[1].ID {
			if place >= 0 {
				return 0, fmt.Errorf("only one of the two other disks belongs to the set; the other was replaced before")
			}
			place = i
		}
	}
	if place < 0 || len(newest.Disks) != MaxDisks {
		return 0, fmt.Errorf("the other disks are a set of %d", len(newest.Disks))
	}
	if !newest.Joining.IsZero() && newest.Joining != newest.Disks[place] {
		return 0, fmt.Errorf("another disk of the set has not joined yet: one after the other")
	}
	return place, nil
}

func (p Plan) newHeader(ctx context.Context, path string, h Header) error {
	s, err := OpenSession(ctx, path, false, repairPatience)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Do(ctx, Request{Place: HeaderPlace, Write: p.Seals.SealHeader(h)})
	return err
}
