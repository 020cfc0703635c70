package daemon

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"locum/cluster"
	"locum/quorumdisk"
)

// joinMost bounds one try to have a quorum disk join: some hundred sectors are copied.
const joinMost = time.Minute

// joinDisk has the disk that replaces another join, aside.
func (n *engine) joinDisk(id uint64) {
	ctx, cancel := context.WithTimeout(n.ctx, joinMost)
	n.endJoin = cancel
	go func() {
		defer cancel()
		ev := cluster.DiskJoined{ID: id, OK: true}
		if err := n.join(ctx); err != nil {
			ev.OK, ev.Detail = false, err.Error()
		}
		n.happened(ev)
	}()
}

func (n *engine) cancelJoin() {
	if n.endJoin != nil {
		n.endJoin()
	}
}

func (n *engine) join(ctx context.Context) error {
	keys, err := ReadKeys(n.cfg)
	if err != nil {
		return err
	}
	seals, err := quorumdisk.SealsOf(n.cfg.Cluster, keys...)
	if err != nil {
		return err
	}
	p := quorumdisk.Plan{Cluster: n.cfg.Cluster, Seals: seals, Random: rand.Read, Now: uint64(time.Now().Unix()),
		Say: func(format string, args ...any) { n.log("info", fmt.Sprintf(format, args...)) }}
	for _, d := range n.cfg.Disks {
		p.Paths = append(p.Paths, d.Path)
	}
	return quorumdisk.Join(ctx, p)
}
