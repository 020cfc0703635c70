package config

import (
	"slices"
	"time"
)

// The parts of a worst case.

// claimTerms are what a claim on the quorum disk adds.
func (c *Config) claimTerms() []Term {
	return []Term{term("the claim on the disk", claimTime), term("the less important side lets the other be first", 2*c.Beat.Every)}
}

// offTerms are what it takes until a node is off.
func (c *Config) offTerms(what string, n Node) []Term {
	terms := []Term{term(what, c.FenceTime(n.Number))}
	if holds := c.holdup(n.Number); holds > 0 {
		terms = append(terms, term("what its supply may hold", holds))
	}
	return terms
}

// Settling is how long the turns of a tie wait until it is settled who is of which half: where there are more than two nodes one that both halves hear
// may be a member of the one and, at once, of the other, and each would shoot.
func (c *Config) Settling() time.Duration {
	if len(c.Nodes) > 2 {
		return c.Beat.Dead
	}
	return 0
}

// tieTerms are what a tie adds before the second side shoots.
func (c *Config) tieTerms() []Term {
	terms := []Term{term("delay, if the dead side would have shot first", c.tieDelay())}
	if settling := c.Settling(); settling > 0 {
		terms = append(terms, term("settling who is of which half", settling))
	}
	return terms
}

func (c *Config) tieDelay() time.Duration {
	for _, t := range c.Tiebreaks {
		if t.Type == "fence" {
			return t.Delay
		}
	}
	return 0
}

func (c *Config) leaseTerms() []Term {
	both := c.Lease + c.Watchdog.Timeout
	return []Term{term("lease", c.Lease), term("watchdog", c.Watchdog.Timeout), term("a tenth, for clocks that differ", both/10)}
}

func sumOf(terms []Term) time.Duration { return Row{Terms: terms}.Worst() }

// longestStart is how long at worst all is started that may have run on a node.
func (c *Config) longestStart(n Node) time.Duration {
	var longest time.Duration
	known := map[int]time.Duration{}
	for i := range c.Services {
		longest = max(longest, c.startOf(i, n, known))
	}
	return longest
}

// startOf is how long a service that may have run on a node takes to start, 0 if it cannot have: one resource after the other, once those run that it starts
// after and that may have run there too.
func (c *Config) startOf(i int, n Node, known map[int]time.Duration) time.Duration {
	s := &c.Services[i]
	if !slices.Contains(s.Nodes, n.Number) {
		return 0
	}
	if sum, ok := known[i]; ok {
		return sum
	}
	var sum time.Duration
	for _, k := range s.After {
		sum = max(sum, c.startOf(k, n, known))
	}
	for _, r := range s.Resources {
		sum += r.Start
	}
	known[i] = sum
	return sum
}
