package cluster

import "locum/wire"

// HealthStatus is how a node is by its own word, in a status.
type HealthStatus struct {
	Load            *float64 `json:"load,omitempty"`             // over a minute; nil if not known
	MemoryAvailable *int64   `json:"memory_available,omitempty"` // bytes; nil if not known
	Past            []string `json:"past"`                       // the limits it is past, in words
	Unknown         []string `json:"unknown,omitempty"`          // of the node that is asked: limits that it cannot judge now, and why
}

// healthStatus is what a node says of its health, nil if it says nothing.
func (e *Engine) healthStatus(n wire.Node) *HealthStatus {
	h := e.healthOf(n)
	st := &HealthStatus{Past: append([]string{}, h.Ailing...)}
	if n == e.self {
		st.Unknown = e.unjudged()
	}
	if v := h.Vitals; v.Known {
		load := float64(v.Load) / 100
		st.Load, st.MemoryAvailable = &load, &v.Memory
	}
	if st.Load == nil && len(st.Past)+len(st.Unknown) == 0 {
		return nil
	}
	return st
}

// unjudged lists this node's limits of which nothing is known now.
func (e *Engine) unjudged() (list []string) {
	for i := range e.health.gauges {
		if g := &e.health.gauges[i]; g.seen != 0 && g.side == SideUnknown && e.cfg.Limits[i].About(e.self) {
			list = append(list, e.cfg.Limits[i].Name()+": "+g.reading.Why)
		}
	}
	return list
}
