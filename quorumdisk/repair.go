package quorumdisk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"locum/wire"
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
	alone.Paths, alone.ours = p.Paths[at:at+1], newest.Set
	devices, err := alone.allReady(ctx)
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
		if err := p.newHeader(ctx, path, own, h); err != nil {
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
		h, err := p.settled(ctx, s)
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

// newHeader replaces a header, if it still is what was read, and sees that it stays. A later one than the new one is of a leader that has
// the disk join already.
func (p Plan) newHeader(ctx context.Context, path string, before, h Header) error {
	s, err := OpenSession(ctx, path, false, repairPatience)
	if err != nil {
		return err
	}
	defer s.Close()
	now, err := p.settled(ctx, s)
	if err != nil || now.Generation > h.Generation {
		return err
	}
	if now.ID != before.ID || now.Generation != before.Generation {
		return notAlone(path)
	}
	if _, err := s.Do(ctx, Request{Place: HeaderPlace, Write: p.Seals.SealHeader(h)}); err != nil {
		return err
	}
	if now, err = p.settled(ctx, s); err == nil && (now.Generation < h.Generation || now.Generation == h.Generation && now.Joining != h.Joining) {
		return notAlone(path)
	}
	return err
}

func notAlone(path string) error {
	return fmt.Errorf("disk %s: somebody else writes its header: is another --repair under way?", path)
}

// settled reads what a disk is, and refuses one that is being sealed anew, whatever keys the file at hand names: it can be an older one. The
// leader puts back the header that it has read, and what is sealed with a key that goes is lost with it. Who seals anew has
// written its slot with the other key before.
func (p Plan) settled(ctx context.Context, s *Session) (Header, error) {
	h, err := s.Header(ctx, p.Seals)
	if err != nil {
		return h, err
	}
	data, err := s.Do(ctx, h.ReadSlots(0, wire.Node(h.Nodes)))
	if err != nil {
		return h, err
	}
	slots, err := p.Seals.Slots(h, data)
	if err != nil {
		return h, fmt.Errorf("disk %s: %w", s.path, err)
	}
	for i, sight := range slots {
		if errors.Is(sight.Err, OtherKey) {
			return h, fmt.Errorf("disk %s: what node %d writes is sealed with another key than the file at hand names: the cluster's key is being replaced, or was. "+
				"Take the file that is in force, and end the replacement first", s.path, i+1)
		}
	}
	return h, nil
}
