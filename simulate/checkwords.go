package simulate

import (
	"fmt"
	"strings"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// word is the newest thing that operators said about one matter.
type word struct {
	ask   uint64
	want  bool
	held  bool            // acknowledged
	open  map[uint64]bool // asked and not answered
	mixed bool            // said while another was open: which of them came last is not known; or an operator has gone on without it
}

// asks notes what an operator says; of contradictory words only the newest is looked after.
func (c *checks) asks(id uint64, cmd cluster.Command) {
	about, want := "", true
	switch cmd.Verb {
	case "stop", "start":
		about, want = "stopped "+cmd.Service, cmd.Verb == "stop"
	case "standby", "online":
		about, want = "standby "+cmd.Node, cmd.Verb == "standby"
	case "maintenance":
		about, want = "maintenance "+cmd.Service, cmd.On
	case "fence":
		c.byHand = true
	case "apply":
		c.applies[id] = true
	}
	if about != "" {
		open := c.said[about].open
		if open == nil {
			open = map[uint64]bool{}
		}
		c.said[about] = word{ask: id, want: want, open: open, mixed: len(open) > 0}
		open[id] = true
	}
}

// overrides: an operator who vouches for an absent node, or says something newer, has been told that this one may have missed words, and goes on without them.
func (c *checks) overrides(n *node) {
	in := n.engine.Intents()
	for about, s := range c.said {
		if s.held && holds(n.w, in, about) != s.want {
			s.mixed = true
			c.said[about] = s
		}
	}
	epoch, count := config.Version(n.config.Text)
	if v := (wire.Revision{Epoch: wire.Epoch(epoch), Count: count}); v.Less(c.file) {
		c.file = v
	}
}

func (c *checks) answered(a cluster.Answer) {
	if v := (wire.Revision{Epoch: wire.Epoch(a.Result.Epoch), Count: a.Result.Count}); c.applies[a.ID] && a.Result.Code == 0 && c.file.Less(v) {
		c.file = v
	}
	for about, s := range c.said {
		delete(s.open, a.ID)
		if s.ask == a.ID {
			s.held = a.Result.Code == 0
			c.said[about] = s
		}
	}
}

// lostWords: an operator's acknowledged word is lost. It looks at the nodes that may act. Where the file lets each half go on
// without the other, the words that one of them took are lost when they meet, and that is said (unsafe).
func (w *World) lostWords() error {
	var err error
	for _, t := range w.Config.Tiebreaks {
		if t.Type == "unsafe" {
			return nil
		}
	}
	w.each(func(n *node) {
		if n.engine == nil || !n.powered || !n.engine.Status(n.now()).Quorate {
			return
		}
		epoch, count := config.Version(n.config.Text)
		if v := (wire.Revision{Epoch: wire.Epoch(epoch), Count: count}); v.Less(w.checks.file) {
			err = fmt.Errorf("file %v was acknowledged as in force everywhere, and %s goes by %v", w.checks.file, n.cfg.Name, v)
		}
		in := n.engine.Intents()
		for about, s := range w.checks.said {
			if s.held && !s.mixed && holds(w, in, about) != s.want {
				err = fmt.Errorf("%s was acknowledged as %t and is not so on %s", about, s.want, n.cfg.Name)
			}
		}
	})
	return err
}

// holds reports whether the intents say what an operator said about a matter.
func holds(w *World, in cluster.Intents, about string) bool {
	kind, of, _ := strings.Cut(about, " ")
	if kind == "standby" {
		n, err := w.node(of)
		return err == nil && in.Standby.Has(n.cfg.Number)
	}
	if of == "" {
		return in.Maintenance
	}
	for _, s := range in.Services {
		if s.Service == of {
			return kind == "stopped" && s.Stopped || kind == "maintenance" && s.Maintenance
		}
	}
	return false
}
