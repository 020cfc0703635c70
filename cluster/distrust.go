package cluster

import (
	"fmt"
	"time"

	"locum/wire"
)

// A power switch may say off while its node lives on: it is wired to another outlet, or says so without switching. Nobody can know that
// when it says so; but the node may be heard later, or its stamp on the quorum disk may go on rising. Then what the switch said is void,
// and nothing that it says counts any more until an operator has tried it at a node that was heard and fell silent by it.

// offWord is what is known of a node's power being said to be off.
type offWord struct {
	said  Clean        // the proof
	since wire.Instant // when it came
	rises int          // how often the node's stamp was seen to rise since then
	moved wire.Instant // when it was seen to rise last
	due   wire.Instant // when it has to be silent at the latest, 0 if nothing is awaited
	tried wire.Life    // doubted, it was tried at this life
	until wire.Instant // when the life has to be silent for that
}

// risesOfTheLiving is how often a stamp has to rise after the power was said to be off: a write was seen late, and one on each disk may
// have been on its way.
const risesOfTheLiving = 3

// settleAfter is how long beats may go on to come from a node whose power is off: what was on its way, and until it is missed.
func (e *Engine) settleAfter() time.Duration { return 2 * e.cfg.Beat.Dead }

// doubtSwitches looks whether nodes live whose power is said to be off.
func (e *Engine) doubtSwitches() {
	for _, c := range e.clean {
		if off := &e.peer(c.Node).off; (c.Proof == ProofPowerOff || c.Proof == ProofOperator) && off.said != c {
			*off = offWord{said: c, since: e.now, moved: e.disk.Slot(c.Node).Moved, tried: off.tried, until: off.until}
		}
	}
	for i := range e.peers {
		if p := &e.peers[i]; p.Node != 0 && p.Node != e.self {
			e.countRises(p)
			e.doubt(p)
			e.trust(p)
		}
	}
}

func (e *Engine) countRises(p *peer) {
	s := e.disk.Slot(p.Node)
	if p.off.said.Node == 0 || s.Moved <= p.off.moved || s.Boot != p.off.said.Life.Boot || s.Boot.IsZero() {
		return
	}
	p.off.moved = s.Moved
	if s.Moved > p.off.since {
		p.off.rises++
	}
}

// doubt makes void what was said of a node that lives in the boot which it is about.
func (e *Engine) doubt(p *peer) {
	p.off.due = 0
	how := ""
	switch said := p.off.said; {
	case said.Node == 0 || e.doubted.Has(p.Node) && said.Proof == ProofPowerOff:
		return
	case p.off.rises >= risesOfTheLiving:
		how = "goes on writing to the quorum disk"
	case !e.alive(p.Node) || e.lifeOf(p.Node).Boot != said.Life.Boot:
		return
	default:
		if p.off.due = max(p.off.since, p.since) + wire.Instant(e.settleAfter()); e.now < p.off.due {
			return
		}
		how = "is still heard"
	}
	said := p.off.said
	p.off = offWord{tried: p.off.tried, until: p.off.until}
	if c, ok := e.cleanOf(p.Node); ok && c == said || p.denied == said {
		e.foundOut(said, how, ok && c == said)
	}
}

// foundOut says that a node lives whose power is off by what was said.
func (e *Engine) foundOut(c Clean, how string, counts bool) {
	if counts {
		e.contradicted(c, how)
	}
	if c.Proof != ProofPowerOff {
		return
	}
	e.doubted, e.again = e.doubted.With(c.Node), true
	e.tell(History{Kind: "alarm", Level: "alarm", Node: e.name(c.Node), Text: e.doubtedSwitch(c.Node)})
}

// doubtedSwitch says what is wrong with a node's switch, and what to do.
func (e *Engine) doubtedSwitch(n wire.Node) string {
	return fmt.Sprintf("the power switch of %s said off while %s lived: it is wired to another outlet, or says off without switching. Nothing that it says counts until it was tried: "+
		"mend it, then locum fence %s --test=power", e.name(n), e.name(n), e.name(n))
}

// tried takes the word of a doubted switch that has said off to an operator's shot, or to one that a failed stop has caused. It counts once the
// node, if it was heard until now, is silent.
func (e *Engine) tried(s *shot) {
	s.finished = true
	text := e.name(s.node) + "'s power switch says off, and is not believed: it said so before while the node lived; if the node is off, say so with locum fence " +
		e.name(s.node) + " --confirm"
	if e.alive(s.node) {
		p := e.peer(s.node)
		p.off.tried, p.off.until = s.life, e.after(e.settleAfter())
		if len(e.cfg.Disks) > 0 {
			p.off.until += wire.Instant(e.cfg.Disks[0].Dead + 2*e.cfg.Disks[0].Every)
		}
		text = e.name(s.node) + "'s power switch says off; that counts once the node is silent, because it said so before while the node lived"
	}
	e.answerShot(s, Result{Text: text})
	e.tell(History{Kind: "fence", Level: "warn", Node: e.name(s.node), Epoch: s.epoch, Text: text})
}

// trust believes a switch again that was tried at a living node, which is silent now.
func (e *Engine) trust(p *peer) {
	life := p.off.tried
	silent := !e.alive(p.Node) && !(e.disk.Good && !e.disk.Slot(p.Node).Still)
	switch {
	case life.Node == 0:
		return
	case silent && e.doubted.Has(p.Node):
		e.doubted, e.again = e.doubted.Without(p.Node), true
		e.tell(History{Kind: "fence", Level: "info", Node: e.name(p.Node), Text: e.name(p.Node) + " fell silent when its power switch said off: the switch is believed again"})
		e.proven(Clean{Node: p.Node, Life: life, Proof: ProofPowerOff, Epoch: e.view.Epoch})
	case e.now < p.off.until && (!e.alive(p.Node) || e.lifeOf(p.Node) == life):
		return
	case e.doubted.Has(p.Node):
		e.tell(History{Kind: "alarm", Level: "alarm", Node: e.name(p.Node), Text: e.doubtedSwitch(p.Node)})
	}
	p.off.tried, p.off.until = wire.Life{}, 0
}
