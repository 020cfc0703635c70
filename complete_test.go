package main

import (
	"strings"
	"testing"
)

// TestCompletionKnowsEachCommandAndFlag holds each shell's script against the commands as they parse.
func TestCompletionKnowsEachCommandAndFlag(t *testing.T) {
	for shell, script := range map[string]string{"bash": bashCompletion(), "zsh": zshCompletion(), "fish": fishCompletion()} {
		for _, c := range commands() {
			if c.purpose == hidden {
				continue
			}
			begin := "\t" + c.name + ")\n"
			if shell == "fish" {
				begin = "-a " + c.name + " "
			}
			if !strings.Contains(script, begin) {
				t.Errorf("%s does not know %s", shell, c.name)
			}
			for _, flag := range c.flagWords() {
				if shell == "fish" {
					flag = "__fish_seen_subcommand_from " + c.name + "' -l " + strings.TrimPrefix(flag, "--") + "\n"
				}
				if !strings.Contains(script, flag) {
					t.Errorf("%s does not know %s of %s", shell, flag, c.name)
				}
			}
		}
	}
}
