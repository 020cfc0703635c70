package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// helpColumn is where the explanations begin; a usage that is longer has a line of its own.
const helpColumn = 42

func runHelp(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	words, err := parse(ctx, fs, args, 0, 1)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		showHelp(os.Stdout)
		return nil
	}
	c, err := find(words[0])
	if err != nil {
		return err
	}
	c.showHelp(os.Stdout)
	return nil
}

// showHelp writes all commands by what they are for.
func showHelp(w io.Writer) {
	fmt.Fprintln(w, "locum keeps services running on a small cluster. See it work first: locum demo")
	for _, p := range purposes {
		fmt.Fprintf(w, "\n%s:\n", p)
		for _, c := range commands() {
			if c.purpose == p {
				c.showLine(w)
			}
		}
	}
	fmt.Fprint(w, `
locum help COMMAND shows its flags. Commands that change something wait until it is so (--timeout, --no-wait).
Exit status: 0 done, 1 failed or unknown, 2 wrong usage or file, 3 not running or not quorate.
`)
}

func (c command) showLine(w io.Writer) {
	usage := "  " + strings.TrimSpace(c.name+" "+c.usage)
	if len(usage) >= helpColumn {
		fmt.Fprintln(w, usage)
		usage = ""
	}
	fmt.Fprintf(w, "%-*s%s\n", helpColumn, usage, c.help)
}

// showHelp writes one command with its flags.
func (c command) showHelp(w io.Writer) {
	fmt.Fprintf(w, "%s\n    %s\n%s", c.usageLine(), c.help, c.flags().FlagUsages())
}

func (c command) usageLine() string {
	return "usage: " + strings.TrimSpace("locum "+c.name+" "+c.usage)
}

func runVersion(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	if _, err := parse(ctx, fs, args, 0, 0); err != nil {
		return err
	}
	fmt.Println("locum " + version)
	return nil
}
