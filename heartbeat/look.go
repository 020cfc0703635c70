package heartbeat

import "locum/wire"

// Peers is what this heart knows of the other nodes now, whether or not an engine is there to be told.
func (h *Heart) Peers() []wire.Peer {
	var list []wire.Peer
	for _, p := range h.peers {
		record := p.is
		record.LastHeard = h.lastHeard(p)
		list = append(list, record)
	}
	return list
}

// Lease is the lease as of the newest step.
func (h *Heart) Lease() wire.Lease { return h.lease.Lease }
