package daemon

import (
	"errors"
	"os"
	"strings"
	"sync"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"locum/cluster"
	"locum/heartbeat"
	"locum/wire"
)

// carryOut does one thing that the core wants.
func (h *heart) carryOut(o heartbeat.Output) {
	switch o := o.(type) {
	case heartbeat.Transmit:
		h.paths[o.Path].said(h, h.paths[o.Path].Send(o.To, o.Frame))
		h.sayReady()
	case heartbeat.ToEngine:
		if fieldsSet(o.ToEngine) == 0 {
			return // the paths of a node that has none
		}
		h.remember(o.ToEngine)
		h.engine.send(h, record{ToEngine: &o.ToEngine})
	case heartbeat.WakeAt:
		h.wakeAt = o.At
		if len(h.paths) == 0 {
			h.sayReady()
		}
	case heartbeat.Persist:
		if err := h.run.save(o.State); err != nil {
			h.cannotPersist(err, o.Wait)
		}
	case heartbeat.KillEngine:
		h.log("alarm", "the engine is ended: "+o.Why)
		h.engine.drop(h)
	case heartbeat.Reset:
		h.reset(o.Why)
	case heartbeat.Arm:
		h.arm()
	case heartbeat.Pet:
		h.pet(o)
	case heartbeat.Settle:
		h.settle()
	case heartbeat.OnDisk:
		h.disks.Do(o.Action)
	case heartbeat.Restart:
		h.restart(o)
	case heartbeat.Exit:
		h.exit(o)
	case heartbeat.Alarm:
		h.alarm(o)
	}
}

// cannotPersist: what has to wait for the state must not be done, so the process ends and resumes from what is written.
func (h *heart) cannotPersist(err error, wait bool) {
	if wait {
		h.finish(ending{err: err})
		return
	}
	h.once("alarm", err.Error())
}

// reset resets the machine where the file says so; elsewhere self-fencing is best effort, and it is only said.
func (h *heart) reset(why string) {
	if h.cfg.Watchdog.Device == "" {
		h.once("alarm", "this machine should be reset ("+why+"), but the file has no watchdog line")
		return
	}
	h.once("alarm", "this machine is reset: "+why)
	if err := resetMachine(why); err != nil {
		h.once("alarm", "reset: "+err.Error())
	}
}

// restart has the process begin anew; the incarnation it must not go below is stored first.
func (h *heart) restart(o heartbeat.Restart) {
	h.log("warn", "locum begins anew: "+o.Why)
	if o.AtLeast > 1 {
		next, err := h.state.nextIncarnation(o.AtLeast)
		if err != nil {
			h.finish(ending{err: err})
			return
		}
		h.next.life = next
	}
	h.finish(ending{again: true})
}

// exit ends the process. Who left in order has to be admitted anew, as the run state says.
func (h *heart) exit(o heartbeat.Exit) {
	if !o.Clean {
		h.finish(ending{err: errors.New("left, and something may still run here")})
		return
	}
	h.log("info", h.self.Name+" has left in order")
	h.dog.sayNoWayOut(h.log, "this machine is reset")
	h.finish(ending{err: h.dog.release()})
}

// alarm hands what the heart has noticed to the history, or to the log alone while no engine keeps one.
func (h *heart) alarm(o heartbeat.Alarm) {
	e := cluster.History{Kind: "path", Level: "alarm", Text: o.Text}
	if o.Over {
		e.Level = "info"
	}
	if n, ok := h.cfg.NodeByNumber(o.Node); ok {
		e.Node = n.Name
	}
	h.note(e)
}

// note has the history keep something, and the log while there is no engine.
func (h *heart) note(e cluster.History) {
	if !h.engine.send(h, record{Note: &e}) {
		h.log(e.Level, e.Text)
	}
}

// remember keeps what the control socket shows while there is no engine.
func (h *heart) remember(r wire.ToEngine) {
	switch {
	case r.Peer != nil:
		h.peers[r.Peer.Node] = *r.Peer
	case r.Lease != nil:
		h.lease = r.Lease.State
	case r.Welcome != nil:
		h.lease = r.Welcome.Lease.State
	}
}

func (h *heart) once(level, text string) {
	if !h.said[text] {
		h.said[text] = true
		h.log(level, text)
	}
}

// sayReady tells systemd, once, that beats go out.
func (h *heart) sayReady() {
	if !h.ready {
		h.ready = true
		notifySystemd(sd.SdNotifyReady)
	}
}

// notices are on their way to systemd, in order.
var notices = sync.OnceValue(func() chan<- string {
	queue := make(chan string, 64)
	go func() {
		for state := range queue {
			_, _ = sd.SdNotify(false, state)
		}
	}()
	return queue
})

// notifySystemd writes to the socket of sd_notify(3), if there is one, without waiting for it: what systemd is too slow to
// take is lost.
func notifySystemd(state string) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	select {
	case notices() <- state:
	default:
	}
}

// longestTitle is what "systemctl status" still shows well, in bytes.
const longestTitle = 200

// title shows a line in "systemctl status".
func (h *heart) title(text string) {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longestTitle {
		text = strings.ToValidUTF8(text[:longestTitle], "") + "…"
	}
	notifySystemd("STATUS=" + text)
}
