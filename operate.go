package main

import (
	"context"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"locum/console"
)

// changeFlags are those of every command that changes something.
func changeFlags(fs *pflag.FlagSet) *console.Change {
	ch := &console.Change{Out: os.Stdout, Live: terminal(os.Stdout)}
	fs.StringVar(&ch.Client.Socket, "socket", console.DefaultSocket, "the control socket of the node to ask")
	fs.DurationVar(&ch.Timeout, "timeout", 2*time.Minute, "how long to wait until it is so")
	fs.BoolVar(&ch.NoWait, "no-wait", false, "return once it is acknowledged")
	return ch
}

// parseChange reads the flags of a command that changes something.
func parseChange(ctx context.Context, fs *pflag.FlagSet, ch *console.Change, args []string, least, most int) ([]string, error) {
	words, err := parse(ctx, fs, args, least, most)
	if err == nil && ch.Timeout <= 0 {
		err = wrongUsage("--timeout %s is no time to wait; --no-wait does not wait", ch.Timeout)
	}
	return words, err
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func by() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// change runs every command that changes one thing: its name is the verb.
func change(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	ch := changeFlags(fs)
	c, _ := ctx.Value(commandKey{}).(command)
	most := 1
	if c.name == "move" || c.name == "maintenance" {
		most = 2
	}
	words, err := parseChange(ctx, fs, ch, args, 1, most)
	if err != nil {
		return err
	}
	ch.Command, err = commandOf(ctx, ch, c.name, words)
	if err != nil {
		return err
	}
	ch.Command.By = by()
	return ch.Run(ctx)
}

func commandOf(ctx context.Context, ch *console.Change, verb string, words []string) (console.Command, error) {
	cmd := console.Command{Verb: verb}
	if slices.Contains(words, "") {
		return cmd, wrongUsage("a name is empty")
	}
	switch verb {
	case "standby", "online":
		cmd.Node = words[0]
	case "clear":
		return clearOf(ctx, ch, words[0])
	case "maintenance":
		if words[0] != "on" && words[0] != "off" {
			return cmd, wrongUsage("%q is neither on nor off", words[0])
		}
		cmd.On = words[0] == "on"
		if len(words) == 2 {
			cmd.Service = words[1]
		}
	default:
		cmd.Service = words[0]
		if len(words) == 2 {
			cmd.Node = words[1]
		}
	}
	return cmd, nil
}

// clearOf finds out whether a word names a node or a service.
func clearOf(ctx context.Context, ch *console.Change, word string) (console.Command, error) {
	reply, err := ch.Client.Ask(ctx, console.Request{Verb: "status"})
	if err != nil {
		return console.Command{}, err
	}
	return console.ClearOf(word, reply.Status)
}
