package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"locum/lab"
	"locum/wire"
)

// lost is the first scene in figures.
type lost struct {
	owner  string
	lasted time.Duration // for which only the serial cable carried
	gap    time.Duration // the client's longest
}

// lose cuts the network: with one path left nothing moves.
func (s *stage) lose(ctx context.Context) (l lost, err error) {
	owner, _ := s.holder()
	if owner == nil {
		return l, fmt.Errorf("no node holds %s", vip)
	}
	peer := s.other(owner)
	l.owner = owner.Name
	if err := s.await(ctx, "the serial cable carries both ways", func() bool { return s.carries(ctx, owner, "null") && s.carries(ctx, peer, "null") }); err != nil {
		return l, err
	}
	s.rest(ctx)
	s.title("Scene 1: the network between the nodes is cut")
	s.say("The nodes still hear each other over the serial cable. A lost path is an alarm and no death: nothing moves.\n")
	from := len(s.client.SoFar().Answers)
	cut := lab.Now()
	s.begin(cut)
	if err := s.world.CutBetween(owner.Name, peer.Name); err != nil {
		return l, err
	}
	s.line(cut, "demo", "cuts the network between "+owner.Name+" and "+peer.Name)
	if err := s.await(ctx, "both nodes say that the network is lost", func() bool { return !s.carries(ctx, owner, "lan") && !s.carries(ctx, peer, "lan") }); err != nil {
		return l, err
	}
	// Longer than a death, the delay and a takeover would take together.
	past := cut + wire.Instant(5*time.Second)
	if err := s.await(ctx, "some time has passed", func() bool { return lab.Now() > past }); err != nil {
		return l, err
	}
	if holder, _ := s.holder(); holder != owner || !owner.On() || !peer.On() {
		return l, fmt.Errorf("with the serial cable left something moved: %s is on: %t, %s is on: %t", owner.Name, owner.On(), peer.Name, peer.On())
	}
	if _, dead := s.ear.dead(peer.Name, owner.Name, cut); dead {
		return l, fmt.Errorf("%s took %s for dead, with the serial cable left", peer.Name, owner.Name)
	}
	l.lasted = lab.Between(cut, lab.Now())
	probes := s.client.SoFar()
	probes.Answers = probes.Answers[max(0, from-1):]
	l.gap = probes.LongestGap().Length()
	s.line(lab.Now(), "demo", "sees that they hear each other over the serial cable alone, and mends the network")
	if err := s.world.Heal(); err != nil {
		return l, err
	}
	return l, s.await(ctx, "the network carries again", func() bool { return s.carries(ctx, owner, "lan") && s.carries(ctx, peer, "lan") })
}

// carries asks a node, by its own command, whether a path carries both ways.
func (s *stage) carries(ctx context.Context, n *lab.Node, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	out, err := n.Exec(ctx, "locum", "paths", "--json")
	var reply struct {
		Paths []struct {
			Path      string `json:"path"`
			Up        bool   `json:"up"`
			PeerHears bool   `json:"peer_hears"`
		} `json:"paths"`
	}
	if err != nil || json.Unmarshal(out, &reply) != nil {
		return false
	}
	for _, p := range reply.Paths {
		if p.Path == path {
			return p.Up && p.PeerHears
		}
	}
	return false
}

// pull takes the serial cable out, or puts it in again.
func (s *stage) pull(out bool) {
	for end := range s.cable.Devices {
		s.cable.Cut(end, out)
	}
}

// death is the second scene in figures.
type death struct {
	old, new                               string
	beat, dead, asked, off, held, answered wire.Instant
	outage                                 time.Duration
}

// death kills the node that serves, and follows the service to the other.
func (s *stage) death(ctx context.Context) (d death, err error) {
	victim, _ := s.holder()
	if victim == nil {
		return d, fmt.Errorf("no node holds %s", vip)
	}
	heir := s.other(victim)
	d.old, d.new = victim.Name, heir.Name
	s.rest(ctx)
	s.title("Scene 2: " + d.old + " dies")
	s.say("%s serves. Now its power fails: every process in it is killed and its link goes down. %s must not take over because "+
		"it hears nothing (cut cables sound the same), but only when the power switch has confirmed that %s is off. %s\n",
		d.old, d.new, d.old, s.whoShoots(d.old, d.new))
	killed := lab.Now()
	s.begin(killed)
	if err := victim.Crash(); err != nil {
		return d, err
	}
	s.line(killed, "demo", "kills "+d.old)
	err = s.await(ctx, "the client is answered by "+d.new, func() bool {
		a, ok := s.client.Last()
		return ok && a.Node == d.new
	})
	if err != nil {
		return d, err
	}
	if err := s.oneOwner(); err != nil {
		return d, err
	}
	// The heir's own word may come later than the client's answer; a node that does not say it is shown without.
	word, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, said := s.ear.dead(d.new, d.old, killed); !said && tick(word); _, said = s.ear.dead(d.new, d.old, killed) {
	}
	return s.measure(d, killed)
}

// whoShoots says why the survivor of a death may shoot, and when.
func (s *stage) whoShoots(old, heir string) string {
	if s.disk {
		return "Exactly half of the votes are left, so the quorum disk decides who may shoot. " + old + " carried the service and would have been first to claim it; " +
			heir + " waits for two beats, or until the disk shows that " + old + " has stopped, sees no claim, and wins."
	}
	return "As " + old + " carried the service, it had the right to shoot first, so " + heir + " waits the file's delay=2s before it does."
}

// whoGoesOn says the same of a split.
func (s *stage) whoGoesOn(owner, peer string) string {
	if s.disk {
		return "It claims the quorum disk first and wins; " + peer + " reads there that it has lost, shoots nobody, and is switched off."
	}
	return "It shoots first, and " + peer + ", which waits, is off before its turn comes."
}

// measure gathers when each step of a death was seen. Only the declaration of death is the node's own word.
func (s *stage) measure(d death, killed wire.Instant) (death, error) {
	d.beat = s.world.Observer.LastBeat(d.old, lab.Now())
	d.dead, _ = s.ear.dead(d.new, d.old, killed)
	for _, a := range s.world.Power.Log() {
		switch {
		case a.Node != d.old || a.At < killed || a.Answered == 0:
		case a.Verb == "off" && d.asked == 0:
			d.asked = a.At
		case a.Verb == "status" && a.Answer == "off" && d.asked != 0 && d.off == 0:
			d.off = a.Answered
		}
	}
	var holder *lab.Node
	if holder, d.held = s.holder(); holder == nil || holder.Name != d.new {
		return d, fmt.Errorf("%s answers, and does not hold %s", d.new, vip)
	}
	if d.off == 0 || d.held < d.off {
		return d, fmt.Errorf("%s took %s over before the power switch had confirmed %s off", d.new, vip, d.old)
	}
	gap, ok := s.client.SoFar().Handover(d.old, d.new)
	if !ok {
		return d, fmt.Errorf("the client was never answered by %s after %s", d.new, d.old)
	}
	d.answered, d.outage = gap.After.Got, gap.Length()
	return d, nil
}

func (s *stage) other(n *lab.Node) *lab.Node {
	for _, o := range s.world.Nodes {
		if o != n {
			return o
		}
	}
	return nil
}

// repair switches a dead node on again; it comes back as a member and takes nothing.
func (s *stage) repair(ctx context.Context, n *lab.Node) error {
	s.rest(ctx)
	s.title(n.Name + " is repaired")
	s.say("%s boots again and is admitted. The service stays where it is: a move costs a moment, so it is the operator's to "+
		"ask for (failback=yes would do it by itself).\n", n.Name)
	if err := n.Boot(); err != nil {
		return err
	}
	if err := s.serve(n); err != nil {
		return err
	}
	return s.awaitMembers(ctx)
}

// split is the third scene in figures.
type split struct {
	owner, shot string
	cut, off    wire.Instant
	gap         time.Duration // the client's longest, in this scene
}

// split cuts what joins the nodes. Both live, both reach the power switch and the client; one has to go.
func (s *stage) split(ctx context.Context) (x split, err error) {
	owner, _ := s.holder()
	if owner == nil {
		return x, fmt.Errorf("no node holds %s", vip)
	}
	peer := s.other(owner)
	x.owner, x.shot = owner.Name, peer.Name
	s.rest(ctx)
	s.title("Scene 3: both cables between the nodes are cut")
	s.say("Both nodes live, and the client reaches both; each only hears nothing of the other. Without fencing, both would "+
		"serve now. Here exactly one goes on: %s, which carries the service. %s\n", x.owner, s.whoGoesOn(x.owner, x.shot))
	from := len(s.client.SoFar().Answers)
	x.cut = lab.Now()
	s.begin(x.cut)
	s.pull(true)
	if err := s.world.CutBetween(x.owner, x.shot); err != nil {
		return x, err
	}
	s.line(x.cut, "demo", "cuts both cables")
	if err := s.await(ctx, "one of the nodes is off", func() bool { return !owner.On() || !peer.On() }); err != nil {
		return x, err
	}
	x.off = lab.Now()
	// The loser's turn would come now; nothing may come of it.
	past := x.cut + wire.Instant(4*time.Second)
	if err := s.await(ctx, "the loser's turn has passed", func() bool { return lab.Now() > past }); err != nil {
		return x, err
	}
	if !owner.On() || peer.On() {
		return x, fmt.Errorf("after the cut %s is on: %t, %s is on: %t; only %s should be", x.owner, owner.On(), x.shot, peer.On(), x.owner)
	}
	if holder, _ := s.holder(); holder != owner {
		return x, fmt.Errorf("after the cut %s does not hold %s", x.owner, vip)
	}
	probes := s.client.SoFar()
	probes.Answers = probes.Answers[max(0, from-1):]
	x.gap = probes.LongestGap().Length()
	if last, ok := s.client.Last(); !ok || lab.Between(last.Got, lab.Now()) > time.Second {
		return x, fmt.Errorf("after the cut the client is no longer answered")
	}
	if err := s.oneOwner(); err != nil {
		return x, err
	}
	s.pull(false)
	if err := s.world.Heal(); err != nil {
		return x, err
	}
	return x, s.repair(ctx, peer)
}
