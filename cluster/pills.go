package cluster

import (
	"slices"

	"locum/wire"
)

// sendPills tells the heart, whenever that changed, which nodes have to go by the word of a quorum. A node that reads it on the quorum
// disk resets itself, sooner than its lease or its watchdog would; nothing is concluded from its having been written.
func (e *Engine) sendPills() {
	if len(e.cfg.Disks) == 0 {
		return
	}
	if p := e.pillsFor(); p.Epoch != e.pills.Epoch || !slices.Equal(p.Lives, e.pills.Lives) {
		e.pills = p
		e.do(SendPills{p})
	}
}

// pillsFor names the nodes that are silent and not proven clean, each in the newest life that is known of it.
func (e *Engine) pillsFor() (p wire.Pills) {
	if !e.leads() || !e.admitted || e.leaving.asked || !e.view.Verdict.Quorate || e.lease.State != wire.LeaseHeld {
		return p
	}
	for n := range e.lead.needs.All {
		life := e.knownLife(n)
		if _, clean := e.cleanOf(n); !clean && !e.alive(n) && !life.Boot.IsZero() {
			p.Epoch, p.Lives = e.view.Epoch, append(p.Lives, life)
		}
	}
	return p
}
