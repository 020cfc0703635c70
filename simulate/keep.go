package simulate

import (
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// backup is a copy of a state directory.
type backup struct {
	durable     cluster.Durable
	incarnation wire.Incarnation
}

func (n *node) store(a cluster.Store) {
	if n.readOnly {
		n.later(time.Millisecond, cluster.Stored{ID: a.ID, Detail: "read-only file system"})
		return
	}
	e := n.engine
	write := func() {
		if n.engine == e && n.powered {
			n.durable = a.Durable
			n.step(cluster.Stored{ID: a.ID, OK: true})
		}
	}
	if n.hangs {
		n.waiting = write
		return
	}
	n.w.in(n.stores, write)
}

// wakeState has the disk do what waited for it.
func (n *node) wakeState() {
	if n.hangs = false; n.waiting != nil {
		n.w.in(n.stores, n.waiting)
		n.waiting = nil
	}
}

// adopt has a new file take effect: both processes begin anew with it, and no service is touched.
func (n *node) adopt(text string) {
	cfg, problems := config.Parse("adopted", text)
	if cfg == nil {
		n.w.broken("config: a file with errors takes effect: %v", problems)
		return
	}
	n.unguarded = !n.armed && n.config.Watchdog.Device == ""
	n.config, n.w.Config = cfg, cfg
	n.w.in(time.Millisecond, n.bounceHeart)
}

// backUp keeps a copy of the state directory; restore brings it back.
func (n *node) backUp() { n.backup = &backup{n.durable, n.incarnation} }

func (n *node) restore() {
	if n.backup != nil {
		n.durable, n.incarnation = n.backup.durable, n.backup.incarnation
	}
}
