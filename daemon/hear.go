package daemon

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"locum/cluster"
	"locum/console"
	"locum/heartbeat"
	"locum/wire"
)

// listen reads what the heart says until it has ended.
func (n *engine) listen() error {
	var j joiner
	buf := make([]byte, maxPacket)
	for {
		k, err := n.conn.Read(buf)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), err == nil && k == 0:
			return nil // it has ended, with something of ours unread if reset
		case err != nil:
			return err
		}
		body, whole, err := j.add(buf[:k])
		if err != nil {
			return err
		}
		if !whole {
			continue
		}
		r, err := decodeRecord(body)
		if err != nil {
			return err
		}
		if n.core == nil {
			if n.post(func() { err = n.begin(r) }); err != nil {
				return err
			}
			continue
		}
		n.post(func() { n.fromHeart(r) })
	}
}

func (n *engine) fromHeart(r record) {
	switch {
	case r.ToEngine != nil:
		n.heartSaid(*r.ToEngine)
	case r.Ask != nil:
		n.question(*r.Ask)
	case r.Hangup != nil:
		n.history.unfollow(r.Hangup.ID)
	case r.Note != nil:
		n.tell(*r.Note)
	}
}

// heartSaid steps on a record of the heart's. A message is acknowledged after the step, and also if it cannot be read: its
// sender would repeat it for ever.
func (n *engine) heartSaid(r wire.ToEngine) {
	switch {
	case r.Welcome != nil:
		n.welcome(*r.Welcome)
		return
	case r.Ping != nil:
		n.tellHeart(wire.ToHeart{Pong: r.Ping})
		return
	}
	ev, ok, err := cluster.EventOf(r)
	if err != nil {
		n.tell(cluster.History{Kind: "alarm", Level: "alarm", Text: err.Error()})
	}
	if ok {
		n.step(ev)
	}
	if r.Arrived != nil {
		n.tellHeart(wire.ToHeart{Took: &wire.Took{From: r.Arrived.From, Number: r.Arrived.Number}})
	}
}

func (n *engine) welcome(w wire.Welcome) {
	durable, err := n.store.load()
	if n.broken = err != nil; n.broken {
		n.tell(cluster.History{Kind: "alarm", Level: "alarm", Text: err.Error()})
	}
	n.step(cluster.Started{Welcome: w, Durable: durable})
}

// question answers what a client of the control socket asks.
func (n *engine) question(q question) {
	switch r := q.Request; {
	case r.Verb == "status":
		st := n.core.Status(heartbeat.Now())
		go n.reply(q.ID, console.Reply{Status: &st}, true) // what it points to is not shared with the core
	case r.Verb == "events":
		n.history.replay(q.ID, r.Follow)
	case r.Verb == "command" && r.Command != nil:
		n.step(cluster.Asked{ID: q.ID, Command: *r.Command})
	case r.Verb == "fence-test":
		n.fenceTest(q)
	default:
		n.refuse(q.ID, console.ExitUsage, fmt.Sprintf("no such request: %q", r.Verb))
	}
}

func (n *engine) reply(id uint64, r console.Reply, last bool) {
	n.send(record{Answer: &answer{ID: id, Reply: r, Last: last}})
}

func (n *engine) refuse(id uint64, code int, text string) {
	n.reply(id, console.Reply{Error: &console.Error{Code: code, Text: text}}, true)
}

func (n *engine) tellHeart(r wire.ToHeart) { n.send(record{ToHeart: &r}) }

// send writes records to the heart, in the caller's goroutine: a queue would cost a switch on the way of a takeover. It
// waits only while the heart does not read; an engine without a heart ends by the end of its socket.
func (n *engine) send(records ...record) {
	var packets [][]byte
	for _, r := range records {
		more, err := encodeRecord(r)
		if err != nil {
			n.log("alarm", err.Error())
			continue
		}
		packets = append(packets, more...)
	}
	n.sending.Lock()
	defer n.sending.Unlock()
	for _, p := range packets {
		if _, err := n.conn.Write(p); err != nil {
			return
		}
	}
}
