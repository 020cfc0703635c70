package cluster

import "locum/wire"

// A member whose watchdog the file names and nobody could arm votes, leads, and keeps what runs on it, but its heart permits
// no start. It says so, and services go to nodes that can start them. One whose device was not tried yet is no such member: a
// moment later it is armed, and services that went elsewhere for that moment would stay there.

// Unable is a member that can start nothing, and why.
type Unable struct {
	Node wire.Node `json:"node"`
	Why  string    `json:"why"`
}

// goesOn reports whether a member can have a service: it can start it, or has it. What is half up there waits for permits that
// do not come.
func (m *member) goesOn(r ServiceReport) bool { return m.unable == "" || r.Phase == PhaseRunning }

// unableMembers is what the leader's members have said of it.
func (e *Engine) unableMembers() []Unable {
	var list []Unable
	for _, m := range e.lead.members {
		if m.unable != "" {
			list = append(list, Unable{m.node, m.unable})
		}
	}
	return list
}

// unable is why a node can start nothing, as it says itself or as the leader has it; "" if nobody says so.
func (e *Engine) unable(n wire.Node) string {
	list := e.unableMembers()
	switch {
	case n == e.self:
		return e.watchdog.Unarmed
	case !e.leads() && e.board.Epoch == e.view.Epoch:
		list = e.board.Unable
	}
	for _, u := range list {
		if u.Node == n {
			return u.Why
		}
	}
	return ""
}
