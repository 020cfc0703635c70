package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"locum/console"
)

// completion prints a script for a shell. It is made from the table of commands, each time anew, so that it cannot tell
// anything else than the program that prints it.
func completion(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	words, err := parse(ctx, fs, args, 1, 1)
	if err != nil {
		return err
	}
	script, ok := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[words[0]]
	if !ok {
		return wrongUsage("no completion for %q; there are bash, zsh and fish%s", words[0], console.DidYouMean(words[0], []string{"bash", "zsh", "fish"}))
	}
	fmt.Fprint(os.Stdout, script())
	return nil
}

// shownCommands are those that a person types.
func shownCommands() (list []command) {
	for _, c := range commands() {
		if c.purpose != hidden {
			list = append(list, c)
		}
	}
	return list
}

// flagWords are the flags of a command as they are typed.
func (c command) flagWords() (list []string) {
	c.flags().VisitAll(func(f *pflag.Flag) { list = append(list, "--"+f.Name) })
	return list
}

// argument is what may stand in one place of a command's usage.
type argument struct {
	words []string // these
	kinds []string // SERVICE, NODE, FILE, COMMAND
	many  bool     // or several, with commas between them
}

// arguments reads the places of a command from its usage; flags and their values are none.
func (c command) arguments() (list []argument) {
	for _, place := range strings.Fields(withoutFlags(c.usage)) {
		var a argument
		place, a.many = strings.CutSuffix(place, "[,NODE]")
		for _, word := range strings.Split(strings.Trim(place, "[]"), "|") {
			if word == strings.ToUpper(word) {
				a.kinds = append(a.kinds, word)
			} else {
				a.words = append(a.words, word)
			}
		}
		list = append(list, a)
	}
	return list
}

// withoutFlags leaves out what stands in brackets and begins with a dash.
func withoutFlags(usage string) string {
	var b strings.Builder
	depth := 0 // of brackets, within a flag's
	for i, r := range usage {
		switch {
		case depth == 0 && strings.HasPrefix(usage[i:], "[-"):
			depth = 1
		case depth > 0 && r == '[':
			depth++
		case depth > 0 && r == ']':
			depth--
		case depth == 0:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shellWords is what a POSIX shell has to evaluate to get the words of a place.
func (a argument) shellWords() string {
	list := a.words
	for _, kind := range a.kinds {
		switch kind {
		case "SERVICE":
			list = append(list, "$(locum names services 2>/dev/null)")
		case "NODE":
			list = append(list, "$(locum names nodes 2>/dev/null)")
		case "COMMAND":
			for _, c := range shownCommands() {
				list = append(list, c.name)
			}
		}
	}
	return strings.Join(list, " ")
}

func (a argument) isFile() bool { return len(a.kinds) == 1 && a.kinds[0] == "FILE" }
