package simulate

import (
	"slices"
	"strings"
)

// class names the checker that a failure comes from: the first word of what it says, without the command before it.
func class(failure string) string {
	words := strings.Split(failure, ": ")
	if strings.HasPrefix(failure, "expect ") && len(words) > 1 {
		return words[1]
	}
	return words[0]
}

// Classes lists the checkers that a script's failures come from, each once.
func Classes(failures []string) []string {
	var list []string
	for _, f := range failures {
		if c := class(f); !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

// shrinkTries bounds the search for a shorter script.
const shrinkTries = 2000

// healed stands before the commands that end all faults and demand that everything runs.
const healed = "# all faults are healed"

// Shrink takes commands out of a script that fails for as long as the same checker finds fault with it. What is left is
// what a person has to read.
func Shrink(s Script) Script {
	_, failures := s.Play()
	if len(failures) == 0 {
		return s
	}
	want := class(failures[0])
	tries := 0
	var tail []string
	if at := slices.Index(s.Commands, healed); at >= 0 && slices.Contains([]string{"liveness", "touched", "words"}, want) {
		s.Commands, tail = s.Commands[:at], s.Commands[at:] // what demands it, and lets it come about, stays
	}
	with := func(commands []string) Script {
		return Script{Config: s.Config, Commands: slices.Concat(commands, tail), loose: s.loose}
	}
	fails := func(commands []string) bool {
		tries++
		_, failures := with(commands).Play()
		return len(failures) > 0 && class(failures[0]) == want
	}
	for size := len(s.Commands) / 2; size > 0 && tries < shrinkTries; {
		removed := false
		for at := 0; at < len(s.Commands) && tries < shrinkTries; {
			shorter := slices.Delete(slices.Clone(s.Commands), at, min(at+size, len(s.Commands)))
			if !slices.Contains(s.Commands[at:min(at+size, len(s.Commands))], "mark") && fails(shorter) {
				s.Commands, removed = shorter, true
			} else {
				at += size
			}
		}
		if !removed {
			size /= 2
		}
	}
	return with(s.Commands)
}
