package heartbeat

import (
	"fmt"
	"time"

	"locum/wire"
)

// twinEvery is how often it is said that another machine uses this node's number.
const twinEvery = wire.Instant(time.Minute)

// greetMost is how many peers that did not answer before are greeted with one beat. What a node does because others are dead
// does not grow with how many are; one that comes back greets by itself at once.
const greetMost = 8

// greetAll sends the Hellos that leave with a beat.
func (h *Heart) greetAll() {
	left, first := greetMost, h.beats.greet
	for k := range h.peers {
		i := (first + k) % len(h.peers)
		p := h.peers[i]
		again := p.greeted != 0 && p.admitted == 0 && !p.asked && !h.shake.Due(h.now, p.is.Node)
		switch {
		case !again:
			h.greet(p)
		case left > 0:
			left--
			h.greet(p)
		case left == 0:
			left--
			h.beats.greet = i
		}
	}
}

// greet sends a Hello to a peer that is not admitted, or that waits for an answer.
func (h *Heart) greet(p *peer) {
	ask := p.admitted == 0 || h.notTakenBy(p)
	p.asked = false
	h.touched(p)
	if !ask && !h.shake.Due(h.now, p.is.Node) {
		return
	}
	hello := h.shake.Hello(h.now, p.is.Node, ask)
	start := len(h.arena)
	frame, err := h.sealer.Hello(h.arena, &hello)
	if err != nil {
		h.cannotSeal(err)
		return
	}
	h.arena = frame
	p.greeted = h.now
	h.transmit(p, frame[start:])
}

// notTakenBy reports whether a peer still asks who this is though it has had time to know. It may remember a newer life of
// this node, and says so only in answer to a challenge.
func (h *Heart) notTakenBy(p *peer) bool {
	return p.asked && h.silence(p.admitted) >= h.dead
}

// helloArrived admits the life that proves to be there, and answers.
func (h *Heart) helloArrived(p *peer, f *wire.Frame) {
	g := h.shake.Heard(h.now, f)
	if g.Fresh {
		h.greeted(p, f, g)
	}
	p.asked = p.asked || f.Hello.Challenge != wire.Challenge{}
	h.answerIfAsked(p)
}

// answerIfAsked answers at once, but seldom enough that recordings do not make this node chatter.
func (h *Heart) answerIfAsked(p *peer) {
	if p.asked && h.now >= h.answerAt(p) {
		h.greet(p)
	}
}

// answerAt is when a peer that asked may be answered, 0 if none did.
func (h *Heart) answerAt(p *peer) wire.Instant {
	if !p.asked {
		return 0
	}
	return max(p.greeted+h.every/extraShare, 1)
}

// greeted takes a Hello that answered a challenge: its sender is there.
func (h *Heart) greeted(p *peer, f *wire.Frame, g wire.Greeting) {
	if g.AtLeast > h.incarnation {
		h.persist(true)
		h.do(Restart{AtLeast: g.AtLeast, Why: fmt.Sprintf(
			"%s remembers incarnation %d of this node, this is %d: the state directory was lost or brought back from an older time",
			p.name, g.AtLeast-1, h.incarnation)})
	}
	now := life{f.Incarnation, f.Hello.Boot, f.Hello.Machine}
	// A node that is heard goes on being who it is. Only once it was silent for dead may another machine, or the next
	// boot of the same one, take its place (SAFETY 7).
	if p.alive() && now.machine != p.life.machine {
		h.alarmStranger(p, now)
		return
	}
	if p.alive() && now.boot != p.life.boot {
		h.alarmClone(p, now)
		return
	}
	if f.Standing == wire.StandingOlder {
		return
	}
	if p.life.incarnation != 0 && now.machine != p.life.machine {
		h.do(Alarm{Node: p.is.Node, Text: fmt.Sprintf("%s is another machine than before: it was replaced, or its state directory was lost", p.name)})
	}
	h.admit(p, f, now)
}

func (h *Heart) admit(p *peer, f *wire.Frame, now life) {
	if err := h.opener.Admit(f); err != nil {
		return // an older life, which wire counts
	}
	if now.incarnation != p.life.incarnation {
		p.counter, p.echoed, p.echo, p.fresh = 0, 0, wire.Echo{}, false
		h.grants.echoed = 0
		for i := range p.carriers {
			p.carriers[i].counted, p.carriers[i].apart = false, apart{}
		}
	}
	p.life, p.admitted = now, h.now
	h.beats.urgent = true // it has admitted this node too, or is about to: what it waits for is a beat
}

// alarmStranger says once for each life that a second machine bears the number of a peer that is heard.
func (h *Heart) alarmStranger(p *peer, l life) {
	if p.stranger == l.incarnation {
		return
	}
	p.stranger = l.incarnation
	h.do(Alarm{Node: p.is.Node, Text: fmt.Sprintf(
		"two machines were started with number %d (%s): machine %s is heard, machine %s is kept out; stop locum on one of them",
		p.is.Node, p.name, p.life.machine, l.machine)})
}

// alarmClone says it of a second machine that has the first one's state directory too. A machine that was booted anew in less than dead looks
// the same, until its former boot was silent for that long.
func (h *Heart) alarmClone(p *peer, l life) {
	if c := &p.clone; c.life.boot != l.boot {
		c.life, c.since = l, h.now
	}
	if h.silence(p.clone.since) < h.dead || p.stranger == l.incarnation {
		return
	}
	p.stranger = l.incarnation
	h.do(Alarm{Node: p.is.Node, Text: fmt.Sprintf(
		"two machines were started with number %d (%s) and one state directory: one was cloned; boot %s is heard, boot %s is kept out; stop locum on one of them, "+
			"and give the clone a state directory of its own, and --node or another host name", p.is.Node, p.name, p.life.boot, l.boot)})
}

// alarmTwin says, at most once a minute, that another machine bears this node's own number.
func (h *Heart) alarmTwin() {
	if h.twinSaid != 0 && h.now-h.twinSaid < twinEvery {
		return
	}
	h.twinSaid = h.now
	h.do(Alarm{Node: h.self, Text: fmt.Sprintf(
		"two nodes were started with number %d: machine %s was heard, this is machine %s; correct --node or the host name on one of them",
		h.self, h.frame.Hello.Machine, h.machine)})
}
