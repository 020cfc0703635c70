package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// checks is what the checkers remember. They look after every step for what must never happen (section 14 of the design)
// and are never switched off because faults are on. Each names itself in the first word of what it says.
type checks struct {
	changed bool // a resource's state, since the last look
	calm    bool // nothing has been wrong for long: nobody has a reason to shoot
	byHand  bool // an operator had a node fenced
	views   map[wire.Epoch]wire.ViewForHeart
	forces  map[wire.Node]wire.ViewForHeart // the view in force at each heart
	fencedB map[wire.Node]int               // the boot in which a node was fenced
	fencer  map[wire.Node]wire.Node         // and by whom
	said    map[string]word
	applies map[uint64]bool         // commands that bring a new file
	opened  []wire.Instant          // when each instance of the disks' tie-break was opened on a majority of them
	file    wire.Revision           // of the newest file that an operator was told is in force
	startOn map[string]wire.Node    // where each service was started last
	ended   map[string]wire.Instant // when a service ended by itself, or with its node: nobody knows that at once
}

// word is the newest thing that operators said about one matter.
type word struct {
	ask   uint64
	want  bool
	held  bool            // acknowledged
	open  map[uint64]bool // asked and not answered
	mixed bool            // said while another was open: which of them came last is not known; or an operator has gone on without it
}

func newChecks() checks {
	return checks{views: map[wire.Epoch]wire.ViewForHeart{}, forces: map[wire.Node]wire.ViewForHeart{}, fencedB: map[wire.Node]int{}, fencer: map[wire.Node]wire.Node{},
		said: map[string]word{}, applies: map[uint64]bool{}, startOn: map[string]wire.Node{}, ended: map[string]wire.Instant{}}
}

func (w *World) check() {
	if w.checks.changed {
		w.checks.changed = false
		w.checkOwners()
		w.checkApart()
		w.checkRoom()
		w.outages.look(w)
	}
}

// checkOwners: a service runs on more nodes than it has instances.
func (w *World) checkOwners() {
	for i := range w.Config.Services {
		s := &w.Config.Services[i]
		if w.mayDouble(s.Name) {
			continue
		}
		for r := range s.Resources {
			var owners wire.Nodes
			w.each(func(n *node) {
				if n.powered && n.state(cluster.ResourceID{Service: s.Name, Index: r}) == wire.StateRunning {
					owners = owners.With(n.cfg.Number)
				}
			})
			if owners.Count() > 1 {
				w.broken("owners: %s/%d runs on %v", s.Name, r, owners)
			}
		}
	}
}

// checkApart: two services run on one node that the file wants apart.
func (w *World) checkApart() {
	for i := range w.Config.Services {
		s := &w.Config.Services[i]
		for _, k := range s.Apart {
			o := &w.Config.Services[k]
			w.each(func(n *node) {
				if k > i && n.powered && n.runsAny(s.Name) && n.runsAny(o.Name) {
					w.broken("apart: %s and %s run on %s", s.Name, o.Name, n.cfg.Name)
				}
			})
		}
	}
}

// checkRoom: more runs on a node than it can carry.
func (w *World) checkRoom() {
	w.each(func(n *node) {
		for _, have := range n.cfg.Capacity {
			left := have.Amount
			for i := range w.Config.Services {
				if s := &w.Config.Services[i]; n.powered && n.runsAny(s.Name) {
					weight, _ := config.AmountOf(s.Weight, have.Unit)
					left -= weight
				}
			}
			if left < 0 {
				w.broken("room: more %s is taken on %s than it has", have.Unit, n.cfg.Name)
			}
		}
	})
}

// startsAfter: a service comes to a node before what it starts after runs. In place it may be started again because it failed.
func (c *checks) startsAfter(n *node, service string) {
	delete(c.ended, service)
	was := c.startOn[service]
	if c.startOn[service] = n.cfg.Number; was == n.cfg.Number {
		return
	}
	all := n.config.Services
	at := slices.IndexFunc(all, func(s config.Service) bool { return s.Name == service })
	if at < 0 {
		return
	}
	for _, k := range all[at].After {
		runs := 0
		for i := range all {
			if all[i].Group == all[k].Group && (len(n.w.Owners(all[i].Name)) > 0 || c.endedLately(n, all[i].Name)) {
				runs++
			}
		}
		if runs < all[k].Least {
			n.w.broken("after: %s is started on %s while %s does not run", service, n.cfg.Name, all[k].Group)
		}
	}
}

// ends notes what ends without an order.
func (c *checks) ends(n *node, service string) {
	if n.runsAny(service) {
		c.ended[service] = n.w.now
	}
}

// endedLately reports whether a service has ended without an order since less than a lease, and was started nowhere since.
func (c *checks) endedLately(n *node, service string) bool {
	at, ended := c.ended[service]
	return ended && time.Duration(n.w.now-at) < n.clock.lasts(n.config.Lease)
}

// mayDouble reports whether the file itself gives up the one owner of a service.
func (w *World) mayDouble(service string) bool {
	for _, s := range w.Config.Services {
		if s.Name == service && s.Stateless {
			for _, t := range w.Config.Tiebreaks {
				if t.Type == "unsafe" {
					return true
				}
			}
		}
	}
	return false
}

// starts: a service is started while it runs, or is being started, elsewhere: whatever the start rested on was no proof.
func (c *checks) starts(n *node, id cluster.ResourceID) {
	if id.Index == 0 {
		c.startsAfter(n, id.Service)
	}
	if n.w.mayDouble(id.Service) {
		return
	}
	n.w.each(func(m *node) {
		if m != n && m.powered && (m.runsAny(id.Service) || m.starting(id.Service)) {
			n.w.broken("proof: %s is started on %s while it may run on %s", id.Service, n.cfg.Name, m.cfg.Name)
		}
	})
}

// saw: two quorate views of one epoch with different members; a view in force that is older than the one before.
func (c *checks) saw(n *node, a cluster.Action) {
	set, ok := a.(cluster.SetView)
	if !ok {
		return
	}
	v := set.View
	if !v.Quorate {
		return
	}
	old, seen := c.views[v.Epoch]
	if seen && (old.Members != v.Members || !slices.Equal(old.Blob, v.Blob)) {
		n.w.broken("views: view %d has the members %v and %v", v.Epoch, old.Members, v.Members)
	}
	c.views[v.Epoch] = v
}

// inForce notes that a node's heart has a view: what its engine has said is on its way until then.
func (c *checks) inForce(n *node, v wire.ViewForHeart) {
	if v.Epoch > c.forces[n.cfg.Number].Epoch {
		clear(n.truth.echoed[:])
		c.forces[n.cfg.Number] = v
	}
}

// fenced: a healthy node is fenced though nothing was wrong; in a two-node split, both are fenced.
func (c *checks) fenced(w *World, by, target *node) {
	if c.byHand {
		return
	}
	if c.calm && target.powered {
		w.broken("needless: %s is fenced by %s though nothing is wrong", target.cfg.Name, by.cfg.Name)
	}
	slow := w.switches[by.cfg.Number].Mode == "slow" || w.switches[target.cfg.Number].Mode == "slow"
	each := len(w.Config.Nodes) == 2 || c.fencer[by.cfg.Number] == target.cfg.Number
	if target.powered && !by.powered && c.fencedB[by.cfg.Number] == by.boots && each && !slow {
		w.broken("both: %s and %s are fenced in one split", by.cfg.Name, target.cfg.Name)
	}
	if target.powered {
		c.fencedB[target.cfg.Number], c.fencer[target.cfg.Number] = target.boots, by.cfg.Number
	}
}

func (c *checks) booted(n *node) {
	delete(c.forces, n.cfg.Number)
	n.truth = truth{}
	n.reached = n.w.now
	n.watchSilence()
}

// noteLease: a node runs services after its lease is over and its watchdog had the time to bite.
func (n *node) noteLease(r wire.ToEngine) {
	switch {
	case r.Welcome != nil:
		n.lease = r.Welcome.Lease
	case r.Lease != nil:
		n.lease = *r.Lease
	default:
		return
	}
	if n.lease.State != wire.LeaseOver || !n.fencesItself() {
		return
	}
	boots, most := n.boots, n.longestBite()+time.Second
	n.w.in(most, func() {
		if n.powered && n.boots == boots && n.lease.State == wire.LeaseOver && n.fencesItself() && n.runsAnything() {
			n.w.broken("lease: %s runs services %s after its lease was over", n.cfg.Name, most)
		}
	})
}

// looksEvery is the pace of watchSilence.
const looksEvery = time.Second

// watchSilence: a node that nobody has spoken to for longer than its lease and its watchdog's time runs services, though
// its view needs others. This one trusts nothing that the node itself says about its lease.
func (n *node) watchSilence() {
	boots := n.boots
	n.w.in(looksEvery, func() {
		if n.boots != boots || !n.powered {
			return
		}
		n.watchSilence()
		v := n.w.checks.forces[n.cfg.Number]
		most := n.clock.lasts(n.config.Lease) + n.longestBite() + looksEvery
		alone := v.Members.Count() < 2 || v.Quorate && votesIn(v, n.cfg.Number) >= v.Needed
		if n.fencesItself() && !v.Exempt && !alone && time.Duration(n.w.now-n.reached) > most && n.runsAnything() {
			n.w.broken("lease: %s runs services though it heard nobody for more than %s", n.cfg.Name, most)
		}
	})
}

// fencesItself reports whether the node's machine is reset when it must not go on.
func (n *node) fencesItself() bool { return n.armed || n.config.Watchdog.Device != "" && !n.unguarded }

// longestBite is the longest that its watchdog can take.
func (n *node) longestBite() time.Duration { return max(n.bites, n.config.Watchdog.Timeout) }

func (n *node) runsAnything() bool {
	for _, s := range n.states {
		if s == wire.StateRunning {
			return true
		}
	}
	return false
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

// overrides: an operator who vouches for an absent node has been told that this one may have missed words, and goes on without them.
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
