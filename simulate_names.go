package main

import (
	"slices"
	"strings"

	"locum/config"
	"locum/console"
	"locum/simulate"
)

// manners are those of a node's power switch that can be played.
var manners = []string{"ok", "fail", "hang", "ignore", "late", "timeout", "slow"}

// knownNodes refuses the first name that no node of the file has. A mistyped name is no history: nothing is played.
func knownNodes(cfg *config.Config, flag string, names []string) error {
	return knownWords("node", nodeNames(cfg), flag, names)
}

func nodeNames(cfg *config.Config) (names []string) {
	for _, n := range cfg.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// knownCuts refuses a cut of what is neither a path nor a pair of nodes.
func knownCuts(cfg *config.Config, cuts []string) error {
	var paths []string
	for _, p := range cfg.Paths {
		paths = append(paths, p.Name)
	}
	for _, c := range cuts {
		a, b, pair := strings.Cut(c, ",")
		check := func() error { return knownWords("path", paths, "cut", []string{c}) }
		if pair {
			check = func() error { return knownNodes(cfg, "cut", []string{a, b}) }
		}
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// knownSwitches refuses a switch of no node, or in no manner that can be played.
func knownSwitches(cfg *config.Config, switches []string) error {
	for _, s := range switches {
		node, manner, both := strings.Cut(s, "=")
		if !both {
			return wrongUsage("--switch %s: want NODE=%s", s, strings.Join(manners, "|"))
		}
		if err := knownNodes(cfg, "switch", []string{node}); err != nil {
			return err
		}
		if err := knownWords("manner of a switch", manners, "switch", []string{manner}); err != nil {
			return err
		}
		if err := simulate.Try(cfg, "switch "+node+" "+manner); err != nil {
			return wrongUsage("--switch %s: %v", s, err)
		}
	}
	return nil
}

// playable is what --do can have happen; scenarios know more words, which are taken too.
var playable = []string{"boot", "kill", "leave", "pause", "resume", "kill-heart", "start-heart", "kill-engine", "cut", "cut-one-way", "heal", "switch", "fail",
	"lose-disk", "hang-disk", "find-disk"}

// knownEvent refuses an event that there is not, or not with this file, before anything is played.
func knownEvent(cfg *config.Config, what string) error {
	words := strings.Fields(what)
	switch {
	case len(words) == 0:
		return wrongUsage("--do: an event is missing after the time; there are %s", strings.Join(playable, ", "))
	case !simulate.IsCommand(words[0]):
		return knownWords("event", playable, "do", words[:1])
	case !slices.Contains(playable, words[0]):
		return nil
	}
	if err := simulate.Try(cfg, what); err != nil {
		return wrongUsage("--do %q: %v; see OTHER EVENTS in locum(8)", what, err)
	}
	return nil
}

func knownWords(kind string, exist []string, flag string, words []string) error {
	for _, w := range words {
		if !slices.Contains(exist, w) {
			return wrongUsage("--%s: no %s %q; there are %s%s", flag, kind, w, strings.Join(exist, ", "), console.DidYouMean(w, exist))
		}
	}
	return nil
}
