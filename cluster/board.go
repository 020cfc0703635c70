package cluster

import (
	"slices"
	"time"

	"locum/wire"
)

// Board is what the leader knows of the services and of what is waited for, so that every member can show it.
type Board struct {
	Epoch    wire.Epoch      `json:"epoch"`
	Services []ServiceStatus `json:"services"` // on its way without the nodes on which they are stopped and nothing more is to be said
	Waits    []Wait          `json:"waits"`
	Unable   []Unable        `json:"unable,omitempty"` // members that can start nothing
}

// brief is the board as it is sent: of many services on many nodes, most are stopped on most.
func (b Board) brief() Board {
	b.Services = slices.Clone(b.Services)
	for i := range b.Services {
		s := &b.Services[i]
		s.On = slices.DeleteFunc(slices.Clone(s.On), func(in InstanceStatus) bool { return in == stoppedOn(in.Node) })
	}
	return b
}

// whole is the board as it was before it was brief, for the members of its view in their order.
func (b Board) whole(members []string) Board {
	b.Services = slices.Clone(b.Services)
	for i := range b.Services {
		s := &b.Services[i]
		on := make([]InstanceStatus, 0, len(members))
		for _, name := range members {
			at := slices.IndexFunc(s.On, func(in InstanceStatus) bool { return in.Node == name })
			if at < 0 {
				on = append(on, stoppedOn(name))
			} else {
				on = append(on, s.On[at])
			}
		}
		s.On = on
	}
	return b
}

func stoppedOn(node string) InstanceStatus {
	return InstanceStatus{Node: node, State: PhaseStopped.String()}
}

// boardArrived takes the leader's board.
func (e *Engine) boardArrived(from wire.Node, b Board) {
	if !e.obeyed() || from != e.view.Leader || b.Epoch != e.view.Epoch {
		return
	}
	var members []string
	for n := range e.view.Members.All {
		members = append(members, e.name(n))
	}
	e.board = b.whole(members)
}

// boardLag is by how much a board follows what it shows: several changes make one board, and none of them waits for it.
const boardLag = 30 * time.Millisecond

// showBoard hands the members what the leader would show, soon after that changed.
func (e *Engine) showBoard() {
	if !e.leads() || e.view.Members.Count() < 2 || len(e.lead.places) == 0 {
		return
	}
	b := Board{Epoch: e.view.Epoch, Waits: e.serviceWaits(), Unable: e.unableMembers()}
	for i := range e.cfg.Services {
		b.Services = append(b.Services, e.serviceStatus(i))
	}
	if b.Epoch == e.board.Epoch && slices.Equal(b.Waits, e.board.Waits) && slices.Equal(b.Unable, e.board.Unable) && slices.EqualFunc(b.Services, e.board.Services, ServiceStatus.same) {
		e.lead.boardDue = 0
		return
	}
	switch due := e.lead.boardDue; {
	case due == 0:
		e.lead.boardDue = e.after(boardLag)
		return
	case e.now < due:
		return
	}
	e.board, e.lead.boardDue = b, 0
	brief := b.brief()
	for n := range e.view.Members.Without(e.self).All {
		e.send(n, Message{Board: &brief})
	}
}

func (s ServiceStatus) same(o ServiceStatus) bool {
	return s.Service == o.Service && s.State == o.State && s.Node == o.Node && s.Why == o.Why && s.Stopped == o.Stopped &&
		s.Maintenance == o.Maintenance && slices.Equal(s.On, o.On)
}
