package daemon

import (
	"locum/cluster"
	"locum/daemon/health"
)

// sampleHealth has the engine step on what this node's samples say, for as long as it lives.
func (n *engine) sampleHealth() {
	go health.New(n.cfg, n.setup.Self).Run(n.ctx, func(s cluster.Sampled) { n.happened(s) })
}
