package cluster

import (
	"fmt"
	"slices"
	"time"

	"locum/config"
	"locum/wire"
)

// A node judges its own health by the limits of the file. A limit is passed once every reading in its time was over it, and clear
// again once every reading in its time was away from it by a tenth: so that what moves about a limit moves no service. What was
// not sampled is no reading: it breaks the run, of either kind. What others do about it: ailing.go.

// health is this node's, and what it knows of the others'.
type health struct {
	gauges []gauge // one for each limit of the file; those about other nodes are unused
	vitals Vitals
	toldAt wire.Instant // when the leader was last told the vitals
	words  []healthWord // of the others, in order of node number
	relay  relay
}

// gauge is what is known of one limit.
type gauge struct {
	reading Reading      // the newest
	seen    wire.Instant // when it came, 0 none came
	side    Side
	since   wire.Instant // from when on every reading was on that side
	past    bool
	why     string // while past: what the reading was when it was passed
	blind   bool   // it was told that there are no readings
	// passed are the last times it was, the newest first, and alarmed is when that was last told as flapping.
	passed  [flapsMost + 1]wire.Instant
	alarmed wire.Instant
}

// A limit that is passed more than flapsMost times within flapsWithin is flapping, which is told no more often than that.
const (
	flapsMost   = 3
	flapsWithin = wire.Instant(time.Hour)
)

// PastLimit is a limit that a node is past, as its state directory keeps it: a locum that is started anew is no cure.
type PastLimit struct {
	Limit string `json:"limit"` // by config.Limit's Name
	Why   string `json:"why"`
}

// sampled takes new readings.
func (e *Engine) sampled(ev Sampled) {
	h := &e.health
	if ev.Load.Known && ev.Memory.Known {
		h.vitals = Vitals{Known: true, Load: ev.Load.Value, Memory: ev.Memory.Value}
	}
	for i := range h.gauges {
		h.gauges[i].take(&e.cfg.Limits[i], ev.limit(i), e.now)
	}
}

// take notes a reading, and whether the run goes on: it is on the same side as the one before, which is not long ago.
func (g *gauge) take(l *config.Limit, r Reading, now wire.Instant) {
	side := sideOf(l, r)
	if side != g.side || !g.fresh(l, now) {
		g.side, g.since = side, now
	}
	g.reading, g.seen = r, now
}

// fresh reports whether the newest reading still says how it is: for half of the limit's time.
func (g *gauge) fresh(l *config.Limit, now wire.Instant) bool {
	return g.seen != 0 && now-g.seen <= wire.Instant(l.For/2)
}

// turnsAt is when the limit will be passed, or clear, or told as one that cannot be judged, if nothing changes until then; 0 if
// nothing would follow.
func (g *gauge) turnsAt(l *config.Limit) wire.Instant {
	if g.seen != 0 && (g.side == SideOver && !g.past || g.side == SideWell && g.past || g.side == SideUnknown && !g.blind) {
		return g.since + wire.Instant(l.For)
	}
	return 0
}

// judgeHealth turns runs that have lasted into what they mean.
func (e *Engine) judgeHealth() {
	for i := range e.health.gauges {
		g, l := &e.health.gauges[i], &e.cfg.Limits[i]
		if !l.About(e.self) {
			continue
		}
		if g.blind && g.side != SideUnknown {
			g.blind = false
			e.tellHealth("warn", "can judge a limit again: "+l.Words(g.reading.Value))
		}
		if at := g.turnsAt(l); at == 0 || e.now < at || !g.fresh(l, e.now) {
			continue
		}
		switch g.side {
		case SideOver:
			e.passLimit(g, l)
		case SideWell:
			g.past, g.why = false, ""
			e.tellHealth("warn", "is within its limit again: "+l.Words(g.reading.Value))
		case SideUnknown:
			g.blind = true
			e.tellHealth("warn", fmt.Sprintf("cannot judge the limit %s: %s", l.Name(), g.reading.Why))
		}
	}
}

func (e *Engine) passLimit(g *gauge, l *config.Limit) {
	g.past, g.why = true, l.Words(g.reading.Value)
	e.tellHealth("warn", "is past a limit: "+g.why)
	copy(g.passed[1:], g.passed[:])
	g.passed[0] = e.now
	first := g.passed[flapsMost]
	if first == 0 || e.now-first >= flapsWithin || g.alarmed != 0 && e.now-g.alarmed < flapsWithin {
		return
	}
	g.alarmed = e.now
	e.tellHealth("alarm", fmt.Sprintf("was past the limit %s for the %dth time within an hour: mend what loads it, or change the limit or its for=, or services go to and fro",
		l.Name(), flapsMost+1))
}

func (e *Engine) tellHealth(level, text string) {
	e.tell(History{Kind: "health", Level: level, Node: e.name(e.self), Text: e.name(e.self) + " " + text})
}

// healthDue is when the next run will have lasted, 0 if there is none.
func (e *Engine) healthDue() (due wire.Instant) {
	for i := range e.health.gauges {
		if at := e.health.gauges[i].turnsAt(&e.cfg.Limits[i]); at > e.now && e.cfg.Limits[i].About(e.self) {
			due = soonest(due, at)
		}
	}
	return due
}

// pastLimits are those that this node is past, for its state directory.
func (e *Engine) pastLimits() (list []PastLimit) {
	for i, g := range e.health.gauges {
		if g.past {
			list = append(list, PastLimit{e.cfg.Limits[i].Name(), g.why})
		}
	}
	return list
}

// restoreHealth goes on with what a former engine of this boot was past.
func (e *Engine) restoreHealth(d Durable) {
	if d.PastBoot != e.welcome.Boot {
		return
	}
	for i := range e.health.gauges {
		l := &e.cfg.Limits[i]
		if at := slices.IndexFunc(d.Past, func(p PastLimit) bool { return p.Limit == l.Name() }); at >= 0 && l.About(e.self) {
			e.health.gauges[i].past, e.health.gauges[i].why = true, d.Past[at].Why
		}
	}
}
