package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"locum/wire"
)

// boards are devices that sit in the machine itself and live on its supply.
var boards = []string{"ipmi", "redfish"}

// boardAgents are how the agents of such devices are called.
var boardAgents = []string{"fence_ipmilan", "fence_ilo", "fence_idrac", "fence_imm", "fence_drac", "fence_redfish", "fence_rsa", "fence_bladecenter"}

// isBoard reports whether the device dies with its node's supply.
func (f Fence) isBoard() bool {
	return slices.Contains(boards, f.Type) || slices.ContainsFunc(boardAgents, func(a string) bool {
		return strings.HasPrefix(f.Agent[strings.LastIndex(f.Agent, "/")+1:], a)
	})
}

// KnowsMachine reports whether what the device says is of the machine itself, as a board or a guest's host sees it, and not of an
// outlet that feeds it.
func (f Fence) KnowsMachine() bool { return f.isBoard() || f.Type == "libvirt" }

// supplyHolds is for how long an outlet's machine is taken to run on by default. The least that supplies have to bridge is 16 ms at 80 % of their load (Intel, ATX12VO design guide, table
// 4-9); an idle machine takes many times that to drain them.
const supplyHolds = 500 * time.Millisecond

// holdupOf is the default of a line's holdup=: of an outlet, where its node may write to what its successor writes to as well. That two nodes hold an address for that long, or run a service
// that is stateless, destroys nothing.
func (c *Config) holdupOf(f Fence) time.Duration {
	if f.KnowsMachine() || f.Type == "manual" {
		return 0
	}
	for _, s := range c.Services {
		if !s.Stateless && slices.Contains(s.Nodes, f.Node) && slices.ContainsFunc(s.Resources, func(r Resource) bool { return r.Type != "vip" }) {
			return supplyHolds
		}
	}
	return 0
}

// holdup is the longest of a node's devices.
func (c *Config) holdup(n wire.Node) (longest time.Duration) {
	for _, f := range c.Fences {
		if f.Node == n {
			longest = max(longest, f.Holdup)
		}
	}
	return longest
}

// place is where a line's device is: its host or serial port; "" where the line does not say.
func (f Fence) place() string {
	for _, key := range []string{"address", "device", "ip", "ipaddr"} {
		if v := f.Keys[key]; v != "" {
			return v
		}
	}
	if u, err := url.Parse(cmp.Or(f.Keys["uri"], f.Keys["url-off"])); err == nil && u.Host != "" {
		return u.Host
	}
	return ""
}

// switchesOf are the places of devices whose loss takes the node's power along: not a board, and not one of two supplies.
func (c *Config) switchesOf(n wire.Node) []string {
	var list []string
	for _, level := range c.FencesOf(n) {
		p := level[0].place()
		elsewhere := func(f Fence) bool { return f.place() != p }
		if p != "" && !level[0].isBoard() && !slices.Contains(list, p) && !slices.ContainsFunc(level, elsewhere) {
			list = append(list, p)
		}
	}
	return list
}

// shared reports whether devices of several nodes are at a place.
func (c *Config) shared(place string) bool {
	first := slices.IndexFunc(c.Fences, func(f Fence) bool { return f.place() == place })
	return first >= 0 && slices.ContainsFunc(c.Fences[first:], func(f Fence) bool { return f.place() == place && f.Node != c.Fences[first].Node })
}

// fencesWithout are a node's levels that still can confirm when a device has died with the node: none of their devices is
// there, sits in the node, or is a person. lost tells whether any level is gone.
func (c *Config) fencesWithout(n wire.Node, place string) (left [][]Fence, lost bool) {
	for _, level := range c.FencesOf(n) {
		gone := func(f Fence) bool { return f.Type == "manual" || f.isBoard() || place != "" && f.place() == place }
		if slices.ContainsFunc(level, gone) {
			lost = true
			continue
		}
		left = append(left, level)
	}
	return left, lost
}

// deadWith is one thing that dies together with a node: the switch that feeds it, or ("") its own board, and what is left.
type deadWith struct {
	node  Node
	place string
	left  [][]Fence
}

// deadTogether lists what the loss of a supply takes along, for each node.
func (c *Config) deadTogether() []deadWith {
	var list []deadWith
	for _, n := range c.Nodes {
		places := c.switchesOf(n.Number)
		if slices.ContainsFunc(c.Fences, func(f Fence) bool { return f.Node == n.Number && f.isBoard() }) {
			places = append(places, "")
		}
		for _, p := range places {
			if left, lost := c.fencesWithout(n.Number, p); lost {
				list = append(list, deadWith{n, p, left})
			}
		}
	}
	return list
}

func (d deadWith) String() string {
	if d.place == "" {
		return fmt.Sprintf("%s loses its supply, and its management board with it", d.node.Name)
	}
	return fmt.Sprintf("%s dies together with the switch at %s", d.node.Name, d.place)
}

// explainDeadTogether says what comes of each.
func (c *Config) explainDeadTogether() []Row {
	var rows []Row
	for _, d := range c.deadTogether() {
		half := c.isHalf(d.node) && !c.has("disk") // which would have decided
		r := Row{Event: d.String(), Terms: []Term{term("dead", c.Beat.Dead), term("agreeing on a view", viewRounds)}}
		switch {
		case half:
			r.Terms = append(r.Terms, c.tieTerms()...)
		case c.isHalf(d.node):
			r.Terms = append(r.Terms, c.claimTerms()...)
		}
		r.Steps = append(r.Steps, "its device does not answer: that is unknown, and unlocks nothing; an alarm says so")
		switch {
		case len(d.left) > 0:
			r.Proof = "power confirmed off"
			r.Steps = append(r.Steps, fmt.Sprintf("%s confirms that it is off", namesOf(d.left[0])))
			r.Terms = append(r.Terms, c.offTerms("off and confirmation, all levels (the devices' time limits)", d.node)...)
		case c.provesByLease(d.node) && !half:
			r.Proof = "lease and watchdog's time over"
			r.Terms = append([]Term{term("agreeing on a view", viewRounds)}, c.leaseTerms()...)
			r.Steps = append(r.Steps, "its lease and its watchdog's time are over, as granted by the device")
		default:
			r.Proof, r.Terms = operatorsWord, nil
			r.Steps = append(r.Steps, fmt.Sprintf("nothing is left to prove that %s runs nothing: what it ran waits for \"locum fence %s --confirm\"", d.node.Name, d.node.Name))
		}
		rows = append(rows, r)
	}
	return rows
}

func namesOf(level []Fence) string {
	var list []string
	for _, f := range level {
		list = append(list, f.Name)
	}
	return strings.Join(list, " and ")
}

// warnDeadTogether names what the file does not survive, where that is easily overlooked: a board, or one switch for several
// nodes. The rows of Explain have the rest.
func (p *parser) warnDeadTogether() {
	c := p.cfg
	for _, d := range c.deadTogether() {
		half := c.isHalf(d.node) && !c.has("disk")
		if len(d.left) > 0 || c.provesByLease(d.node) && !half || d.place != "" && !c.shared(d.place) {
			continue
		}
		p.warn(c.FencesOf(d.node.Number)[0][0].Line, "when %s, nothing can prove that %s is off, and what it ran waits for an operator; add a level= with a device of its own supply",
			d, d.node.Name)
	}
}
