package cluster

import (
	"fmt"

	"locum/config"
	"locum/wire"
)

// situation is all that decides where one service should be.
type situation struct {
	service *config.Service
	intent  ServiceIntent
	able    wire.Nodes // members that may run it: not standing by, not leaving, not barred for it, its watchdog armed
	holders wire.Nodes // members on which it runs or starts
	again   wire.Node  // where an operator has it started again, 0 if nobody has
	moved   wire.Node  // the operator's choice, 0 if there is none or its life is over
	adopt   bool       // this view may start it elsewhere; otherwise only a holder keeps it
}

// placement is where a service should be, 0 nowhere, and why.
type placement struct {
	node wire.Node
	why  string
}

// place says where a service should be. It is a pure function of the situation; orders.go makes it so.
func place(cfg *config.Config, s situation) placement {
	if s.intent.Stopped {
		return placement{0, "stopped by an operator"}
	}
	path := s.path()
	if len(path) == 0 {
		return placement{0, "none of its nodes (" + pathNames(cfg, s.service) + ") can run it now"}
	}
	if !s.adopt {
		return s.stay(cfg, path)
	}
	if s.able.Has(s.moved) {
		return placement{s.moved, "moved there by an operator"}
	}
	held := s.firstHolder(path)
	switch {
	case s.able.Has(s.again):
		return placement{s.again, "it is started again there"}
	case held != 0 && (!s.service.Failback || held == path[0]):
		return placement{held, "it runs there"}
	case held != 0:
		return placement{path[0], fmt.Sprintf("failback=yes, and %s comes first", nodeName(cfg, path[0]))}
	case path[0] == s.service.Nodes[0]:
		return placement{path[0], "the first of its nodes"}
	}
	return placement{path[0], "the first of its nodes that can run it"}
}

// stay keeps the service where it is: a view that waits for a proof serves on, but starts nothing anew.
func (s situation) stay(cfg *config.Config, path []wire.Node) placement {
	if held := s.firstHolder(path); held != 0 {
		return placement{held, "it runs there, and the view waits for a proof"}
	}
	return placement{0, "the view is not quorate"}
}

// path is the failover path without the nodes that cannot run the service now.
func (s situation) path() []wire.Node {
	var path []wire.Node
	for _, n := range s.service.Nodes {
		if s.able.Has(n) {
			path = append(path, n)
		}
	}
	return path
}

// firstHolder is the earliest of the path on which the service runs. Where it runs more than once, after an unsafe split
// has healed, the others are the surplus. The operator's choice comes first among them.
func (s situation) firstHolder(path []wire.Node) wire.Node {
	if s.holders.Has(s.moved) && s.able.Has(s.moved) {
		return s.moved
	}
	for _, n := range path {
		if s.holders.Has(n) {
			return n
		}
	}
	return 0
}

func pathNames(cfg *config.Config, s *config.Service) string {
	return names(cfg, pathSet(s))
}

func pathSet(s *config.Service) wire.Nodes { return wire.SetOf(s.Nodes...) }
