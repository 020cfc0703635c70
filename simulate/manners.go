package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"locum/cluster"
	"locum/wire"
)

func (w *World) resource(word string) (cluster.ResourceID, error) {
	service, index, ok := strings.Cut(word, "/")
	i, err := strconv.Atoi(index)
	if !ok || err != nil {
		return cluster.ResourceID{}, fmt.Errorf("%q: want SERVICE/INDEX", word)
	}
	known := w.Config.ServicesNamed(service)
	if len(known) != 1 || i < 0 || i >= len(known[0].Resources) {
		return cluster.ResourceID{}, fmt.Errorf("no resource %s: want one service or instance of the file, and the number of its resource, the first being 0", word)
	}
	return cluster.ResourceID{Service: known[0].Name, Index: i}, nil
}

// commandManner: manner NODE SERVICE/INDEX start|stop and one of opManners.
func (w *World) commandManner(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err != nil {
		return err
	}
	m := n.manners[id]
	if opManners[args[3]] == "" {
		return fmt.Errorf("no such manner of an operation: %q", args[3])
	}
	how := strings.TrimPrefix(args[3], "ok")
	switch args[2] {
	case "start":
		m.start = how
	case "stop":
		m.stop = how
	case "probe":
		m.probe = how
	default:
		return fmt.Errorf("want start, stop or probe")
	}
	n.manners[id] = m
	return nil
}

// commandFail: fail NODE SERVICE/INDEX: the running resource fails by itself.
func (w *World) commandFail(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err == nil {
		n.fail(id)
	}
	return err
}

// commandUnsure: unsure NODE SERVICE/INDEX: its agent cannot say any more whether the running resource is well.
func (w *World) commandUnsure(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err == nil && n.watched[id] {
		n.later(time.Millisecond, cluster.Watched{Resource: id, State: wire.StateUnknown, Detail: "no answer"})
	}
	return err
}

// commandConfirm: confirm-if-off NODE OTHER: an operator who has looked says at a node that another is off.
func (w *World) commandConfirm(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	c := cluster.Command{Verb: "confirm", Node: args[1]}
	for _, name := range c.Nodes() {
		if other, err := w.node(name); err != nil || other.powered {
			return err
		}
	}
	return w.ask(n, c)
}

// commandFound: found NODE SERVICE/INDEX: something started the resource behind locum's back.
func (w *World) commandFound(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err == nil {
		n.set(id, wire.StateRunning)
	}
	return err
}

// commandContested: contested NODE SERVICE/INDEX: another host answers for its address, if the node asks just then.
func (w *World) commandContested(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	id, err := w.resource(args[1])
	if err == nil && n.listens[id] {
		n.step(cluster.Contested{Resource: id, By: "00:00:5e:00:53:01"})
	}
	return err
}
