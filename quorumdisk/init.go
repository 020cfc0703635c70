package quorumdisk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"locum/wire"
)

// Plan is what "locum disk init" is to do.
type Plan struct {
	Paths   []string // one or three
	Cluster string
	Seals   Seals
	Nodes   Geometry
	Force   bool // overwrite what lies there; never what is in use
	// Say tells the operator what is done.
	Say func(format string, args ...any)
	// Random fills with chance; Now is in Unix seconds, for people.
	Random func([]byte) (int, error)
	Now    uint64
	// Watch is for how long a disk of locum's is looked at, whether a node still writes there.
	Watch time.Duration
	// ours is the set to which Repair adds: its nodes may write to the disk that is to be made anew.
	ours wire.ID
}

// RoomFor gives the geometry for nodes up to a number: some are left for later.
func RoomFor(highest wire.Node) Geometry {
	return Geometry(min((max(int(highest), 1)+7)/8*8, wire.MaxNodes))
}

// Init makes disks of a cluster, all of them at once: they become a set. Nothing is written before every one of them has
// been looked at.
func Init(ctx context.Context, p Plan) error {
	if n := len(p.Paths); n != 1 && n != MaxDisks {
		return fmt.Errorf("%d disks; there may be one, or three: the majority of two is both", n)
	}
	if err := different(p.Paths); err != nil {
		return err
	}
	devices, err := p.allReady(ctx)
	if err != nil {
		return err
	}
	defer closeAll(devices)
	h := Header{Cluster: p.Cluster, Nodes: p.Nodes, Generation: 1, MadeAt: p.Now, Disks: make([]DiskID, len(devices))}
	if err := p.draw(&h.Set); err != nil {
		return err
	}
	for i := range h.Disks {
		if err := p.draw(&h.Disks[i]); err != nil {
			return err
		}
	}
	for i, d := range devices {
		h.ID = h.Disks[i]
		if err := p.write(d, h); err != nil {
			return err
		}
		p.Say("%s is disk %d of %d of cluster %s, with room for %d nodes", d.path, i+1, len(devices), h.Cluster, h.Nodes)
	}
	return nil
}

// allReady opens all disks, or none: files that were made for it are gone again then.
func (p Plan) allReady(ctx context.Context) (devices []*Device, err error) {
	var made []string
	for _, path := range p.Paths {
		d, isNew, err := p.ready(ctx, path)
		if isNew {
			made = append(made, path)
		}
		if d != nil {
			devices = append(devices, d)
		}
		if err != nil {
			closeAll(devices)
			for _, path := range made {
				_ = os.Remove(path)
			}
			return nil, err
		}
	}
	return devices, nil
}

func closeAll(devices []*Device) {
	for _, d := range devices {
		d.Close()
	}
}

// different refuses two paths to one disk. Two files on one disk are for the operator to avoid.
func different(paths []string) error {
	var seen []fs.FileInfo
	for i, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			info = nil // it does not exist yet
		}
		for j, other := range seen {
			if before, _ := filepath.Abs(paths[j]); path == before || info != nil && other != nil && sameDisk(info, other) {
				return fmt.Errorf("%s and %s are the same disk", paths[j], paths[i])
			}
		}
		seen = append(seen, info)
	}
	return nil
}

// ready opens a disk that may be overwritten, and makes a file that is not there.
func (p Plan) ready(ctx context.Context, path string) (d *Device, made bool, err error) {
	if made, err = p.makeFile(path); err != nil {
		return nil, false, err
	}
	if d, err = OpenDevice(path, ToErase); err != nil {
		return nil, made, withUser(path, err)
	}
	if err = loopInUse(path); err != nil {
		return d, made, err
	}
	if d.size < p.Nodes.Size() {
		return d, made, fmt.Errorf("disk %s has %d bytes; %d nodes need %d (%d KiB)", path, d.size, p.Nodes, p.Nodes.Size(), p.Nodes.Size()>>10)
	}
	return d, made, p.mayOverwrite(ctx, d)
}

// makeFile makes a file of zeros, all of them written, so that no later write has to look for room.
func (p Plan) makeFile(path string) (made bool, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && (!info.Mode().IsRegular() || info.Size() > 0):
		return false, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("disk %w", err)
	case strings.HasPrefix(path, "/dev/") && err != nil:
		return false, nil // a device that is missing is not to become a file; opening says so
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return false, fmt.Errorf("disk %w", err)
	}
	_, err = f.Write(make([]byte, p.Nodes.Size()))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path)
		return false, fmt.Errorf("disk %w", err)
	}
	return true, nil
}

// mayOverwrite looks at what lies on the disk.
func (p Plan) mayOverwrite(ctx context.Context, d *Device) error {
	found, err := d.Contents()
	if err != nil || len(found) == 0 {
		return err
	}
	what := strings.Join(found, ", ")
	if strings.HasPrefix(what, "a locum") {
		if what, err = p.ofLocum(ctx, d); err != nil {
			return err
		}
	}
	if !p.Force {
		return fmt.Errorf("disk %s holds %s; nothing was written. If that may be lost for ever, say --force", d.path, what)
	}
	p.Say("%s: overwriting %s", d.path, what)
	return nil
}

// saidFrom is how long an operator waits without being told for what.
const saidFrom = 5 * time.Second

// ofLocum says whose disk it is, and refuses one to which a node still writes.
func (p Plan) ofLocum(ctx context.Context, d *Device) (string, error) {
	head := aligned(SectorSize)
	if err := d.Read(head, HeaderPlace); err != nil {
		return "", err
	}
	what := "a locum quorum disk"
	switch h, err := p.Seals.OpenHeader(head); {
	case err != nil:
		what += fmt.Sprintf(" (%v)", err)
	case h.Set == p.ours:
		return what + " of this very set", nil
	default:
		what += fmt.Sprintf(" of cluster %s, made %s", h.Cluster, when(h.MadeAt))
	}
	if p.Watch > saidFrom {
		p.Say("%s: looking for %s whether a node writes to it", d.path, p.Watch)
	}
	moved, err := d.moving(ctx, p.Watch)
	if err == nil && moved != 0 {
		err = fmt.Errorf("disk %s is in use: node %d writes to it; stop locum there first (--force does not help)", d.path, moved)
	}
	return what, err
}

// moving tells which node's slot changes while one looks, whatever key it is sealed with; 0 none.
func (d *Device) moving(ctx context.Context, watch time.Duration) (wire.Node, error) {
	size := int(min(wire.MaxNodes, d.size/SectorSize-1)) * SectorSize
	before, after := aligned(size), aligned(size)
	if err := d.Read(before, 1); err != nil {
		return 0, err
	}
	select {
	case <-time.After(watch):
	case <-ctx.Done():
		return 0, fmt.Errorf("disk %s: %w; nothing was written", d.path, ctx.Err())
	}
	if err := d.Read(after, 1); err != nil {
		return 0, err
	}
	for at := 0; at < size; at += SectorSize {
		if !bytes.Equal(before[at:at+blockSize], after[at:at+blockSize]) {
			return wire.Node(at/SectorSize + 1), nil
		}
	}
	return 0, nil
}

func (p Plan) draw(id *wire.ID) error {
	_, err := p.Random(id[:])
	return err
}

// run is how many sectors are written at once.
const run = 64

// write makes one disk: first it says nothing, then everything behind the header is written and read again, and at the end
// the header says that it is a disk.
func (p Plan) write(d *Device, h Header) error {
	if err := d.Write(aligned(SectorSize), HeaderPlace); err != nil {
		return err
	}
	for at := Place(1); at < h.Nodes.Sectors(); at += run {
		n := min(run, h.Nodes.Sectors()-at)
		b := aligned(int(n) * SectorSize)
		for i := range n {
			copy(b[int(i)*SectorSize:], p.Seals.empty(h, at+i))
		}
		if err := d.keep(b, at); err != nil {
			return err
		}
	}
	b := aligned(SectorSize)
	copy(b, p.Seals.empty(h, HeaderPlace))
	return d.keep(b, HeaderPlace)
}

// keep writes, and sees that the disk has kept it.
func (d *Device) keep(b []byte, at Place) error {
	if err := d.Write(b, at); err != nil {
		return err
	}
	again := aligned(len(b))
	if err := d.Read(again, at); err != nil {
		return err
	}
	if !bytes.Equal(b, again) {
		return fmt.Errorf("disk %s: what was written at byte %d is not what is read there: this storage cannot be used", d.path, at.Offset())
	}
	return nil
}

// when is a moment as people read it.
func when(unix uint64) string {
	return time.Unix(int64(unix), 0).UTC().Format("2006-01-02 15:04:05 UTC")
}
