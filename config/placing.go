package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Window is a part of the day in which something is allowed, in minutes after midnight of the leader's local time. The zero Window is
// none; one whose To is not above its From goes over midnight.
type Window struct{ From, To int }

// Open tells whether a minute of the day lies in the window.
func (w Window) Open(minute int) bool {
	switch {
	case w == Window{} || minute < 0:
		return false
	case w.From < w.To:
		return w.From <= minute && minute < w.To
	}
	return minute >= w.From || minute < w.To
}

// String is the window as it is written in the file; "" for none.
func (w Window) String() string {
	if w == (Window{}) {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", w.From/60, w.From%60, w.To/60, w.To%60)
}

// placingKeys are the keys of a service line that say where it shall run.
var placingKeys = []string{"place", "failback", "priority", "instances", "weight", "after", "with", "apart", "rebalance"}

// mentions are the services that a service line names; they may stand further down.
type mentions struct{ after, with, apart []string }

// placing reads the keys of a service line that say where it shall run.
func (p *parser) placing(l line, s *Service) mentions {
	if v, ok := l.value("place"); ok && v != "order" && v != "spread" {
		p.add(l.number, "place=%s is neither order (the first of its nodes that can) nor spread (the least loaded of them)", v)
	} else {
		s.Spread = v == "spread"
	}
	p.failback(l, s)
	if v, ok := l.value("priority"); ok {
		s.Priority = p.integer(l, "priority", v, 0, 1000)
	}
	if s.Rebalance = p.yes(l, "rebalance"); s.Rebalance && !s.Spread {
		p.add(l.number, "rebalance=yes goes with place=spread: a service that follows the order of its nodes goes back by failback=")
	}
	s.Weight = p.measures(l, "weight")
	p.instances(l, s)
	return mentions{p.list(l, "after"), p.list(l, "with"), p.list(l, "apart")}
}

func (p *parser) list(l line, key string) []string {
	v, ok := l.value(key)
	if !ok {
		return nil
	}
	names := strings.Split(v, ",")
	for i, n := range names {
		if n == "" || slices.Contains(names[:i], n) {
			p.add(l.number, "%s=%s: write each service once, between commas", key, v)
			return nil
		}
	}
	return names
}

// failback reads failback=yes, no, or the part of the day in which a service may go back.
func (p *parser) failback(l line, s *Service) {
	v, ok := l.value("failback")
	if !ok || v == "no" {
		return
	}
	if s.Spread {
		p.add(l.number, "failback=%s goes with place=order: of services that are spread no node is the first; see rebalance=yes", v)
	}
	if v == "yes" {
		s.Failback = true
		return
	}
	from, to, both := strings.Cut(v, "-")
	a, errA := time.Parse("15:04", from)
	b, errB := time.Parse("15:04", to)
	if !both || errA != nil || errB != nil || a.Equal(b) {
		p.add(l.number, "failback=%s: write yes, no, or a part of the day, for example failback=02:00-04:00", v)
		return
	}
	s.FailbackAt = Window{a.Hour()*60 + a.Minute(), b.Hour()*60 + b.Minute()}
}

// instances reads instances=2 and instances=2..4.
func (p *parser) instances(l line, s *Service) {
	s.Least, s.Most = 1, 1
	v, ok := l.value("instances")
	if !ok {
		return
	}
	least, most, span := strings.Cut(v, "..")
	if !span {
		most = least
	}
	var errA, errB error
	s.Least, errA = strconv.Atoi(least)
	s.Most, errB = strconv.Atoi(most)
	switch {
	case errA != nil || errB != nil || s.Least < 1 || s.Most < s.Least:
		p.add(l.number, "instances=%s: write how many at least and at most, for example instances=2..4", v)
		s.Least, s.Most = 1, 1
	case s.Most > len(s.Nodes):
		p.add(l.number, "instances=%s on %d nodes: no two instances run on one node; name more nodes, or write instances=%d..%d",
			v, len(s.Nodes), min(s.Least, len(s.Nodes)), len(s.Nodes))
		s.Least, s.Most = 1, 1
	}
	s.Parallel = true
}
