package simulate

import (
	"bytes"
	"fmt"
	"time"

	"locum/cluster"
	"locum/wire"
)

// What is late although nothing is lost: messages that are long on their way, a state directory on a slow disk.

// late is what one node says to another while it is long on its way. The beats go on, as they do where frames of messages are
// lost and sent again; messages between two nodes come in order, so that behind the first one all the others wait.
type late struct {
	kind    string // of the message that is the first to be late, "any" for the next one
	waiting []lateWord
}

// lateWord is a message that waits for its release, and the engine that it is for: another one is in another session.
type lateWord struct {
	engine *cluster.Engine
	record wire.ToEngine
}

// isLate reports whether a message is kept until it is released.
func (n *node) isLate(r wire.ToEngine) bool {
	l := n.late[r.Arrived.From]
	if l == nil || len(l.waiting) == 0 && l.kind != "any" && !bytes.HasPrefix(r.Arrived.Payload, []byte(`{"`+l.kind+`"`)) {
		return false
	}
	l.waiting = append(l.waiting, lateWord{n.engine, r})
	return true
}

// commandHold: hold FROM TO KIND: what the one node says to the other is late from the next message of the kind on (as Message
// names it: propose, promise, install, orders, …, or any), until release FROM TO.
func (w *World) commandHold(args []string) error {
	from, err := w.node(args[0])
	if err != nil {
		return err
	}
	to, err := w.node(args[1])
	if err != nil {
		return err
	}
	if _, err := cluster.Decode([]byte(`{"` + args[2] + `":{}}`)); args[2] != "any" && err != nil {
		return fmt.Errorf("no such kind of message: %q", args[2])
	}
	to.late[from.cfg.Number] = &late{kind: args[2]}
	return nil
}

func (w *World) commandRelease(args []string) error {
	from, err := w.node(args[0])
	if err != nil {
		return err
	}
	to, err := w.node(args[1])
	if err != nil {
		return err
	}
	l := to.late[from.cfg.Number]
	if l == nil {
		return fmt.Errorf("nothing is held")
	}
	delete(to.late, from.cfg.Number)
	for _, m := range l.waiting {
		if to.engine == m.engine {
			to.engineGets(m.record)
		}
	}
	return nil
}

// storeTakes is how long a write to a state directory takes.
const storeTakes = 5 * time.Millisecond

// commandSlowState: slow-state NODE TIME: each write to its state directory takes so long.
func (w *World) commandSlowState(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	n.stores, err = time.ParseDuration(args[1])
	return err
}
