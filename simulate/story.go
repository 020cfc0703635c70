package simulate

import (
	"fmt"
	"strings"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// Story is what an operator wants to know of his own file: what happens, by whom it is decided and why, when something
// fails at a certain moment.
type Story struct {
	Transcript string
	Outages    []Outage // in order of their beginnings
	Where      []string // where each service runs in the end, in words, in file order
	Failures   []string // a command that was wrong, or something that must never happen
}

// Outage is a time in which a service did not run whole anywhere. Times are since the nodes were booted.
type Outage struct {
	Service  string
	From, To time.Duration // To is 0 if it lasts on
}

// settles is how long a story's cluster has before anything happens to it: nobody asks about its first seconds.
const settles = 10 * time.Second

// Tell plays a file: all nodes boot and settle; then come the commands, each of which may be a "run", and the world goes on
// for the time given.
func Tell(cfg *config.Config, commands []string, length time.Duration) Story {
	var names []string
	for _, n := range cfg.Nodes {
		names = append(names, n.Name)
	}
	s := Script{Config: cfg.Text, Commands: []string{"boot " + strings.Join(names, " "), "run " + settles.String(), "mark"}}
	s.Commands = append(s.Commands, commands...)
	s.Commands = append(s.Commands, "run "+length.String())
	w, transcript, failures := s.play()
	story := Story{Transcript: transcript, Failures: failures}
	if w == nil {
		return story
	}
	story.Outages = w.outages.list
	for i := range w.Config.Services {
		name := w.Config.Services[i].Name
		where := "nowhere" + w.waitsFor(name)
		if owners := w.Owners(name); len(owners) > 0 {
			where = "on " + strings.Join(owners, " and ")
		}
		story.Where = append(story.Where, name+" runs "+where)
	}
	return story
}

// waitsFor is what a service, or the quorum that it needs, waits for, as the nodes show it; "" if they show nothing. What a command would end comes first.
func (w *World) waitsFor(service string) (text string) {
	named := false
	w.each(func(n *node) {
		if !n.powered || n.engine == nil {
			return
		}
		for _, wait := range n.engine.Status(n.now()).Waits {
			switch concerns := wait.What == "service "+service || wait.What == "quorum"; {
			case concerns && wait.Command != "" && !named:
				text, named = ": waits for "+wait.For+"; "+wait.Command, true
			case concerns && text == "":
				text = ": waits for " + wait.For
			}
		}
	})
	return text
}

// String is the transcript without the file, and what came of it.
func (s Story) String() string {
	var b strings.Builder
	_, body, _ := strings.Cut(s.Transcript, "---\n")
	b.WriteString(body)
	b.WriteString("\n")
	for _, o := range s.Outages {
		switch {
		case o.From < settles && o.To != 0 && o.To < settles:
		case o.To == 0:
			fmt.Fprintf(&b, "%s has been down since %s\n", o.Service, o.From.Round(time.Millisecond))
		default:
			fmt.Fprintf(&b, "%s was down for %s, from %s to %s\n", o.Service, (o.To - o.From).Round(time.Millisecond),
				o.From.Round(time.Millisecond), o.To.Round(time.Millisecond))
		}
	}
	for _, line := range s.Where {
		b.WriteString(line + "\n")
	}
	for _, f := range s.Failures {
		b.WriteString("TROUBLE: " + f + "\n")
	}
	return b.String()
}

// outages notes when services run whole nowhere.
type outages struct {
	began wire.Instant
	list  []Outage
	open  map[string]int // index in list of the one that lasts
}

// look is called whenever a resource's state or a node's power has changed.
func (o *outages) look(w *World) {
	for i := range w.Config.Services {
		s := &w.Config.Services[i]
		at, down := o.open[s.Name]
		switch whole := w.runsWhole(s); {
		case whole && down:
			o.list[at].To = time.Duration(w.now - o.began)
			delete(o.open, s.Name)
		case !whole && !down:
			o.open[s.Name] = len(o.list)
			o.list = append(o.list, Outage{Service: s.Name, From: time.Duration(w.now - o.began)})
		}
	}
}

func (w *World) runsWhole(s *config.Service) bool {
	found := false
	w.each(func(n *node) {
		if !n.powered || found {
			return
		}
		found = true
		for i := range s.Resources {
			found = found && n.state(cluster.ResourceID{Service: s.Name, Index: i}) == wire.StateRunning
		}
	})
	return found
}
