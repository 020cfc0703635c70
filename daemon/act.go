package daemon

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"locum/cluster"
	"locum/console"
	"locum/heartbeat"
	"locum/vip"
	"locum/wire"
)

// step hands one event to the core and dispatches the actions: first what clients wait for, then what other nodes do, then
// what is told.
func (n *engine) step(ev cluster.Event) {
	n.recorder.before()
	n.stepped = heartbeat.Now()
	actions := n.core.Step(n.stepped, ev)
	for _, a := range actions {
		n.actFirst(a)
	}
	n.sendAll(actions)
	for _, a := range actions {
		n.act(a)
	}
	for _, a := range actions {
		if t, ok := a.(cluster.Tell); ok {
			n.tell(t.Event)
			n.entitleSoon()
		}
	}
	n.recorder.after(ev, actions)
	if _, ended := ev.(cluster.OpEnded); ended {
		n.entitleSoon()
		n.soften()
	}
	for after := n.after; len(after) > 0; after = after[1:] {
		n.after = nil
		n.step(after[0])
	}
}

// softenEvery bounds how often the threads' policy is looked after: those that were begun since are ordinary at nice 0.
const softenEvery = 10 * time.Second

func (n *engine) soften() {
	if time.Since(n.softened) < softenEvery {
		return
	}
	n.softened = time.Now()
	go func() {
		if err := softenEngine(); err != nil {
			n.log("warn", "scheduling of the engine's threads: "+err.Error())
		}
	}()
}

// sendAll tells the heart what is for it, in order and at once: a heart that hears one record at a time goes to sleep
// between them.
func (n *engine) sendAll(actions []cluster.Action) {
	var records []record
	for _, a := range actions {
		r, ok, err := cluster.RecordOf(a)
		if err != nil {
			n.tell(cluster.History{Kind: "alarm", Level: "alarm", Text: err.Error()})
		}
		if ok {
			records = append(records, record{ToHeart: &r})
		}
	}
	n.send(records...)
}

// actFirst has the workers and the devices begin.
func (n *engine) actFirst(a cluster.Action) {
	switch a := a.(type) {
	case cluster.RunOp:
		n.workers[a.Resource].run(a)
		if a.Kind == cluster.OpStart {
			n.awake.want(true) // the end of it is SetIdle
		}
	case cluster.Shoot:
		n.fencers[a.Node].shoot(a)
	}
}

// act does what is left.
func (n *engine) act(a cluster.Action) {
	switch a := a.(type) {
	case cluster.SetIdle:
		n.awake.want(!a.Idle)
	case cluster.CancelOp:
		for _, w := range n.workers {
			w.cancel(a.ID)
		}
	case cluster.Prepare:
		if v, ok := n.workers[a.Resource].agent.(*vip.VIP); ok {
			go func() { _ = v.Prepare(n.ctx) }() // what is wrong is a matter of Start's
		}
	case cluster.Watch:
		n.watch(a)
	case cluster.Listen:
		n.listenFor(a)
	case cluster.Announce:
		for _, w := range n.workers {
			if v, ok := w.agent.(*vip.VIP); ok {
				v.Healed()
			}
		}
	case cluster.CancelShot:
		for _, f := range n.fencers {
			f.cancelShot(a.ID)
		}
	case cluster.JoinDisk:
		n.joinDisk(a.ID)
	case cluster.CancelJoin:
		n.cancelJoin()
	case cluster.ReadKeys:
		go n.readKeys(a)
	case cluster.ReadPower:
		n.fencers[a.Node].read(a.ID)
	case cluster.Store:
		n.save(a)
	case cluster.Wake:
		n.wakeAt(a.At)
	case cluster.Answer:
		n.reply(a.ID, console.Reply{Result: &a.Result}, true)
	case cluster.Adopt:
		go n.adopt(a.Text)
	}
}

// wakeAt has a Tick follow at an instant, 0 none. One that was on its way already is one too many and does no harm.
func (n *engine) wakeAt(at wire.Instant) {
	n.timer.Stop()
	if at != 0 {
		n.timer.Reset(max(time.Duration(at-heartbeat.Now()), 0))
	}
}

// save makes the state durable, aside: the core asks for one at a time, and goes on meanwhile. A state directory that is
// known to be broken is answered for at once, so that no vote is cast before the answer.
func (n *engine) save(a cluster.Store) {
	if n.broken {
		ev := n.stored(a)
		n.broken = !ev.OK
		n.after = append(n.after, ev)
		return
	}
	go func() { n.happened(n.stored(a)) }()
}

func (n *engine) stored(a cluster.Store) cluster.Stored {
	err := n.store.save(a.Durable)
	if err == nil && a.Durable.Incarnation != 0 {
		err = n.force(n.cfg.Text)
	}
	if err != nil {
		return cluster.Stored{ID: a.ID, Detail: err.Error()}
	}
	return cluster.Stored{ID: a.ID, OK: true}
}

// force keeps the file under which this node is a member: what it goes on by, whatever is edited meanwhile. Once a new file is
// in force, the one that this process goes by is not brought back: it ends soon.
func (n *engine) force(text string) error {
	n.forcing.Lock()
	defer n.forcing.Unlock()
	if n.replaced && text == n.cfg.Text {
		return nil
	}
	err := n.write(text)
	n.replaced = n.replaced || err == nil && text != n.cfg.Text
	return err
}

func (n *engine) write(text string) error {
	path := filepath.Join(n.setup.StateDir, forceFile)
	if now, err := readBounded(path, maxConfig); err == nil && string(now) == text {
		return nil
	}
	if err := keepOld(path, path+".old"); err != nil {
		return err
	}
	return replaceFile(path, []byte(text), 0o600)
}

// adoptAgain is the pause before a new file that could not be written is tried again.
const adoptAgain = 5 * time.Second

// adopt has a new file take effect: once it is durable here both processes begin anew with it. The file in its usual
// place is brought in line as well, and what it held before is kept beside it.
func (n *engine) adopt(text string) {
	for said := false; ; said = true {
		err := keysReadable(text)
		if err == nil {
			err = n.force(text)
		}
		if err == nil {
			break
		}
		if !said {
			n.tell(cluster.History{Kind: "config", Level: "alarm", Text: "the new file is not in force here yet: " + err.Error()})
		}
		select {
		case <-time.After(adoptAgain):
		case <-n.ctx.Done():
			return
		}
	}
	file := n.setup.ConfigFile
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real // a link stays one
	}
	err := keepOld(file, file+".old")
	if err == nil {
		err = replaceFile(file, []byte(text), modeOf(file, 0o644))
	}
	if err != nil {
		n.tell(cluster.History{Kind: "config", Level: "warn",
			Text: "the new file is in force here, but " + file + " still holds the old one: " + err.Error()})
	}
	n.send(record{Reexec: &reexec{Why: "a new file takes effect"}})
}

// entitleAfter is how long the title may be behind: nothing waits for it.
const entitleAfter = 50 * time.Millisecond

func (n *engine) entitleSoon() {
	if !n.titling {
		n.titling = true
		time.AfterFunc(entitleAfter, func() { n.post(n.entitle) })
	}
}

// entitle makes the line that "systemctl status" shows.
func (n *engine) entitle() {
	n.titling = false
	st := n.core.Status(heartbeat.Now())
	text := titleOf(st)
	if text != n.title {
		n.title = text
		n.tellHeart(wire.ToHeart{Title: text})
	}
}

func titleOf(st cluster.Status) string {
	parts := []string{"not quorate (" + st.QuorumWhy + ")"}
	if st.Quorate {
		parts[0] = "quorate (" + st.QuorumWhy + "), led by " + st.Leader
	}
	for _, s := range st.Services {
		where := ""
		if s.Node != "" {
			where = " on " + s.Node
		}
		parts = append(parts, s.Service+" "+s.State+where)
	}
	if len(st.Waits) > 0 {
		parts = append(parts, fmt.Sprintf("%d things wait: locum status", len(st.Waits)))
	}
	return strings.Join(parts, "; ")
}
