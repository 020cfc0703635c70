package heartbeat

import "locum/wire"

// What a heart has heard of the others outlives it, within one boot: of one that is lost since, nobody else may know for how long it may run something without a
// quorum (proof 2), nor that it uses the same quorum disks.

// terms are what is kept of what a node's beats say. Its state is not: the next heart has not heard it.
func terms(p wire.Peer) wire.Peer {
	return wire.Peer{Node: p.Node, Incarnation: p.Incarnation, Boot: p.Boot, Machine: p.Machine,
		ObeysLease: p.ObeysLease, LeaseMS: p.LeaseMS, Armed: p.Armed, WatchdogMS: p.WatchdogMS}
}

// heard is what is kept of all.
func (h *Heart) heard() (list []wire.Peer) {
	for _, p := range h.peers {
		if p.is.Incarnation != 0 {
			list = append(list, terms(p.is))
		}
	}
	return list
}

// remember takes up what the heart before has heard.
func (h *Heart) remember(r RunState) {
	for _, was := range r.Heard {
		if p := h.byNode[min(int(was.Node), wire.MaxNodes)]; p != nil {
			p.is = terms(was)
		}
	}
	if h.disk.used {
		h.disk.desk.Remember(r.Met)
	}
}
